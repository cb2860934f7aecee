"""The application of a load test: a small keep-alive HTTP/1.1 client of its own.

Not the gateway's upstream client: what is checked here must not be checked with the code under test. It knows what
driftgate and model servers send (lengths and chunks), and nothing else.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, cast

import httptools

ANSWER_SECONDS: Final = 60.0


@dataclass(slots=True)
class Answer:
    """One answer. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class AskFailed(Exception):
    """The connection broke, or no answer came."""


class Connection(asyncio.Protocol):
    """One connection, one question at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[Answer] | None = None
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self.closed = False

    async def ask(self, request: bytes) -> Answer:
        """Send a request and wait for its whole answer; raises `AskFailed`."""
        assert self._transport is not None
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._waiter
        except TimeoutError as error:
            self._transport.abort()
            raise AskFailed(f"no answer within {ANSWER_SECONDS:.0f} s") from error

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection is there."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without being a subclass

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: the connection is gone."""
        self.closed = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(AskFailed(f"the connection ended before the answer did ({error})"))

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_exception(AskFailed(f"no HTTP: {error}"))

    def on_message_begin(self) -> None:
        """llhttp: a message begins."""
        self._headers, self._body = {}, []

    def on_header(self, name: bytes, value: bytes) -> None:
        """llhttp: one header field."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """llhttp: a part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """llhttp: the message is whole."""
        answer = Answer(self._parser.get_status_code(), self._headers, b"".join(self._body))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(answer)


class Client:
    """Keeps idle connections to one server. `ask` opens one when none is idle."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._port = port
        self._host = host
        self._idle: list[Connection] = []

    async def ask(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """POST a body; raises `AskFailed`."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {self._host}:{self._port}\r\ncontent-type: application/json\r\n"
            f"{lines}content-length: {len(body)}\r\n\r\n"
        )
        connection = await self._connection()
        answer = await connection.ask(head.encode() + body)
        if not connection.closed and answer.headers.get("connection") != "close":
            self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Close every idle connection."""
        for connection in self._idle:
            connection.close()

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        try:
            _, made = await asyncio.get_running_loop().create_connection(Connection, self._host, self._port)
        except OSError as error:
            raise AskFailed(f"cannot connect: {error}") from error
        return made
