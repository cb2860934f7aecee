"""Finished exchanges to the shadow worker, never waiting.

A stream socket carries frames: four bytes of length, big-endian, and the payload. The transport buffers what the other
side does not take, up to a bound in bytes; above it, and while there is no connection, exchanges are dropped and
counted by reason. A frame that was begun completes, or the connection is gone: there is no way to write half of one.
"""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Final, cast

import anyio
from msgspec import structs

from gateway.data.draft import Draft, exchange_of
from shadow.exchange import MAX_FRAME_BYTES, Exchange, encode

BUFFER_BYTES: Final = 16 * 1024 * 1024
"""Per worker: some seconds of long exchanges, and nothing that a machine would miss."""
FIRST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 1.0
_GATHER_SECONDS: Final = 0.004
"""Exchanges that end within this are written together: one system call for many."""
_LENGTH_BYTES: Final = 4


class HandOver(asyncio.Protocol):
    """The sending side. `offer` is called from the loop and returns at once."""

    def __init__(self, path: Path, *, buffer_bytes: int = BUFFER_BYTES) -> None:
        self._path = path
        self._limit = buffer_bytes
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._lost = asyncio.Event()
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self.dropped: Counter[str] = Counter()
        self.sent = 0

    @property
    def connected(self) -> bool:
        """Whether a shadow worker is listening."""
        return self._transport is not None

    async def run(self) -> None:
        """Connect, and connect again after a growing pause when the connection ends. Never returns."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._loop.create_unix_connection(lambda: self, str(self._path))
            except OSError:
                await anyio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                continue
            pause = FIRST_PAUSE_SECONDS
            await self._lost.wait()
            await anyio.sleep(pause)

    def offer(self, draft: Draft, now: float) -> str:
        """Hand the finished request over. Returns why it was dropped, empty where it was not."""
        if (transport := self._transport) is None:
            reason = "away"
        elif (buffered := self._gathered_bytes + transport.get_write_buffer_size()) > self._limit:
            reason = "full"
        else:
            payload = encode(exchange_of(draft, now))
            if len(payload) > MAX_FRAME_BYTES:
                payload = _without_bodies(exchange_of(draft, now))
            if buffered + len(payload) <= self._limit:
                self._write(payload)
                return ""
            reason = "full"
        self.dropped[reason] += 1
        return reason

    def _buffered(self) -> int:
        transport = self._transport
        return self._gathered_bytes + (transport.get_write_buffer_size() if transport is not None else 0)

    def _write(self, payload: bytes) -> None:
        if not self._gathered:
            self._loop.call_later(_GATHER_SECONDS, self.flush)
        length = len(payload)
        self._gathered += (length.to_bytes(_LENGTH_BYTES, "big"), payload)
        self._gathered_bytes += length + _LENGTH_BYTES
        self.sent += 1

    def flush(self) -> None:
        """Give what was gathered to the transport."""
        gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
        if not gathered:
            return
        if self._transport is None:
            self.sent -= len(gathered) // 2
            self.dropped["away"] += len(gathered) // 2
        else:
            self._transport.write(b"".join(gathered))

    async def drain(self, seconds: float) -> None:
        """Wait until the other side has taken everything, at most `seconds`; then close."""
        self.flush()
        give_up_at = self._loop.time() + seconds
        while self._buffered() and self._loop.time() < give_up_at:  # noqa: ASYNC110 - transports tell nobody
            await anyio.sleep(0.01)
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A shadow worker listens."""
        self._lost.clear()
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its ancestry

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """The shadow worker is gone, and with it what it had not taken."""
        self._transport = None
        self._lost.set()


def _without_bodies(exchange: Exchange) -> bytes:
    return encode(structs.replace(exchange, request_body=b"", answer_body=b"", complete=False))
