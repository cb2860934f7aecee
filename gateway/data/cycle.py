"""One request and its answer on a client's connection: uvicorn's cycle, with the head and the first bytes in one write.

A head is held until the first piece of the body comes (an empty one flushes it), so that a whole answer is one system
call. Trailers go out where the body is chunked. Header fields are written as they are: they come from llhttp, which has
checked them, or from ourselves.
"""

from collections.abc import Iterable

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from gateway.data.api import ApiError
from shadow.exchange import Api

_NO_BODY_STATUSES = frozenset({204, 304})


Fields = Iterable[tuple[bytes, bytes]]


class Cycle(RequestResponseCycle):
    """Takes the same messages as any ASGI server."""

    _held_head = b""
    _has_body = True

    async def receive(self) -> ASGIReceiveEvent:
        """The next message; a body that is all here already costs no waiting."""
        ready = self.message_event.is_set() and not self.more_body and not self.waiting_for_100_continue
        if not ready or self.disconnected or self.response_complete:
            return await super().receive()
        self.flow.resume_reading()
        self.message_event.clear()
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: ASGISendEvent) -> None:
        """Write the message; waits while the client does not read."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            self._start(message["status"], list(message.get("headers", ())))
        elif message["type"] == "http.response.body":
            trailers: Fields = message.get("trailers", ())  # type: ignore[assignment] # ours, not ASGI's
            self._write(message.get("body", b""), ended=not message.get("more_body", False), trailers=trailers)

    async def send_500_response(self) -> None:
        """A bug of ours: uvicorn has logged it, the client gets the API's shape."""
        body = ApiError(500, "internal_error", "driftgate failed on this request.", kind="server_error").body(Api.CHAT)
        self.keep_alive = False
        self._start(500, [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))])
        self._write(body, ended=True)

    def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.response_started = True
        self.waiting_for_100_continue = False
        self._has_body = self.scope["method"] != "HEAD" and status not in _NO_BODY_STATUSES
        self.chunked_encoding = self._has_body
        parts = [STATUS_LINE[status]]
        for name, value in headers:
            if name == b"content-length":
                self.chunked_encoding = False
                self.expected_content_length = int(value)
            elif name == b"connection":  # only our own errors say so: a model server's is not passed on
                self.keep_alive = False
                continue
            parts += (name, b": ", value, b"\r\n")
        if self.chunked_encoding:
            if self.scope["http_version"] == "1.0":
                self.chunked_encoding = self.keep_alive = False  # an old client reads until the connection ends
                self.expected_content_length = -1
            else:
                parts.append(b"transfer-encoding: chunked\r\n")
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
        parts.append(b"\r\n")
        self._held_head = b"".join(parts)

    def _write(self, body: bytes, *, ended: bool, trailers: Fields = ()) -> None:
        head, self._held_head = self._held_head, b""
        if not self._has_body:
            body, self.expected_content_length = b"", 0
        elif self.chunked_encoding:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if ended:
                after = b"".join([b"%b: %b\r\n" % field for field in trailers]) if trailers else b""
                body += b"0\r\n%b\r\n" % after
        elif self.expected_content_length >= 0:
            self.expected_content_length -= len(body)
            ended_short = ended and self.expected_content_length > 0
            if self.expected_content_length < 0 or ended_short:
                self.transport.abort()  # neither a byte too many nor one too few may look like an answer
                return
        if head or body:
            self.transport.write(head + body)
        if ended:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()
