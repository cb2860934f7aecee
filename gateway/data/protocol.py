"""uvicorn's HTTP protocol plus what a gateway must add: bounds on heads, deadlines, and word of clients that leave.

uvicorn parses strictly (llhttp; no bare LF, no length beside chunked) and keeps order among pipelined requests. It has
no bound on a head, no deadline for a slow one, tells nobody that a client left until it is asked, and words its own
errors as plain text.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.data.api import ROUTES, ApiError
from gateway.data.app import LINK
from gateway.data.cycle import Cycle
from gateway.data.room import Room
from gateway.upstream.timer import NEVER, LazyTimer
from shadow.exchange import Api

_VERSIONS: Final = ("1.1", "1.0")
"""A request without a version would be HTTP/0.9, which has no headers: another server would read it otherwise."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
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


class DataProtocol(HttpToolsProtocol):
    """One client's connection. It is the application's `Link`."""

    def __init__(
        self,
        config: Config,
        state: ServerState,
        loop: asyncio.AbstractEventLoop,
        limits: ConnectionLimits,
        room: Room,
    ) -> None:
        super().__init__(config, state, {}, loop)
        self.is_beyond_room = False
        self._room = room
        self.on_left: Callable[[], object] | None = None
        self._limits = limits
        self._timer = LazyTimer(loop, self._on_due)
        self._gone = False
        self._asked = self._last = False
        self._in_head = False
        self._in_body = False
        self._head_bytes = 0
        self._unwanted_bytes = 0
        self._body_bytes = 0
        self._body_began_at = 0.0

    def has_left(self) -> bool:
        """Whether the client is gone."""
        return self._gone

    def finish(self) -> None:
        """One more answer at most: the present one, or that to a request which may be on its way already."""
        self._last = True
        if self._asked:
            self.cycle.keep_alive = False

    def abort(self) -> None:
        """Cut the connection: the client must not take half an answer for a whole one."""
        self.transport.abort()

    # ── the transport's side ──────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """A client connects."""
        self.is_beyond_room = not self._room.takes(transport.get_extra_info("socket").fileno())
        self._timer.until(monotonic() + self._limits.keep_alive_seconds)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: whoever serves it must know at once."""
        self._gone = True
        self._timer.close()
        super().connection_lost(exc)
        # a request knows its connection; let the connection forget it, or both would wait for a garbage collection
        self.cycle = self.scope = None  # type: ignore[assignment] # as uvicorn sets them up
        if self.on_left is not None:
            self.on_left()

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes:
                self._refuse(431, "headers_too_large", "The request's headers are too long.")

    def pause_writing(self) -> None:
        """The client does not read: it has a while to go on."""
        self._timer.until(monotonic() + self._limits.reader_seconds)
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client reads again."""
        if not self._in_body:
            self._timer.at = NEVER
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is refused in the API's shape."""
        self._refuse(400, "invalid_http", msg)

    # ── the parser's side ─────────────────────────────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope[LINK] = self  # type: ignore[typeddict-unknown-key] # extension of the scope
        self._in_head, self._head_bytes, self._unwanted_bytes = True, 0, 0
        self._timer.until(monotonic() + self._limits.head_seconds)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header field."""
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is complete: serve the request, or queue it behind the one that is being served."""
        self._in_head, self._in_body = False, True
        self._body_bytes, self._body_began_at = 0, monotonic()
        self._timer.until(self._body_began_at + self._limits.body_progress_seconds)
        version = self.parser.get_http_version()
        if version not in _VERSIONS:
            raise httptools.HttpParserError(f"HTTP/{version} is not spoken here")
        path, query = _split(self.url)
        scope = self.scope
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["path"] = path
        scope["raw_path"] = path.encode()
        scope["query_string"] = query
        previous = self.cycle if self._asked else None
        self._asked = True
        self.cycle = Cycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=not self._last and version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if previous is None or previous.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        """A piece of the request's body."""
        self._body_bytes += len(body)
        paid = self._body_began_at + self._body_bytes / self._limits.body_bytes_per_second
        self._timer.until(min(monotonic(), paid) + self._limits.body_progress_seconds)
        if self.cycle.response_complete:
            self._unwanted_bytes += len(body)
            if self._unwanted_bytes > self._limits.unwanted_body_bytes:
                self.transport.abort()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete; from here its answer has its own deadlines."""
        self._in_body = False
        self._timer.at = NEVER
        super().on_message_complete()
        if self.cycle.response_complete:
            self._timer.until(monotonic() + self._limits.keep_alive_seconds)

    def on_response_complete(self) -> None:
        """The answer is out: the next request, or idle."""
        super().on_response_complete()
        if not self._in_body and not self.pipeline:
            self._timer.until(monotonic() + self._limits.keep_alive_seconds)

    def _on_due(self) -> None:
        if self._in_head:
            self._refuse(408, "request_timeout", "The request's headers took too long.")
        else:
            self.transport.abort()

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer outside the application, and close."""
        if self._asked and self.cycle.response_started and not self.cycle.response_complete:
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
    known = _KNOWN.get(url)
    if known is not None:
        return known
    if not url.startswith(b"/"):
        parsed = httptools.parse_url(url)
        return (parsed.path or b"/").decode("latin-1"), parsed.query or b""
    path, _, query = url.partition(b"?")
    return path.decode("latin-1"), query.partition(b"#")[0]
