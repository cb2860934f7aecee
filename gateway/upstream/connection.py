"""One connection to a model server: an asyncio protocol, parsed by llhttp, carrying one exchange at a time.

Its fate is always ours to decide. `finish` returns it to the pool only if the answer ended cleanly and the server keeps
it open; in every other case, a cancelled caller included, it is aborted at once, so that the server stops generating.

One lazy timer watches all deadlines, so that progress costs none.

Reading is pushed back: when the caller does not take chunks, the transport stops reading and TCP tells the server.

It knows no redirects, proxies, cookies or decompression.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, cast

import httptools

from gateway.upstream.errors import BrokenAnswer, TimedOut, UpstreamFailure
from gateway.upstream.headers import RawHeaders
from gateway.upstream.timer import NEVER, LazyTimer

HIGH_WATER_BYTES: Final = 256 * 1024
"""Unread answer bytes at which reading stops: a few hundred events, far below what a slow reader could pile up."""
LOW_WATER_BYTES: Final = 64 * 1024
MAX_HEAD_BYTES: Final = 64 * 1024
"""Answer headers above this are an attack or a mistake."""
MAX_TRAILER_BYTES: Final = 8 * 1024
"""What comes above it is left out: a trailer is a checksum or a status, never a document."""
MAX_INFORMATIONAL: Final = 16
"""1xx answers before the real one; more is a flood."""
_JOINED_WRITE_BYTES: Final = 64 * 1024
"""Up to here one copied write is cheaper than two."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds allowed: to connect (waiting for a free slot included), to the first byte, between chunks, in all."""

    connect: float = 5.0
    first_byte: float = 600.0
    between_chunks: float = 120.0
    total: float = 3600.0


class Connection(asyncio.Protocol):
    """A connection. Made by the pool; `on_lost` is called once, when it is closed, by whichever side."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_lost: Callable[["Connection"], None]) -> None:
        self._loop = loop
        self._on_lost = on_lost
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        """Of whoever reads; `_room` is of whoever writes at the same time."""
        self._room: asyncio.Future[None] | None = None
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._reading_paused = False
        self._timer = LazyTimer(loop, self._on_due)
        self._total_at = NEVER
        self._between_chunks = NEVER
        self._in_exchange = False
        self._headers_only = False
        self._sending = False
        self._writing_paused = False
        self._first_byte = NEVER
        self._has_framing = False
        self._keep_alive = False
        self._body_began = False
        self._head_bytes = 0
        self._informational = 0
        self._error: UpstreamFailure | None = None
        self.status = 0
        self.headers: RawHeaders = []
        self.trailers: RawHeaders = []
        self._trailer_bytes = 0
        self.has_head = False
        self.complete = False
        self.received_anything = False
        self.exchanges = 0
        self.idle_since = 0.0
        self.closed = False

    # ── the caller's side ─────────────────────────────────────────────────────────────────────────────────────────────

    def send(
        self, head: bytes, body: bytes, deadlines: Deadlines, *, headers_only: bool = False, more: bool = False
    ) -> None:
        """Start an exchange: write the request and set its deadlines.

        `headers_only`: the answer has no body, whatever its head says (HEAD). `more`: the body goes on with `write`.
        """
        assert self._transport is not None
        self._headers_only, self._sending = headers_only, more
        self.status, self.headers, self.has_head, self.complete = 0, [], False, False
        self.received_anything = self._has_framing = self._keep_alive = self._body_began = False
        self._head_bytes = self._informational = 0
        if self._trailer_bytes:
            self.trailers, self._trailer_bytes = [], 0
        self._error = None
        self._in_exchange = True
        self.exchanges += 1
        now = monotonic()
        self._total_at = now + deadlines.total
        self._first_byte, self._between_chunks = deadlines.first_byte, deadlines.between_chunks
        self._timer.until(min(now + deadlines.first_byte, self._total_at))
        if len(body) < _JOINED_WRITE_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)

    async def write(self, data: bytes) -> None:
        """The next bytes of the request's body; waits while the server does not read, unless it has answered already.

        Raises `UpstreamFailure` where the connection is gone.
        """
        if self._error is not None:
            raise self._error
        if self._transport is None or self.closed or self.has_head:
            return
        self._transport.write(data)
        self._timer.until(min(monotonic() + self._first_byte, self._total_at))
        while self._must_wait_to_write():
            self._room = self._loop.create_future()
            try:
                await self._room
            finally:
                self._room = None

    def _must_wait_to_write(self) -> bool:
        return self._writing_paused and not self.has_head and self._error is None

    def written(self) -> None:
        """The body is complete."""
        self._sending = False

    async def head(self) -> None:
        """Wait until `status` and `headers` are there; raises `UpstreamFailure`."""
        while not self.has_head:
            if self._error is not None:
                raise self._error
            await self._wait()

    async def read(self) -> bytes:
        """The bytes that have come since the last call, waiting for some; empty at the end of the answer.

        Raises `UpstreamFailure` where the answer breaks, after all bytes that came before were returned.
        """
        while not self._chunks:
            if self.complete:
                return b""
            if self._error is not None:
                raise self._error
            await self._wait()
        return self.take()

    def take(self) -> bytes:
        """The bytes that are here already, without waiting."""
        chunks = self._chunks
        if not chunks:
            return b""
        joined = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._buffered = 0
        if self._reading_paused:
            self._reading_paused = False
            if self._transport is not None and not self.closed:
                self._transport.resume_reading()
            self._progress()
        return joined

    def finish(self) -> bool:
        """End the exchange. True: clean, may be used again. False: the connection was aborted."""
        self._in_exchange = False
        self._timer.at = NEVER
        self._chunks.clear()
        self._buffered = 0
        reusable = (
            self.complete
            and not self.closed
            and self._error is None
            and self._keep_alive
            and not self._sending
            and self._transport is not None
            and self._transport.get_write_buffer_size() == 0
        )
        if not reusable:
            self.abort()
        elif self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()
        return reusable

    def abort(self) -> None:
        """Close at once, dropping what was not sent; the server sees a reset and stops."""
        self._timer.stop()
        if not self.closed:
            self.closed = True
            if self._transport is not None:
                self._transport.abort()
            self._on_lost(self)

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        waiter = self._room
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail(self, error: UpstreamFailure) -> None:
        if self._error is None and not self.complete:
            self._error = error
        self._wake()
        self.abort()

    # ── deadlines ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _on_due(self) -> None:
        if monotonic() >= self._total_at:
            self._fail(TimedOut("overlong", "the answer took longer than is allowed in all"))
        elif not self._body_began:
            self._fail(TimedOut("timeout", "the first byte did not come in time"))
        else:
            self._fail(TimedOut("stalled", "the answer stopped part-way"))

    def _progress(self) -> None:
        self._body_began = True
        self._timer.until(min(monotonic() + self._between_chunks, self._total_at))

    # ── the transport's side ──────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its ancestry

    def pause_writing(self) -> None:
        """The server does not read as fast as we write."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """It reads again."""
        self._writing_paused = False
        if self._sending:
            self._wake()

    def data_received(self, data: bytes) -> None:
        """Bytes from the server."""
        if not self._in_exchange or self.complete:
            self.abort()  # bytes that nobody asked for: never reuse this connection
            return
        self.received_anything = True
        if not self.has_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            # after a complete answer these are bytes that nobody asked for: it stands, the connection does not
            self._fail(BrokenAnswer("malformed", f"the answer is not HTTP: {error}"))
            return
        if not self.has_head and self._head_bytes > MAX_HEAD_BYTES:
            self._fail(BrokenAnswer("oversized", "the answer's headers are too long"))

    def eof_received(self) -> None:
        """The server closes its side; the transport closes itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""
        was_closed, self.closed = self.closed, True
        self._timer.close()
        # it holds this connection's methods: without it, whoever forgets the connection last frees both
        self._parser = None  # type: ignore[assignment] # nothing is parsed any more
        if self._in_exchange and not self.complete:
            if self.has_head and not self._has_framing and exc is None and self._error is None:
                self.complete = True
            elif self._error is None:
                self._error = self._broken_by(exc)
        self._wake()
        if not was_closed:
            self._on_lost(self)

    def _broken_by(self, exc: Exception | None) -> UpstreamFailure:
        if self.has_head and exc is None:
            return BrokenAnswer("truncated", "the connection closed before the answer was complete")
        return BrokenAnswer("reset", "the connection was reset" if exc else "the connection closed without an answer")

    # ── the parser's side ─────────────────────────────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        """A status line begins. A second one after a complete answer is nobody's."""
        if self.complete:
            raise BrokenAnswer("malformed", "a second answer to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header field; fields after the body are trailers."""
        if self.has_head:
            self._trailer_bytes += len(name) + len(value)
            if self._trailer_bytes <= MAX_TRAILER_BYTES:
                self.trailers.append((name.lower(), value))
        else:
            name = name.lower()
            if name == b"content-length" or (name == b"transfer-encoding" and b"chunked" in value.lower()):
                self._has_framing = True
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is complete; informational ones are passed over."""
        status = self._parser.get_status_code()
        if 100 <= status < 200:  # noqa: PLR2004 - the informational class
            self._informational += 1
            self.headers = []
            self._has_framing = False
            if status == 101 or self._informational > MAX_INFORMATIONAL:  # noqa: PLR2004 - Switching Protocols
                raise BrokenAnswer("malformed", f"an answer of status {status} that was not asked for")
            return
        if not 200 <= status < 600:  # noqa: PLR2004 - the classes that exist
            raise BrokenAnswer("malformed", f"status {status} does not exist")
        if status in (204, 304):
            self._has_framing = True
        self._keep_alive = self._parser.should_keep_alive()
        self.status = status
        self.has_head = True
        if self._headers_only:
            self._keep_alive, self.complete, self._timer.at = False, True, NEVER
        self._wake()

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._chunks.append(data)
        self._buffered += len(data)
        if self._buffered > HIGH_WATER_BYTES and not self._reading_paused and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()
            self._timer.at = self._total_at  # the reader is slow, not the server
        else:
            self._progress()
        self._wake()

    def on_message_complete(self) -> None:
        """The answer is complete."""
        if self.has_head:
            self.complete = True
            self._timer.at = NEVER
            self._wake()
