"""A request under way, as its caller sees it: the answer's head, its bytes as they come, its deadlines, its one error.

What HTTP/1.1 and HTTP/2 have in common. Who carries it, a connection of its own or a stream among others, puts bytes in
with `_received`, ends it with `_completed` or `_fail`, and says `_came` when it is done with what came: whoever waits
may go on within that call. The caller takes bytes out with `head`, `read` and `take`.

One lazy timer watches all deadlines, so that progress costs none. When the caller does not take bytes, `_hold_back` is
called at the high-water mark and `_let_come` once they are taken.
"""

import asyncio
from typing import Final

from gateway.upstream.errors import BrokenAnswer, TimedOut, UpstreamFailure
from gateway.upstream.headers import RawHeaders
from gateway.upstream.running import Awaited, waiter
from gateway.upstream.timer import NEVER, LazyTimer, clock

HIGH_WATER_BYTES: Final = 256 * 1024
"""Unread answer bytes at which reading stops: a few hundred events, far below what a slow reader could pile up."""
MAX_HEAD_BYTES: Final = 64 * 1024
"""Answer headers above this are an attack or a mistake."""
MAX_TRAILER_BYTES: Final = 8 * 1024
"""What comes above it is left out: a trailer is a checksum or a status, never a document."""
MAX_INFORMATIONAL: Final = 16
"""1xx answers before the real one; more is a flood."""


class Deadlines:
    """Seconds allowed: to connect (waiting for a free slot included), to the first byte, between chunks, in all."""

    __slots__ = ("between_chunks", "connect", "first_byte", "total")

    def __init__(
        self, connect: float = 5.0, first_byte: float = 600.0, between_chunks: float = 120.0, total: float = 3600.0
    ) -> None:
        self.connect: Final = connect
        self.first_byte: Final = first_byte
        self.between_chunks: Final = between_chunks
        self.total: Final = total

    def begun_within(self, seconds: float) -> "Deadlines":
        """The same, with at most `seconds` to connect, and to the first byte."""
        return Deadlines(min(seconds, self.connect), min(seconds, self.first_byte), self.between_chunks, self.total)


class Exchange:
    """A request and its answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiter: Awaited | None = None
        """Of whoever reads; `_room` is of whoever writes at the same time."""
        self._room: Awaited | None = None
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._held_back = False
        self._timer = LazyTimer(loop, self._on_due)
        self._total_at = NEVER
        self._between_chunks = NEVER
        self._first_byte = NEVER
        self._body_began = False
        self._informational = 0
        self._error: UpstreamFailure | None = None
        self.status = 0
        self.headers: RawHeaders = []
        self.trailers: RawHeaders = []
        self.has_head = False
        self.complete = False
        self.received_anything = False

    # ── the caller's side ─────────────────────────────────────────────────────────────────────────────────────────────

    async def head(self) -> None:
        """Wait until `status` and `headers` are there; raises `UpstreamFailure`."""
        while not self.has_head:
            await self.news()

    def news(self) -> Awaited:
        """What there is to wait for; raises `UpstreamFailure` where nothing more will come."""
        if self._error is not None:
            raise self._error
        self._waiter = made = waiter(self._loop)
        return made

    async def read(self) -> bytes:
        """The bytes that have come since the last call, waiting for some; empty at the end of the answer.

        Raises `UpstreamFailure` where the answer breaks, after all bytes that came before were returned.
        """
        while not self._chunks:
            if self.complete:
                return b""
            await self.news()
        return self.take()

    async def seen(self, most: int) -> bytes:
        """What the answer begins with, left where it is: all of it, or `most` bytes and more.

        Where the answer breaks, what came before; who reads on is told.
        """
        while not self.complete and self._error is None and self._buffered < most:
            await self.news()
        return b"".join(self._chunks)

    def take(self) -> bytes:
        """The bytes that are here already, without waiting."""
        chunks = self._chunks
        if not chunks:
            return b""
        joined = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._buffered = 0
        if self._held_back:
            self._held_back = False
            self._let_come()
            self._progress()
        return joined

    async def write(self, data: bytes) -> None:
        """The next bytes of the request's body; waits while the server does not take them, unless it has answered.

        Raises `UpstreamFailure` where the answer is lost.
        """
        raise NotImplementedError

    def written(self) -> None:
        """The body is complete."""
        raise NotImplementedError

    def done(self) -> None:
        """The caller is done, and calls this always: what can be used again is kept, what cannot is ended."""
        raise NotImplementedError

    def abort(self) -> None:
        """End it at once, whatever state it is in; the server stops."""
        raise NotImplementedError

    # ── whoever carries it ────────────────────────────────────────────────────────────────────────────────────────────

    def _hold_back(self) -> None:
        """The caller does not keep up: let the server wait."""

    def _let_come(self) -> None:
        """The caller has caught up."""

    def _begin(self, deadlines: Deadlines) -> None:
        """The request goes out."""
        self.status, self.headers, self.has_head, self.complete = 0, [], False, False
        if self.trailers:
            self.trailers = []
        self.received_anything = self._body_began = False
        self._informational = 0
        self._error = None
        now = clock()
        self._total_at = now + deadlines.total
        self._first_byte, self._between_chunks = deadlines.first_byte, deadlines.between_chunks
        self._timer.until(min(now + deadlines.first_byte, self._total_at))

    def _informed(self, status: int) -> None:
        """An answer of class 1xx came; raises `BrokenAnswer` where it is no interim one, or one too many."""
        self._informational += 1
        if status == 101 or self._informational > MAX_INFORMATIONAL:  # noqa: PLR2004 - Switching Protocols
            raise BrokenAnswer("malformed", f"an answer of status {status} that was not asked for")

    def _received(self, data: bytes) -> None:
        """A piece of the body."""
        self._chunks.append(data)
        self._buffered += len(data)
        self._body_began = True
        if self._buffered > HIGH_WATER_BYTES and not self._held_back:
            self._held_back = True
            self._hold_back()
            self._timer.at = self._total_at  # the reader is slow, not the server

    def _came(self) -> None:
        """All that came is taken in: the next bytes have their time, and whoever waits goes on."""
        if self._buffered and not (self.complete or self._held_back):
            self._progress()
        if self._waiter is not None or self._room is not None:
            self._wake()

    def _completed(self) -> None:
        """The answer is whole."""
        self.complete = True
        self._timer.at = NEVER

    def _fail(self, error: UpstreamFailure) -> None:
        """The answer broke, or took too long."""
        if self._error is None and not self.complete:
            self._error = error
        self.abort()
        self._wake()

    def _forget(self) -> None:
        """The caller takes nothing more."""
        self._timer.at = NEVER
        self._chunks.clear()
        self._buffered = 0

    async def _wait_for_room(self) -> None:
        self._room = waiter(self._loop)
        await self._room

    def _wake(self) -> None:
        reader, self._waiter = self._waiter, None
        if reader is not None and not reader.done():
            reader.set_result(None)
        writer, self._room = self._room, None
        if writer is not None and not writer.done():
            writer.set_result(None)

    def _on_due(self) -> None:
        if clock() >= self._total_at:
            self._fail(TimedOut("overlong", "the answer took longer than is allowed in all"))
        elif not self._body_began:
            self._fail(TimedOut("timeout", "the first byte did not come in time"))
        else:
            self._fail(TimedOut("stalled", "the answer stopped part-way"))

    def _progress(self) -> None:
        self._timer.until(min(clock() + self._between_chunks, self._total_at))
