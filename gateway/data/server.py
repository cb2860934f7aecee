"""Listening, and draining at the end.

Signals belong to the supervisor, and so does the listening socket. At the drain deadline answers are cut here, by
whoever knows what is left.
"""

import asyncio
import socket
from typing import Final, cast

import anyio

from gateway.data.app import App
from gateway.data.protocol import ConnectionLimits, DataProtocol, Shared
from gateway.data.room import Room

BACKLOG: Final = 2048
CUT_SECONDS: Final = 1.0
"""For requests to end once their connections are cut."""


class Server:
    """Serves an application on a socket that is already listening, or bound. Made in its loop."""

    def __init__(self, app: App, limits: ConnectionLimits | None = None, room: Room | None = None) -> None:
        loop = asyncio.get_running_loop()
        self._shared = Shared(loop, app.serve, limits or ConnectionLimits(), room or Room())
        self._server: asyncio.Server | None = None

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._shared.connections)

    @property
    def is_busy(self) -> bool:
        """Whether a client is connected or a request is being served."""
        return bool(self._shared.connections or self._shared.serving)

    def connection(self) -> asyncio.Protocol:
        """What serves one more client."""
        return cast(asyncio.Protocol, DataProtocol(self._shared))  # one in all but its ancestry: it is compiled

    async def start(self, listener: socket.socket) -> None:
        """Begin to accept."""
        listener.setblocking(False)
        self._server = await self._shared.loop.create_server(self.connection, sock=listener, backlog=BACKLOG)

    async def refuse(self, seconds: float) -> None:
        """Accept no more, and after `seconds` at most no request either on the connections that there are.

        Until then each gets one last answer, since its client may just be asking: closed at once, it would be failed.
        """
        if self._server is not None:
            self._server.close()
        for connection in list(self._shared.connections):
            connection.finish()
        await self._emptied_within(seconds)
        for connection in list(self._shared.connections):
            connection.shut()

    async def drain(self, seconds: float) -> bool:
        """Let answers end, cut what is left after `seconds`. True where nothing had to be cut."""
        await self.refuse(0.0)
        if await self._emptied_within(seconds):
            return True
        for connection in list(self._shared.connections):
            connection.transport.abort()  # which cancels whatever serves it, as when a client leaves
        await self._emptied_within(CUT_SECONDS)
        return False

    async def _emptied_within(self, seconds: float) -> bool:
        with anyio.move_on_after(seconds):
            while self.is_busy:  # noqa: ASYNC110 - connections tell nobody
                await anyio.sleep(0.02)
        return not self.is_busy
