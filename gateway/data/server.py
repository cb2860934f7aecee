"""Listening, and draining at the end.

uvicorn's protocol without uvicorn's server: signals belong to the supervisor, the listening socket is the supervisor's
too, and at the drain deadline answers are cut here, by whoever knows what is left.
"""

import asyncio
import socket
from typing import Final

import anyio
from uvicorn.config import Config as UvicornConfig
from uvicorn.server import ServerState

from gateway.data.app import App
from gateway.data.protocol import ConnectionLimits, DataProtocol
from gateway.data.room import Room

_KEEP_ALIVE_SECONDS: Final = 600
"""uvicorn's own keep-alive timer must never fire: the protocol's lazy one does that work."""
BACKLOG: Final = 2048
CUT_SECONDS: Final = 1.0
"""For tasks to end once their connections are cut."""


class Server:
    """Serves an application on a socket that is already listening, or bound."""

    def __init__(self, app: App, limits: ConnectionLimits | None = None, room: Room | None = None) -> None:
        self._limits = limits or ConnectionLimits()
        self._room = room or Room()
        self._config = UvicornConfig(
            app,
            http=DataProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
        self._config.load()
        self._state = ServerState()
        self._server: asyncio.Server | None = None

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._state.connections)

    @property
    def is_busy(self) -> bool:
        """Whether a client is connected or a request is being served."""
        return bool(self._state.connections or self._state.tasks)

    async def start(self, listener: socket.socket) -> None:
        """Begin to accept."""
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        self._server = await loop.create_server(
            lambda: DataProtocol(self._config, self._state, loop, self._limits, self._room),
            sock=listener,
            backlog=BACKLOG,
        )

    async def refuse(self, seconds: float) -> None:
        """Accept no more, and after `seconds` at most no request either on the connections that there are.

        Until then each gets one last answer, since its client may just be asking: closed at once, it would be failed.
        """
        if self._server is not None:
            self._server.close()
        for connection in list(self._state.connections):
            if isinstance(connection, DataProtocol):
                connection.finish()
        await self._emptied_within(seconds)
        for connection in list(self._state.connections):
            connection.shutdown()

    async def drain(self, seconds: float) -> bool:
        """Let answers end, cut what is left after `seconds`. True where nothing had to be cut."""
        await self.refuse(0.0)
        if await self._emptied_within(seconds):
            return True
        for connection in list(self._state.connections):
            connection.transport.abort()  # which cancels the task that serves it, as when a client leaves
        await self._emptied_within(CUT_SECONDS)
        return False

    async def _emptied_within(self, seconds: float) -> bool:
        with anyio.move_on_after(seconds):
            while self.is_busy:  # noqa: ASYNC110 - uvicorn's sets tell nobody
                await anyio.sleep(0.02)
        return not self.is_busy
