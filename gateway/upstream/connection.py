"""One connection to a model server: an asyncio protocol, parsed by llhttp, carrying one exchange at a time.

Its fate is always ours to decide. `finish` returns it to the pool only if the answer ended cleanly and the server keeps
it open; in every other case, a cancelled caller included, it is aborted at once, so that the server stops generating.

Reading is pushed back: when the caller does not take chunks, the transport stops reading and TCP tells the server.

It knows no redirects, proxies, cookies or decompression.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final, cast

import httptools

from gateway.upstream.errors import BrokenAnswer, UpstreamFailure
from gateway.upstream.exchange import MAX_HEAD_BYTES, MAX_TRAILER_BYTES, Deadlines, Exchange
from gateway.upstream.headers import RawHeaders
from gateway.upstream.timer import NEVER

_JOINED_WRITE_BYTES: Final = 64 * 1024
"""Up to here one copied write is cheaper than two."""


class Connection(Exchange):
    """A connection. Made by the pool; `on_done` is called after each exchange, `on_lost` once, when it is closed."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_lost: Callable[["Connection"], None],
        on_done: Callable[["Connection"], None],
    ) -> None:
        super().__init__(loop)
        self._on_lost = on_lost
        self._on_done = on_done
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._in_exchange = False
        self._headers_only = False
        self._sending = False
        self._writing_paused = False
        self._keep_alive = False
        self._head_bytes = 0
        self._trailer_bytes = 0
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
        self._keep_alive = False
        self._head_bytes = self._trailer_bytes = 0
        self._in_exchange = True
        self.exchanges += 1
        self._begin(deadlines)
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
            await self._wait_for_room()

    def _must_wait_to_write(self) -> bool:
        return self._writing_paused and not self.has_head and self._error is None

    def written(self) -> None:
        """The body is complete."""
        self._sending = False

    def done(self) -> None:
        """The caller is done: the pool keeps the connection, or lets it go."""
        self._on_done(self)

    def finish(self) -> bool:
        """End the exchange. True: clean, may be used again. False: the connection was aborted."""
        self._in_exchange = False
        self._forget()
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
        elif self._held_back:
            self._held_back = False
            self._let_come()
        return reusable

    def abort(self) -> None:
        """Close at once, dropping what was not sent; the server sees a reset and stops."""
        self._timer.stop()
        if not self.closed:
            self.closed = True
            if self._transport is not None:
                self._transport.abort()
            self._on_lost(self)

    def _hold_back(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def _let_come(self) -> None:
        if self._transport is not None and not self.closed:
            self._transport.resume_reading()

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
            return
        self._came()

    def eof_received(self) -> None:
        """The server closes its side; the transport closes itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""
        was_closed, self.closed = self.closed, True
        self._timer.close()
        # it holds this connection's methods: without it, whoever forgets the connection last frees both
        self._parser = None  # type: ignore[assignment] # nothing is parsed any more
        if self._in_exchange and not self.complete:
            if self.has_head and exc is None and self._error is None and not _is_framed(self.status, self.headers):
                self.complete = True
            elif self._error is None:
                self._error = self._broken_by(exc)
        if not was_closed:
            self._on_lost(self)
        self._wake()

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
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is complete; informational ones are passed over."""
        status = self._parser.get_status_code()
        if 100 <= status < 200:  # noqa: PLR2004 - the informational class
            self.headers = []
            self._informed(status)
            return
        if not 200 <= status < 600:  # noqa: PLR2004 - the classes that exist
            raise BrokenAnswer("malformed", f"status {status} does not exist")
        self._keep_alive = self._parser.should_keep_alive()
        self.status = status
        self.has_head = True
        if self._headers_only:
            self._keep_alive, self.complete, self._timer.at = False, True, NEVER

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._received(data)

    def on_message_complete(self) -> None:
        """The answer is complete."""
        if self.has_head:
            self._completed()


def _is_framed(status: int, headers: RawHeaders) -> bool:
    """Whether an answer's end can be told by anything but its connection's."""
    return status in (204, 304) or any(
        name == b"content-length" or (name == b"transfer-encoding" and b"chunked" in value.lower())
        for name, value in headers
    )
