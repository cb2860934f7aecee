"""A model server on a raw socket that does exactly what a test tells it: answers, stalls, breaks, lies.

`ModelServer.asked` is its own log: what reached it, byte for byte, is what tests assert on, never the gateway's word.
"""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import anyio


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int

    def header(self, name: str) -> str | None:
        """The value of a header, None where it did not come."""
        return next((value for key, value in self.headers if key == name), None)


class Line:
    """The server's end of one connection, for a script to write to."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Write, and let it go out."""
        self._writer.write(data)
        await self._writer.drain()

    def reset(self) -> None:
        """End the connection with a reset."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def close(self) -> None:
        """End the connection in order."""
        self._writer.close()


Script: TypeAlias = Callable[[Asked, Line], Awaitable[None]]
"""What the server does with a request. The connection stays open for the next one unless the script ends it."""


@dataclass
class ModelServer:
    """A running server. `open` counts connections; `seen` all that ever were."""

    port: int
    script: Script
    asked: list[Asked] = field(default_factory=list)
    open: int = 0
    seen: int = 0

    @property
    def base_url(self) -> str:
        """What a configuration calls it."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def emptied(self, within_seconds: float = 1.0) -> None:
        """Wait until no connection is left."""
        with anyio.fail_after(within_seconds):
            while self.open:  # noqa: ASYNC110 - polled with a deadline
                await anyio.sleep(0.005)


@asynccontextmanager
async def model_server(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[ModelServer]:
    """A server on a free port for as long as the context lasts; over TLS where a context is given."""
    server = ModelServer(0, script)
    tasks: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        server.open += 1
        server.seen += 1
        number = server.seen
        try:
            while (asked := await read_request(reader, number)) is not None:
                server.asked.append(asked)
                await watched(server.script(asked, Line(writer)), reader)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            server.open -= 1
            tasks.discard(task)
            writer.close()

    listening = await asyncio.start_server(converse, "127.0.0.1", 0, limit=1 << 24, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def watched(script: Awaitable[None], reader: asyncio.StreamReader) -> None:
    """Run the script, and end it as soon as the other side closes: so `open` says at once who is still connected."""
    running = asyncio.ensure_future(script)

    async def other_side_ends() -> None:
        while not reader.at_eof() and reader.exception() is None:  # noqa: ASYNC110 - a reader has no event for this
            await anyio.sleep(0.005)
        running.cancel()

    watching = asyncio.ensure_future(other_side_ends())
    try:
        await running
    finally:
        watching.cancel()
        running.cancel()
        await asyncio.gather(watching, running, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader, connection: int) -> Asked | None:
    """The next request, None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    length = next((int(value) for name, value in headers if name == "content-length"), 0)
    method, path, _ = first.split(" ")
    return Asked(method, path, headers, await reader.readexactly(length), connection)


# ── what a server may do ──────────────────────────────────────────────────────────────────────────────────────────────


def whole(body: bytes, status: str = "200 OK", headers: Iterable[str] = ("content-type: application/json",)) -> bytes:
    """A complete answer with a length."""
    lines = [f"HTTP/1.1 {status}", *headers, f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def completion(text: str, model: str = "m") -> bytes:
    """A chat completion's JSON."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    return json.dumps(
        {"id": "c1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage}
    ).encode()


def event(text: str, model: str = "m") -> bytes:
    """One SSE event of a streamed chat completion."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    data = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [choice]}
    return b"data: " + json.dumps(data).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def answers(data: bytes) -> Script:
    """Writes these bytes to every request."""

    async def script(asked: Asked, line: Line) -> None:
        await line.send(data)

    return script


def says(text: str) -> Script:
    """Answers as a model would: streamed word by word if asked to."""

    async def script(asked: Asked, line: Line) -> None:
        model = json.loads(asked.body).get("model", "")
        if json.loads(asked.body).get("stream"):
            await line.send(STREAM_HEAD)
            for word in text.split(" "):
                await line.send(chunk(event(word + " ", model)))
            await line.send(chunk(DONE) + LAST_CHUNK)
        else:
            await line.send(whole(completion(text, model)))

    return script


def hangs() -> Script:
    """Takes the request and says nothing."""

    async def script(asked: Asked, line: Line) -> None:
        await anyio.sleep_forever()

    return script


def breaks_after(data: bytes, *, reset: bool = True) -> Script:
    """Writes these bytes, then ends the connection."""

    async def script(asked: Asked, line: Line) -> None:
        if data:
            await line.send(data)
            await anyio.sleep(0.02)  # so that the bytes are read before the reset throws them away
        line.reset() if reset else line.close()

    return script


def hangs_after(data: bytes) -> Script:
    """Writes these bytes and then nothing more."""

    async def script(asked: Asked, line: Line) -> None:
        await line.send(data)
        await anyio.sleep_forever()

    return script
