"""Verbs over the pools: `open_stream` and `open_upload` for the data path, `unary` for who wants the whole answer.

A request is tried again in one case only: it went out on a reused connection, and that connection ended without a
single byte of answer. Then the server had closed it before it saw the request. It is tried once, on a fresh connection,
and where the caller keeps a budget of retries it must allow it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, Protocol

from gateway.upstream.connection import Connection, Deadlines
from gateway.upstream.errors import BrokenAnswer
from gateway.upstream.headers import RawHeaders
from gateway.upstream.pool import MAX_CONNECTIONS, Pool
from gateway.upstream.target import Origin


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it goes on the wire: `head` ends with its blank line. `headers_only`: its answer has no body.

    `model` names the pool: two models share no connections, not even on one server.
    """

    origin: Origin
    head: bytes
    body: bytes
    headers_only: bool = False
    model: str = ""


class Hears(Protocol):
    """Who wants to know what comes of answers (`gateway.upstream.servers.Server`)."""

    def answered(self) -> None:
        """A usable answer began."""

    def completed(self) -> None:
        """A usable answer is whole."""

    def failed(self, kind: str) -> None:
        """A request failed, and the server is to blame."""


class Unheard:
    """Nobody keeps account of a server that was asked directly."""

    def answered(self) -> None:
        """Nothing to do."""

    def completed(self) -> None:
        """Nothing to do."""

    def failed(self, kind: str) -> None:
        """Nothing to do."""


UNHEARD: Final = Unheard()


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole answer."""

    status: int
    headers: RawHeaders
    body: bytes
    first_byte_ms: float
    duration_ms: float


class Stream:
    """An answer whose head is here. Whoever opened it calls `close`, always; cancelled or not.

    `server` wants to hear what comes of it.
    """

    __slots__ = ("_pool", "connection", "headers", "server", "status")

    def __init__(self, pool: Pool, connection: Connection) -> None:
        self._pool = pool
        self.connection = connection
        self.status = connection.status
        self.headers = connection.headers
        self.server: Hears = UNHEARD

    @property
    def complete(self) -> bool:
        """Whether the end of the answer has arrived (bytes may still wait to be taken)."""
        return self.connection.complete

    @property
    def trailers(self) -> RawHeaders:
        """The fields that came after the body; there once the answer is complete."""
        return self.connection.trailers

    def take(self) -> bytes:
        """The bytes that are here already."""
        return self.connection.take()

    async def read(self) -> bytes:
        """The next bytes; empty at the end. Raises `UpstreamFailure`."""
        return await self.connection.read()

    def close(self) -> None:
        """Give the connection back where the answer ended cleanly; else abort it."""
        self._pool.give_back(self.connection)


class Client:
    """Pools by origin and model: a slow candidate cannot use up what stable needs. One per role, made in its loop."""

    def __init__(self, *, max_connections: int = MAX_CONNECTIONS) -> None:
        self._pools: dict[tuple[Origin, str], Pool] = {}
        self._max = max_connections

    def pool(self, origin: Origin, model: str = "", max_connections: int | None = None) -> Pool:
        """The pool of a model at an origin; the bound is that of whoever asks for it first."""
        pool = self._pools.get((origin, model))
        if pool is None:
            pool = self._pools[origin, model] = Pool(origin, max_connections=max_connections or self._max)
        return pool

    @property
    def busy(self) -> int:
        """Connections that carry a request now, over all origins."""
        return sum(pool.busy for pool in self._pools.values())

    async def open_stream(
        self,
        request: Outgoing,
        deadlines: Deadlines,
        may_retry: Callable[[], bool] = lambda: True,
        pool: Pool | None = None,
    ) -> Stream:
        """Send, and wait for the answer's head; raises `UpstreamFailure`. `pool`: where the caller knows it."""
        if pool is None:
            pool = self.pool(request.origin, request.model)
        connection = pool.take_idle() or await pool.connect(deadlines.connect)
        try:
            return await _exchange(pool, connection, request, deadlines)
        except BrokenAnswer:
            if connection.exchanges == 1 or connection.received_anything or not may_retry():
                raise
        return await _exchange(pool, await pool.connect(deadlines.connect), request, deadlines)

    async def open_upload(self, request: Outgoing, pieces: AsyncIterator[bytes], deadlines: Deadlines) -> Stream:
        """Send a body piece by piece as it comes, and wait for the answer's head; raises `UpstreamFailure`.

        On a fresh connection, since what was sent is not kept and cannot be sent again. An answer that comes before the
        body is complete ends the sending, also while the client has no more to send for now.
        """
        pool = self.pool(request.origin, request.model)
        connection = await pool.connect(deadlines.connect)
        try:
            connection.send(request.head, request.body, deadlines, more=True)
            await _until_answered(connection, pieces)
        except BaseException:
            pool.give_back(connection)
            raise
        return Stream(pool, connection)

    async def unary(self, request: Outgoing, deadlines: Deadlines, *, max_bytes: int) -> Whole:
        """Send, and wait for the whole answer; raises `UpstreamFailure`, `oversized` above `max_bytes`."""
        began = monotonic()
        return await whole_of(await self.open_stream(request, deadlines), began, max_bytes)

    def close(self) -> None:
        """Close every connection now."""
        for pool in self._pools.values():
            pool.close()


async def whole_of(stream: Stream, began: float, max_bytes: int) -> Whole:
    """The whole answer of a stream, which is closed; raises `UpstreamFailure`, `oversized` above `max_bytes`."""
    try:
        chunks: list[bytes] = []
        total, first_byte_ms = 0, 0.0
        while chunk := await stream.read():
            first_byte_ms = first_byte_ms or (monotonic() - began) * 1000
            chunks.append(chunk)
            total += len(chunk)
            if total > max_bytes:
                raise BrokenAnswer("oversized", f"the answer is longer than {max_bytes} bytes")
    finally:
        stream.close()
    duration_ms = (monotonic() - began) * 1000
    return Whole(stream.status, stream.headers, b"".join(chunks), first_byte_ms, duration_ms)


async def _until_answered(connection: Connection, pieces: AsyncIterator[bytes]) -> None:
    """Write the pieces until the answer's head is there; raises what either of the two raises."""

    async def send() -> None:
        async for piece in pieces:
            await connection.write(piece)
            if connection.has_head:
                return  # whether all of the body went out is not known: the connection is not used again
        connection.written()

    sending, heard = asyncio.ensure_future(send()), asyncio.ensure_future(connection.head())
    try:
        await asyncio.wait((sending, heard), return_when=asyncio.FIRST_COMPLETED)
        if not heard.done():
            sending.result()
            await heard
        heard.result()
    finally:
        for task in (sending, heard):
            task.cancel()
        await asyncio.gather(sending, heard, return_exceptions=True)


async def _exchange(pool: Pool, connection: Connection, request: Outgoing, deadlines: Deadlines) -> Stream:
    try:
        connection.send(request.head, request.body, deadlines, headers_only=request.headers_only)
        await connection.head()
    except BaseException:
        pool.give_back(connection)
        raise
    return Stream(pool, connection)
