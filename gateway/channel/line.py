"""One connection of the control channel: whole frames in, whole frames out, each within its deadline.

It stands on asyncio's transports rather than on anyio's unix sockets: those wait with a future that data may complete
in the very moment in which it is cancelled, which the loop then reports as an error.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import anyio

from gateway.channel.messages import ChannelBroken

SEND_SECONDS: Final = 2.0
"""How long a frame may take to be written before the other end counts as gone."""
CLOSE_SECONDS: Final = 0.5

LOST = (OSError, TimeoutError, EOFError, ChannelBroken)
"""What the end of a connection looks like, from whichever side it comes."""


class Line:
    """A connection. Several tasks may send; one at a time may receive."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._turn = anyio.Lock()

    async def receive_exactly(self, nbytes: int) -> bytes:
        """The next `nbytes`; `EOFError` where the stream ends before."""
        return await self._reader.readexactly(nbytes)

    async def send(self, data: bytes) -> None:
        """All of `data`, within `SEND_SECONDS`."""
        with anyio.fail_after(SEND_SECONDS):
            async with self._turn:
                self._writer.write(data)
                await self._writer.drain()

    async def aclose(self) -> None:
        """Close at once; what is not written yet is dropped."""
        self._writer.transport.abort()
        with anyio.move_on_after(CLOSE_SECONDS, shield=True), suppress(OSError):
            await self._writer.wait_closed()


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[Line]:
    """A line to whoever listens at `path`."""
    line = Line(*await asyncio.open_unix_connection(path))
    try:
        yield line
    finally:
        await line.aclose()


@asynccontextmanager
async def listening(path: Path, accept: Callable[[Line], object]) -> AsyncIterator[None]:
    """Listen at `path`, taking over a socket that somebody left there, and hand each new line to `accept`.

    Who may connect is decided by the directory: the runtime directory is its owner's only.
    """

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accept(Line(reader, writer))

    server = await asyncio.start_unix_server(accepted, path)
    try:
        yield
    finally:
        server.close()
