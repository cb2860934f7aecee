"""HTTP/2 connections to one origin, as few as carry what there is; and the choice between HTTP/1.1 and 2 over TLS.

Whoever finds no room on a connection opens another, one at a time, so that a burst does not open one for each request.
A stream that the server has not begun to work on (it said so, or its connection had carried others and was lost before
a byte came back) is sent once more, where the budget of retries allows it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from gateway.upstream.connecting import Connector
from gateway.upstream.errors import BrokenAnswer, ConnectFailed, Saturated
from gateway.upstream.exchange import Deadlines, Exchange
from gateway.upstream.http2 import Http2Connection, Http2Stream
from gateway.upstream.line import Line
from gateway.upstream.outgoing import Outgoing
from gateway.upstream.pool import MAX_CONNECTIONS, Pool
from gateway.upstream.target import Origin
from gateway.upstream.uploading import until_answered

H2: Final = "h2"
HTTP11: Final = "http/1.1"


class Http2Pool:
    """Connections to `origin`; at most `max_connections` requests at once over all of them."""

    def __init__(self, origin: Origin, *, max_connections: int = MAX_CONNECTIONS) -> None:
        self.origin = origin
        self._max = max_connections
        self._loop = asyncio.get_running_loop()
        self._connector = Connector(self._loop, origin, [H2])
        self._open: list[Http2Connection] = []
        self._opening = asyncio.Lock()
        self._claimed = 0
        self._line = Line(self._loop, origin.host_header)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._open)

    @property
    def busy(self) -> int:
        """How many requests are under way, or about to be."""
        return self._claimed + sum(connection.busy for connection in self._open)

    @property
    def waiting(self) -> int:
        """How many stand in line for a place."""
        return len(self._line)

    async def exchange(self, request: Outgoing, deadlines: Deadlines, may_retry: Callable[[], bool]) -> Http2Stream:
        """Send, and wait for the answer's head; raises `UpstreamFailure`."""
        stream = await self._start(request, deadlines, more=False)
        try:
            return await _with_head(stream)
        except BrokenAnswer:
            if not stream.untouched or not may_retry():
                raise
        return await _with_head(await self._start(request, deadlines, more=False))

    async def upload(self, request: Outgoing, pieces: AsyncIterator[bytes], deadlines: Deadlines) -> Http2Stream:
        """Send a body piece by piece as it comes, and wait for the answer's head; raises `UpstreamFailure`."""
        stream = await self._start(request, deadlines, more=True)
        try:
            await until_answered(stream, pieces)
        except BaseException:
            stream.done()
            raise
        return stream

    def close(self) -> None:
        """Close every connection now."""
        for connection in list(self._open):
            connection.abort()

    async def _start(self, request: Outgoing, deadlines: Deadlines, *, more: bool) -> Http2Stream:
        give_up_at = self._loop.time() + deadlines.connect
        while self.busy >= self._max:
            await self._line.wait(give_up_at)
        self._claimed += 1
        try:
            while (connection := self._roomy()) is None:
                await self._loop.create_task(self._make_room(give_up_at))
            return connection.open(request.head, request.body, deadlines, more=more)
        finally:
            self._claimed -= 1

    async def _make_room(self, give_up_at: float) -> None:
        """Open a connection, unless somebody did meanwhile. A task, since waiting for one's turn has a deadline."""
        try:
            async with asyncio.timeout_at(give_up_at):
                await self._opening.acquire()
        except TimeoutError as error:
            raise Saturated("saturated", f"no connection to {self.origin.host_header} has room") from error
        try:
            if self._roomy() is None:
                await self._connect(give_up_at)
        finally:
            self._opening.release()

    def _roomy(self) -> Http2Connection | None:
        return next((connection for connection in self._open if connection.room > 0), None)

    async def _connect(self, give_up_at: float) -> None:
        connection, chosen = await self._connector.connect(
            lambda: Http2Connection(self._loop, self._changed), give_up_at
        )
        if self.origin.tls and chosen != H2:
            connection.abort()
            raise ConnectFailed("tls", f"{self.origin.host_header} does not offer HTTP/2")
        self._open.append(connection)

    def _changed(self, connection: Http2Connection) -> None:
        if connection.closed and connection in self._open:
            self._open.remove(connection)
        if self.busy < self._max:
            self._line.let_next_in()


class ChoosingPool:
    """A pool of the protocol that the server prefers: asked once over TLS, and again when it no longer holds."""

    def __init__(self, origin: Origin, *, max_connections: int = MAX_CONNECTIONS) -> None:
        self.origin = origin
        self._loop = asyncio.get_running_loop()
        self._pools: dict[str, Pool | Http2Pool] = {
            H2: Http2Pool(origin, max_connections=max_connections),
            HTTP11: Pool(origin, max_connections=max_connections),
        }
        self._connector = Connector(self._loop, origin, [H2, HTTP11])
        self._choosing = asyncio.Lock()
        self._chosen: Pool | Http2Pool | None = None if origin.tls else self._pools[HTTP11]

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return sum(pool.connections for pool in self._pools.values())

    @property
    def busy(self) -> int:
        """How many requests are under way."""
        return sum(pool.busy for pool in self._pools.values())

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return sum(pool.waiting for pool in self._pools.values())

    async def exchange(self, request: Outgoing, deadlines: Deadlines, may_retry: Callable[[], bool]) -> Exchange:
        """As the chosen pool does."""
        pool = self._chosen or await self._choose(deadlines)
        try:
            return await pool.exchange(request, deadlines, may_retry)
        except ConnectFailed:
            self._chosen = None
            raise

    async def upload(self, request: Outgoing, pieces: AsyncIterator[bytes], deadlines: Deadlines) -> Exchange:
        """As the chosen pool does."""
        pool = self._chosen or await self._choose(deadlines)
        return await pool.upload(request, pieces, deadlines)

    def close(self) -> None:
        """Close every connection now."""
        for pool in self._pools.values():
            pool.close()

    async def _choose(self, deadlines: Deadlines) -> Pool | Http2Pool:
        async with self._choosing:
            if self._chosen is None:
                give_up_at = self._loop.time() + deadlines.connect
                probe, preferred = await self._connector.connect(_Probe, give_up_at)
                probe.close()
                self._chosen = self._pools[H2 if preferred == H2 else HTTP11]
            return self._chosen


class _Probe(asyncio.Protocol):
    """A connection that is opened only to hear what the server prefers."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = transport

    def close(self) -> None:
        """It has said enough."""
        self._transport.close()


async def _with_head(stream: Http2Stream) -> Http2Stream:
    try:
        await stream.head()
    except BaseException:
        stream.done()
        raise
    return stream
