"""One request on a client's connection, and its answer: what the application reads from and writes to.

Writing never waits. Who writes piece by piece asks `room` between them, which waits while the client does not read.
A head is held until the first piece of the body comes (an empty one flushes it), so that a whole answer is one system
call. Trailers go out where the body is chunked. Header fields are written as they are: they come from llhttp, which has
checked them, or from ourselves.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final

from gateway.data.api import ApiError
from gateway.upstream.headers import RawHeaders
from gateway.upstream.running import Awaited, Running, waiter
from shadow.exchange import Api

logger = logging.getLogger(__name__)

_NO_BODY_STATUSES: Final = frozenset({204, 304})
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
STATUS_LINE: Final = {
    status: f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n".encode() for status in range(100, 600)
}
_UNTIL_CLOSED: Final = -1
"""The length of a body that ends with its connection."""


class Carrier:
    """The connection, as its requests see it. No `Protocol`: compiled code would look up each of its names."""

    transport: asyncio.Transport
    is_gone: bool = False
    is_beyond_room: bool = False
    """Accepted only to be told that there is no room (`gateway.data.room`)."""
    must_wait: bool = False
    """Whether the client does not read what was written."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def resume_reading(self) -> None:
        """What was read is taken: let more come."""
        raise NotImplementedError

    async def writable(self) -> None:
        """Wait until the client reads again."""
        raise NotImplementedError

    def answered(self) -> None:
        """The answer is out."""
        raise NotImplementedError

    def served(self) -> None:
        """Nothing is left to do for the request."""
        raise NotImplementedError


class Cycle:
    """A request and its answer. `complete`: all of the request's body has come. `ended`: the answer is out."""

    __slots__ = (
        "_chunked",
        "_cut",
        "_expects_continue",
        "_has_body",
        "_held_head",
        "_length",
        "_news",
        "_parts",
        "_running",
        "buffered",
        "carrier",
        "complete",
        "ended",
        "headers",
        "keep_alive",
        "method",
        "path",
        "query",
        "started",
        "version",
    )

    def __init__(
        self,
        carrier: Carrier,
        method: str,
        target: tuple[str, bytes],
        version: str,
        headers: RawHeaders,
        *,
        keep_alive: bool,
    ) -> None:
        self.carrier = carrier
        self.method = method
        self.path, self.query = target
        self.version = version
        self.headers = headers
        self.keep_alive = keep_alive
        self.complete = self.started = self.ended = False
        self.buffered = 0
        self._parts: list[bytes] = []
        self._news: Awaited | None = None
        self._running: Running | None = None
        self._expects_continue = self._cut = False
        self._held_head = b""
        self._has_body = self._chunked = True
        self._length = 0

    # ── the application's side ────────────────────────────────────────────────────────────────────────────────────────

    def expect_continue(self) -> None:
        """The client sends its body once it is told to."""
        self._expects_continue = True

    async def read(self) -> bytes:
        """The next bytes of the request's body, as they come; empty at its end."""
        while not self._parts and not self.complete:
            if self._expects_continue:
                self._expects_continue = False
                self.carrier.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._news = waiter(self.carrier.loop)
            await self._news
        return self.take()

    def take(self) -> bytes:
        """The bytes of the request's body that are here already."""
        parts = self._parts
        taken = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self.buffered = 0
        self.carrier.resume_reading()
        return taken

    def start(self, status: int, headers: RawHeaders, lines: bytes = b"") -> None:
        """The answer's head. `lines` are more of its fields, as they go out."""
        self.started = True
        self._expects_continue = False
        self._has_body = status not in _NO_BODY_STATUSES and self.method != "HEAD"
        self._chunked = self._has_body
        parts = [STATUS_LINE[status]]
        for name, value in headers:
            if name == b"content-length":
                self._chunked = False
                self._length = int(value)
            elif name == b"connection":  # only our own errors say so: a model server's is not passed on
                self.keep_alive = False
                continue
            parts.append(b"%b: %b\r\n" % (name, value))
        parts.append(lines)
        if self._chunked:
            if self.version == "1.0":
                self._chunked = self.keep_alive = False  # an old client reads until the connection ends
                self._length = _UNTIL_CLOSED
            else:
                parts.append(b"transfer-encoding: chunked\r\n")
        parts.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        self._held_head = b"".join(parts)

    def write(self, body: bytes) -> None:
        """A piece of the answer's body."""
        self._send(body, ended=False, trailers=())

    def end(self, body: bytes = b"", trailers: RawHeaders | tuple[()] = ()) -> None:
        """The last piece of the answer's body."""
        self._send(body, ended=True, trailers=trailers)

    async def room(self) -> None:
        """Wait while the client does not read."""
        while self.carrier.must_wait:
            await self.carrier.writable()

    def abort(self) -> None:
        """Cut the connection: the client must not take half an answer for a whole one."""
        self._cut = True
        self.carrier.transport.abort()

    # ── the connection's side ─────────────────────────────────────────────────────────────────────────────────────────

    def received(self, body: bytes) -> None:
        """A piece of the request's body."""
        self._parts.append(body)
        self.buffered += len(body)

    def stirred(self) -> None:
        """Something has come: whoever reads goes on, within this call."""
        news, self._news = self._news, None
        if news is not None and not news.done():
            news.set_result(None)

    def run(self, serve: Callable[["Cycle"], Coroutine[Any, Any, None]]) -> None:
        """Serve the request; returns where that has to wait."""
        self._running = Running(self.carrier.loop, serve(self), self._on_end)
        self._running.go_on()

    def left(self) -> None:
        """The client is gone: whatever is being done for it is cancelled at once."""
        if self._running is not None:
            self._running.cancel()

    def _on_end(self, error: BaseException | None) -> None:
        self._running = None
        if not self.carrier.is_gone:
            if error is not None:
                logger.error("driftgate failed on a request to %s", self.path, exc_info=error)
            elif not self.ended and not self._cut:
                logger.error("a request to %s was not answered to its end", self.path)
            if not self.started:
                self._fail()
            elif not self.ended:
                self.abort()
        elif error is not None and not isinstance(error, asyncio.CancelledError):
            logger.error("driftgate failed on a request to %s, whose client left", self.path, exc_info=error)
        self.carrier.served()

    def _fail(self) -> None:
        """A bug of ours: the client gets the API's shape."""
        body = ApiError(500, "internal_error", "driftgate failed on this request.", kind="server_error").body(Api.CHAT)
        self.keep_alive = False
        self.start(500, [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))])
        self.end(body)

    def _send(self, body: bytes, *, ended: bool, trailers: RawHeaders | tuple[()]) -> None:
        carrier = self.carrier
        if carrier.is_gone:
            return
        head, self._held_head = self._held_head, b""
        if not self._has_body:
            body = b""
        elif self._chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if ended:
                after = b"".join([b"%b: %b\r\n" % field for field in trailers]) if trailers else b""
                body += b"0\r\n%b\r\n" % after
        elif self._length != _UNTIL_CLOSED:
            self._length -= len(body)
            if self._length < 0 or (ended and self._length > 0):
                self.abort()  # neither a byte too many nor one too few may look like an answer
                return
        if head or body:
            carrier.transport.write(head + body)
        if ended:
            self.ended = True
            if not self.keep_alive:
                carrier.transport.close()
            carrier.answered()
