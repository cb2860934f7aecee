"""The HTTP/1.1 connections to one origin: reuse, bounds, ends.

The newest idle connection is used first, so that the others grow old and are closed. The number of connections is
bounded; who comes when all are busy waits in line, within the connect deadline. Every slot is given back in exactly one
place, `_lost`, which the transport calls however a connection ends.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from gateway.upstream.connecting import Connector
from gateway.upstream.connection import Connection
from gateway.upstream.errors import BrokenAnswer, ConnectFailed, Saturated
from gateway.upstream.exchange import Deadlines
from gateway.upstream.line import Line
from gateway.upstream.outgoing import Outgoing
from gateway.upstream.target import Origin
from gateway.upstream.timer import clock
from gateway.upstream.uploading import framed, until_answered

MAX_CONNECTIONS: Final = 2048
"""Per origin and process: above any sensible model server's own bound, below a process's descriptors."""
IDLE_SECONDS: Final = 30.0
"""Below the usual keep-alive of load balancers (60 s and more)."""


class Pool:
    """Connections to `origin`."""

    def __init__(self, origin: Origin, *, max_connections: int = MAX_CONNECTIONS) -> None:
        self.origin = origin
        self._max = max_connections
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._connecting = 0
        self._line = Line(self._loop, origin.host_header)
        self._connector = Connector(self._loop, origin, ["http/1.1"])
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def connections(self) -> int:
        """How many connections are open or being opened."""
        return len(self._open) + self._connecting

    @property
    def busy(self) -> int:
        """How many of them carry a request."""
        return self.connections - len(self._idle)

    @property
    def waiting(self) -> int:
        """How many stand in line for one."""
        return len(self._line)

    def take_idle(self) -> Connection | None:
        """An idle connection, if there is one that is neither closed nor too old."""
        oldest = clock() - IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.closed:
                continue
            if connection.idle_since >= oldest:
                return connection
            connection.abort()
        return None

    async def exchange(self, request: Outgoing, deadlines: Deadlines, may_retry: Callable[[], bool]) -> Connection:
        """Send, and wait for the answer's head; raises `UpstreamFailure`.

        Tried again in one case only: it went out on a reused connection, and that connection ended without a single
        byte of answer. Then the server had closed it before it saw the request. Once, and on a fresh connection.
        """
        connection = self.take_idle() or await self.connect(deadlines.connect)
        is_last = False
        while True:
            try:
                connection.send(request.head, request.body, deadlines, headers_only=request.headers_only)
                while not connection.has_head:  # as `head` does: one coroutine less
                    await connection.news()
            except BaseException as error:
                was_stale = connection.exchanges > 1 and not connection.received_anything
                connection.done()
                if is_last or not was_stale or not isinstance(error, BrokenAnswer) or not may_retry():
                    raise
            else:
                return connection
            is_last = True
            connection = await self.connect(deadlines.connect)

    async def upload(self, request: Outgoing, pieces: AsyncIterator[bytes], deadlines: Deadlines) -> Connection:
        """Send a body piece by piece as it comes, and wait for the answer's head; raises `UpstreamFailure`.

        On a fresh connection, since what was sent is not kept and cannot be sent again.
        """
        connection = await self.connect(deadlines.connect)
        try:
            connection.send(request.head, request.body, deadlines, more=True)
            await until_answered(connection, framed(pieces) if request.chunked else pieces)
        except BaseException:
            connection.done()
            raise
        return connection

    async def connect(self, seconds: float) -> Connection:
        """A fresh connection (or one that became free while waiting in line); raises `UpstreamFailure`."""
        give_up_at = self._loop.time() + seconds
        while self.connections >= self._max:
            await self._line.wait(give_up_at)
            connection = self.take_idle()
            if connection is not None:
                return connection
        self._connecting += 1
        try:
            connection, _ = await self._connector.connect(
                lambda: Connection(self._loop, self._lost, self.give_back), give_up_at
            )
        except (ConnectFailed, Saturated):
            self._line.let_next_in()
            raise
        finally:
            self._connecting -= 1
        self._open.add(connection)
        return connection

    def give_back(self, connection: Connection) -> None:
        """The caller is done with `connection`: keep it, or let it go."""
        if connection.finish() and not self._closed:
            connection.idle_since = clock()
            self._idle.append(connection)
            self._line.let_next_in()
            if self._sweeper is None:
                self._sweeper = self._loop.call_later(IDLE_SECONDS, self._sweep)
        elif not connection.closed:
            connection.abort()

    def close(self) -> None:
        """Close all connections now."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self._open):
            connection.abort()

    def _lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._line.let_next_in()

    def _sweep(self) -> None:
        self._sweeper = None
        oldest = clock() - IDLE_SECONDS
        for connection in [c for c in self._idle if c.idle_since <= oldest]:
            connection.abort()
        if self._idle:
            self._sweeper = self._loop.call_later(IDLE_SECONDS / 2, self._sweep)
