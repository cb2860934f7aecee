"""One client's connection: HTTP/1.1 below any framework, parsed by llhttp, with the bounds that a gateway needs.

llhttp parses strictly (no bare LF, no length beside chunked). What is added here: requests that come before the last
one is answered keep their order; a head, a body, a client's reading and its silence have bounds and deadlines; whoever
serves a client that leaves is cancelled at once; what is no HTTP is refused in the API's shape.

A request is served from within the callback that brought its last byte, without a task (`gateway.upstream.running`).
Deadlines are looked at once for each piece that comes, and not at all for a request that comes whole.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from operator import attrgetter
from typing import Any, Final, cast

import httptools
import msgspec

from gateway.data.api import ROUTES, ApiError
from gateway.data.cycle import STATUS_LINE, Carrier, Cycle
from gateway.data.room import Room
from gateway.upstream.headers import RawHeaders
from gateway.upstream.running import Awaited, waiter
from gateway.upstream.timer import NEVER, LazyTimer, clock
from shadow.exchange import Api

_VERSIONS: Final = ("1.1", "1.0")
"""A request without a version would be HTTP/0.9, which has no headers: another server would read it otherwise."""
_HIGH_WATER_BYTES: Final = 64 * 1024
"""Bytes of a body that wait to be taken, at which no more are read."""
_PATH_AND_QUERY: Final = attrgetter("path", "query")
"""Of a parsed address. Each may be None: the stubs say that none is, and what is compiled would believe them."""
_FIELD_BYTES: Final = 4
"""What a header field has beside its name and value: a colon, a space, the end of the line."""


class ConnectionLimits(msgspec.Struct, frozen=True):
    """Bounds of one client's connection; seconds and bytes.

    `keep_alive` is longer than the usual client pool keeps a connection, so that it is the client who closes.
    `body_bytes_per_second`: what a body must reach on average once `body_progress_seconds` are over, so that a byte
    now and then keeps no connection. `unwanted_body`: of a body that was already answered (413), so much is read on and
    forgotten, so that the client gets to see the answer.
    """

    head_bytes: int = 64 * 1024
    head_seconds: float = 15.0
    body_progress_seconds: float = 30.0
    body_bytes_per_second: float = 512.0
    keep_alive_seconds: float = 75.0
    reader_seconds: float = 300.0
    unwanted_body_bytes: int = 64 * 1024 * 1024


class Shared:
    """What all connections of one worker share. `serve` answers a request; `serving` counts those under way."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        serve: Callable[[Cycle], Coroutine[Any, Any, None]],
        limits: ConnectionLimits,
        room: Room,
    ) -> None:
        self.loop = loop
        self.serve = serve
        self.limits = limits
        self.room = room
        self.connections: set[DataProtocol] = set()
        self.serving = 0


class DataProtocol(Carrier):
    """One client's connection. It carries its requests' cycles."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared.loop)
        self._shared = shared
        self._limits = shared.limits
        self._parser = httptools.HttpRequestParser(self)
        # so that a request is answered whose connection is to end after it, whatever follows
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._timer = LazyTimer(self.loop, self._on_due)
        self._writable: Awaited | None = None
        self._reading_paused = False
        self._last = False
        self._fresh: Cycle | None = None
        """Parsed, and to be served once the parser is done with what came."""
        self._served: Cycle | None = None
        self._parsed: Cycle | None = None
        """The last one, whose body is being read: that which is served, or one behind it in line."""
        self._line: deque[Cycle] = deque()
        self._in_head = self._in_body = False
        self._url = b""
        self._headers: RawHeaders = []
        self._head_bytes = self._arriving = 0
        self._unwanted_bytes = 0
        self._body_bytes = 0
        self._body_began_at = 0.0
        self._framed_bytes = self._framing_bytes = 0
        """How much of the body was there when it last grew, and what has come since: chunk sizes, trailers."""

    # ── the server's side ─────────────────────────────────────────────────────────────────────────────────────────────

    def finish(self) -> None:
        """One more answer at most: the present one, or that to a request which may be on its way already."""
        self._last = True
        if self._parsed is not None:
            self._parsed.keep_alive = False

    def shut(self) -> None:
        """No more answer than the present one."""
        if self._parsed is None or self._parsed.ended:
            self.transport.close()
        else:
            self._parsed.keep_alive = False

    # ── its cycles' side ──────────────────────────────────────────────────────────────────────────────────────────────

    def resume_reading(self) -> None:
        """What was read is taken: let more come."""
        if self._reading_paused:
            self._reading_paused = False
            self.transport.resume_reading()

    async def writable(self) -> None:
        """Wait until the client reads again."""
        self._writable = waiter(self.loop)
        await self._writable

    def answered(self) -> None:
        """The answer is out: the next request in line, or idle."""
        if self.transport.is_closing():
            return
        self.resume_reading()
        if self._line:
            self.loop.call_soon(self._serve_next)  # from the loop: a line of refusals must not pile up on the stack
        elif not self._in_body and not self._in_head:
            self._timer.until(clock() + self._limits.keep_alive_seconds)

    def served(self) -> None:
        """Nothing is left to do for the request."""
        self._shared.serving -= 1

    # ── the transport's side ──────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connects."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its ancestry
        self._shared.connections.add(self)
        self.is_beyond_room = not self._shared.room.takes(transport.get_extra_info("socket").fileno())
        self._timer.until(clock() + self._limits.keep_alive_seconds)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """The client is gone: whoever serves it must know at once."""
        self.is_gone = True
        self._shared.connections.discard(self)
        self._timer.close()
        served, self._served = self._served, None
        # a request knows its connection; let the connection forget it, or both would wait for a garbage collection
        self._fresh = self._parsed = None
        self._line.clear()
        self._parser = None  # type: ignore[assignment] # nothing is parsed any more; it holds this object's methods
        if served is not None:
            served.left()

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self.transport.is_closing():
            return
        self._arriving = len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fresh = None
            if self._in_head and self._is_head_too_long():
                self._refuse_long_head()
            else:
                self._refuse(400, "invalid_http", "Invalid HTTP request received.")
            return
        except httptools.HttpParserUpgrade:
            pass  # an offer to speak another protocol is not taken
        if (self._in_head or self._in_body) and not self._may_go_on(len(data)):
            return
        if (fresh := self._fresh) is not None:
            self._fresh = None
            self._serve(fresh)
        elif (served := self._served) is not None:
            served.stirred()

    def eof_received(self) -> None:
        """The client sends no more; the transport closes itself."""

    def pause_writing(self) -> None:
        """The client does not read: it has a while to go on."""
        self.must_wait = True
        self._timer.until(clock() + self._limits.reader_seconds)

    def resume_writing(self) -> None:
        """The client reads again."""
        self.must_wait = False
        if not self._in_body:
            self._timer.at = NEVER
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # ── the parser's side ─────────────────────────────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head = True
        self._url, self._headers = b"", []
        self._head_bytes = self._unwanted_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header field, its name as the client wrote it. What comes after a body is none, and goes nowhere."""
        if self._in_head:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is complete: the request is served, or stands in line behind the one that is."""
        parser = self._parser
        version = parser.get_http_version()
        if version not in _VERSIONS:
            raise httptools.HttpParserError(f"HTTP/{version} is not spoken here")
        if self._is_head_too_long():
            raise httptools.HttpParserError("a head that came in one piece, and is too long")
        self._in_head, self._in_body = False, True
        self._body_bytes, self._body_began_at = 0, 0.0
        self._framed_bytes, self._framing_bytes = 0, -self._arriving
        previous = self._parsed
        self._parsed = cycle = Cycle(
            self,
            parser.get_method().decode("ascii"),
            _KNOWN.get(self._url) or _split(self._url),
            version,
            self._headers,
            keep_alive=not self._last and version != "1.0" and parser.should_keep_alive(),
        )
        if previous is None or previous.ended:
            self._fresh = cycle
        else:
            self._pause_reading()
            self._line.append(cycle)

    def on_body(self, body: bytes) -> None:
        """A piece of the request's body."""
        cycle = self._parsed
        assert cycle is not None
        self._body_bytes += len(body)
        if not cycle.ended:
            cycle.received(body)
            if cycle.buffered > _HIGH_WATER_BYTES:
                self._pause_reading()
            return
        self._unwanted_bytes += len(body)
        if self._unwanted_bytes > self._limits.unwanted_body_bytes:
            self.transport.abort()

    def on_message_complete(self) -> None:
        """The request is complete; from here its answer has its own deadlines."""
        self._in_body = False
        self._timer.at = NEVER
        cycle = self._parsed
        assert cycle is not None
        cycle.complete = True
        if cycle.ended:
            self._timer.until(clock() + self._limits.keep_alive_seconds)

    # ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _serve(self, cycle: Cycle) -> None:
        self._served = cycle
        self._shared.serving += 1
        cycle.run(self._shared.serve)

    def _serve_next(self) -> None:
        if self._line and not self.transport.is_closing():
            self._serve(self._line.popleft())

    def _pause_reading(self) -> None:
        if not self._reading_paused:
            self._reading_paused = True
            self.transport.pause_reading()

    def _is_head_too_long(self) -> bool:
        """Whether what was parsed of the head is over its bound. Adds it up only where so many bytes have come."""
        bound = self._limits.head_bytes
        if self._head_bytes + self._arriving <= bound:
            return False
        return len(self._url) + sum(len(name) + len(value) + _FIELD_BYTES for name, value in self._headers) > bound

    def _refuse_long_head(self) -> None:
        self._refuse(431, "headers_too_large", "The request's headers are too long.")

    def _may_go_on(self, size: int) -> bool:
        """Set the deadline of a head or body of which `size` bytes have come; False where it is refused."""
        now = clock()
        if self._in_head:
            if not self._head_bytes:
                self._timer.until(now + self._limits.head_seconds)
            self._head_bytes += size
            if self._head_bytes > self._limits.head_bytes:
                self._refuse_long_head()
                return False
        else:
            began = self._body_began_at = self._body_began_at or now
            paid = began + self._body_bytes / self._limits.body_bytes_per_second
            self._timer.until(min(now, paid) + self._limits.body_progress_seconds)
            if self._body_bytes > self._framed_bytes:
                self._framed_bytes, self._framing_bytes = self._body_bytes, 0
            else:
                self._framing_bytes += size
                if self._framing_bytes > self._limits.head_bytes:
                    self._refuse(431, "headers_too_large", "What comes between or after the body's chunks is too long.")
                    return False
        return True

    def _on_due(self) -> None:
        if self._in_head:
            self._refuse(408, "request_timeout", "The request's headers took too long.")
        else:
            self.transport.abort()

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer outside the application, and close."""
        if self._parsed is not None and self._parsed.started and not self._parsed.ended:
            self.transport.abort()  # an answer is on its way: a second one in its midst would be part of it
            return
        body = ApiError(status, code, message).body(Api.CHAT)
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()


_KNOWN: Final = {path.encode(): (path, b"") for path in ROUTES}
"""Nearly every request's target."""


def _split(url: bytes) -> tuple[str, bytes]:
    """Path and query of a request target. Escapes stay: no route has any, and an escaped slash is not a slash."""
    if not url.startswith(b"/"):
        path, query = _PATH_AND_QUERY(httptools.parse_url(url))
        return (path or b"/").decode("latin-1"), query or b""
    path, _, query = url.partition(b"?")
    return path.decode("latin-1"), query.partition(b"#")[0]
