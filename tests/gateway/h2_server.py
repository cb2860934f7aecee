"""A model server that speaks HTTP/2 on a raw socket, and does exactly what a test tells it.

`Http2Server.asked` and `.ended` are its own log: what reached it, and how each stream ended.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import anyio
import anyio.lowlevel
import h2.events as happened
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import H2Error
from h2.settings import SettingCodes

OK: Final = [(":status", "200"), ("content-type", "application/json")]
STREAM: Final = [(":status", "200"), ("content-type", "text/event-stream")]


@dataclass(frozen=True, slots=True)
class Asked2:
    """One request as it came."""

    headers: list[tuple[str, str]]
    body: bytes
    connection: int

    def header(self, name: str) -> str | None:
        """The value of a header, None where it did not come."""
        return next((value for key, value in self.headers if key == name), None)


class Reply:
    """The server's end of one stream, for a script to write to."""

    def __init__(self, speaker: "Speaker", number: int) -> None:
        self._speaker = speaker
        self.number = number

    def send(self, data: bytes, *, ends: bool = False) -> None:
        """Write, whatever the window says is left of it is the test's own care."""
        self._speaker.h2.send_data(self.number, data, end_stream=ends)
        self._speaker.flush()

    def head(self, fields: list[tuple[str, str]], *, ends: bool = False) -> None:
        """Write a head, or trailers."""
        self._speaker.h2.send_headers(self.number, fields, end_stream=ends)
        self._speaker.flush()

    def window(self) -> int:
        """How much the client still takes."""
        return self._speaker.h2.local_flow_control_window(self.number)

    def reset(self, code: ErrorCodes = ErrorCodes.INTERNAL_ERROR) -> None:
        """End the stream."""
        self._speaker.h2.reset_stream(self.number, code)
        self._speaker.flush()

    def go_away(self, last: int) -> None:
        """Announce that streams above `last` are not served; the others go on (h2 itself would say no more)."""
        of_the_connection, no_error = (0).to_bytes(4, "big"), (0).to_bytes(4, "big")
        self._speaker.transport.write(b"\0\0\x08\x07\0" + of_the_connection + last.to_bytes(4, "big") + no_error)

    def cut(self) -> None:
        """End the connection."""
        self._speaker.transport.abort()

    def raw(self, data: bytes) -> None:
        """Bytes that are no HTTP/2."""
        self._speaker.transport.write(data)


Script2: TypeAlias = Callable[[Asked2, Reply], Awaitable[None]]


@dataclass
class Http2Server:
    """A running server. `open` counts streams under way, `connections` those now open, `seen` all that ever were."""

    port: int
    script: Script2
    asked: list[Asked2] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)
    open: int = 0
    connections: int = 0
    seen: int = 0

    def url(self, scheme: str = "http") -> str:
        """What a configuration calls it."""
        return f"{scheme}://127.0.0.1:{self.port}/v1"

    async def emptied(self, within_seconds: float = 1.0) -> None:
        """Wait until no stream is under way."""
        with anyio.fail_after(within_seconds):
            while self.open:  # noqa: ASYNC110 - polled with a deadline
                await anyio.sleep(0.005)


class Speaker(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: Http2Server, settings: Mapping[SettingCodes, int]) -> None:
        self._server = server
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._settings: dict[SettingCodes | int, int] = dict(settings.items())
        self._heads: dict[int, list[tuple[str, str]]] = {}
        self._bodies: dict[int, bytes] = {}
        self._running: dict[int, asyncio.Task[None]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connects."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment] # a stream's transport
        self._server.connections += 1
        self._server.seen += 1
        self.number = self._server.seen
        self.h2.initiate_connection()
        self.h2.update_settings(self._settings)
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, and its streams with it."""
        del exc
        self._server.connections -= 1
        for number in list(self._running):
            self._over(number, "lost")

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        try:
            for event in self.h2.receive_data(data):
                self._handle(event)
        except H2Error:
            self.transport.abort()
            return
        self.flush()

    def _handle(self, event: happened.Event) -> None:
        match event:
            case happened.RequestReceived():
                self._heads[event.stream_id or 0] = [(str(name), str(value)) for name, value in event.headers or ()]
                self._bodies[event.stream_id or 0] = b""
            case happened.DataReceived():
                self._bodies[event.stream_id or 0] += event.data or b""
                self.h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
            case happened.StreamEnded():
                self._ask(event.stream_id or 0)
            case happened.StreamReset():
                self._over(event.stream_id or 0, ErrorCodes(event.error_code or 0).name)

    def _ask(self, number: int) -> None:
        asked = Asked2(self._heads.pop(number), self._bodies.pop(number), self.number)
        self._server.asked.append(asked)
        self._server.open += 1
        task = asyncio.ensure_future(self._server.script(asked, Reply(self, number)))
        self._running[number] = task
        task.add_done_callback(lambda _: self._over(number, "answered"))

    def _over(self, number: int, how: str) -> None:
        task = self._running.pop(number, None)
        if task is not None:
            self._server.open -= 1
            self._server.ended[how] += 1
            task.cancel()

    def flush(self) -> None:
        """Write what there is to write."""
        if not self.transport.is_closing():
            self.transport.write(self.h2.data_to_send())


@asynccontextmanager
async def http2_server(
    script: Script2, tls: ssl.SSLContext | None = None, settings: Mapping[SettingCodes, int] | None = None
) -> AsyncIterator[Http2Server]:
    """A server on a free port for as long as the context lasts; without TLS it expects HTTP/2 from the first byte."""
    server = Http2Server(0, script)
    speakers: list[Speaker] = []

    def make() -> Speaker:
        speakers.append(Speaker(server, settings or {}))
        return speakers[-1]

    listening = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for speaker in speakers:
            if not speaker.transport.is_closing():
                speaker.transport.abort()
        await anyio.lowlevel.checkpoint()


def says2(data: bytes) -> Script2:
    """Answers every request with these bytes."""

    async def script(asked: Asked2, reply: Reply) -> None:
        reply.head(OK)
        reply.send(data, ends=True)

    return script


def hangs2(first: bytes | None = None) -> Script2:
    """Says nothing, or the head and these bytes and nothing more."""

    async def script(asked: Asked2, reply: Reply) -> None:
        if first is not None:
            reply.head(STREAM)
            reply.send(first)
        await anyio.sleep_forever()

    return script
