"""The connections to one origin: reuse, bounds, ends.

The newest idle connection is used first, so that the others grow old and are closed. The number of connections is
bounded; who comes when all are busy waits in line, within the connect deadline. Every slot is given back in exactly one
place, `_lost`, which the transport calls however a connection ends.
"""

import asyncio
import socket
import ssl
from collections import deque
from time import monotonic
from typing import Final

from gateway.upstream.connection import Connection
from gateway.upstream.errors import ConnectFailed, Saturated
from gateway.upstream.target import Origin

MAX_CONNECTIONS: Final = 2048
"""Per origin and process: above any sensible model server's own bound, below a process's descriptors."""
IDLE_SECONDS: Final = 30.0
"""Below the usual keep-alive of load balancers (60 s and more)."""
MAX_WAITING: Final = 4096


class Pool:
    """Connections to `origin`."""

    def __init__(self, origin: Origin, *, max_connections: int = MAX_CONNECTIONS) -> None:
        self.origin = origin
        self._max = max_connections
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._connecting = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._tls: ssl.SSLContext | None = None
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
        return len(self._waiting)

    def take_idle(self) -> Connection | None:
        """An idle connection, if there is one that is neither closed nor too old."""
        oldest = monotonic() - IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.closed:
                continue
            if connection.idle_since >= oldest:
                return connection
            connection.abort()
        return None

    async def connect(self, seconds: float) -> Connection:
        """A fresh connection (or one that became free while waiting in line); raises `UpstreamFailure`."""
        give_up_at = self._loop.time() + seconds
        while self.connections >= self._max:
            await self._wait_in_line(give_up_at)
            connection = self.take_idle()
            if connection is not None:
                return connection
        self._connecting += 1
        try:
            async with asyncio.timeout_at(give_up_at):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self._loop, self._lost),
                    self.origin.host,
                    self.origin.port,
                    ssl=self._tls_context(),
                )
        except (OSError, TimeoutError) as error:
            self._let_next_in()
            raise self._connect_failed(error) from error
        finally:
            self._connecting -= 1
        self._open.add(connection)
        return connection

    def give_back(self, connection: Connection) -> None:
        """The caller is done with `connection`: keep it, or let it go."""
        if connection.finish() and not self._closed:
            connection.idle_since = monotonic()
            self._idle.append(connection)
            self._let_next_in()
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

    async def _wait_in_line(self, give_up_at: float) -> None:
        if len(self._waiting) >= MAX_WAITING:
            raise Saturated("saturated", f"all connections to {self.origin.host_header} are busy")
        place = self._loop.create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout_at(give_up_at):
                await place
        except TimeoutError as error:
            raise Saturated("saturated", f"all connections to {self.origin.host_header} are busy") from error
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._let_next_in()  # the free slot was meant for us; someone else may have it
            raise
        finally:
            if place in self._waiting:
                self._waiting.remove(place)

    def _let_next_in(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return

    def _lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._let_next_in()

    def _sweep(self) -> None:
        self._sweeper = None
        oldest = monotonic() - IDLE_SECONDS
        for connection in [c for c in self._idle if c.idle_since <= oldest]:
            connection.abort()
        if self._idle:
            self._sweeper = self._loop.call_later(IDLE_SECONDS / 2, self._sweep)

    def _tls_context(self) -> ssl.SSLContext | None:
        if not self.origin.tls:
            return None
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=self.origin.ca_file or None)
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _connect_failed(self, error: OSError) -> ConnectFailed:
        where = self.origin.host_header
        match error:
            case TimeoutError():
                return ConnectFailed("connect_timeout", f"{where} did not accept a connection in time")
            case ConnectionRefusedError():
                return ConnectFailed("refused", f"{where} refused the connection")
            case ssl.SSLError():
                return ConnectFailed("tls", f"TLS with {where} failed: {error.reason or 'handshake'}")
            case socket.gaierror():
                return ConnectFailed("dns", f"{self.origin.host} has no address")
            case ConnectionResetError():
                return ConnectFailed("reset", f"{where} reset the connection")
            case _:
                return ConnectFailed("unreachable", f"{where} cannot be reached: {error.strerror or 'no route'}")
