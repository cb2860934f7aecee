"""Finished exchanges to the shadow worker, never waiting.

A stream socket carries frames: four bytes of length, big-endian, and the payload. The transport buffers what the other
side does not take, up to a bound in bytes; above it, and while there is no connection, exchanges are dropped and
counted by reason. So is one that cannot be made, which takes no other with it. A frame that was begun completes, or the
connection is gone: there is no way to write half of one.

Requests that end within a few milliseconds are turned into frames one after the other, and written by one system call.
Done at the end of each, the same code would run cold, and leave that of the proxy cold behind it.
"""

import asyncio
import logging
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Final, cast

import anyio
from msgspec import structs

from gateway.data.draft import Draft, exchange_of
from shadow.exchange import MAX_FRAME_BYTES, encode

BUFFER_BYTES: Final = 16 * 1024 * 1024
"""Per worker: some seconds of long exchanges, and nothing that a machine would miss."""
FIRST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 1.0
GATHER_SECONDS: Final = 0.004
"""Requests that end within this are handed over together."""
_MOST_GATHERED_BYTES: Final = 1024 * 1024
"""Of bodies; above it they are handed over at once, so that no more of them is kept than the pause is worth."""
_LENGTH_BYTES: Final = 4
_SAY_EVERY_SECONDS: Final = 60.0
"""What cannot be made once is likely to come again, a thousand times a second."""

logger = logging.getLogger(__name__)


class HandOver:
    """The sending side. `offer` is called from the loop and returns at once."""

    def __init__(self, path: Path, *, buffer_bytes: int = BUFFER_BYTES, gather_seconds: float = GATHER_SECONDS) -> None:
        self._path = path
        self._limit = buffer_bytes
        self._gather_seconds = gather_seconds
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._lost = asyncio.Event()
        self._gathered: list[tuple[Draft, float]] = []
        self._gathered_bytes = 0
        self._say_again_at = 0.0
        self.dropped: Counter[str] = Counter()
        self.sent = 0
        self.on_drop: Callable[[Draft], object] = _nobody
        """Told of each request that is dropped, whenever that turns out."""

    @property
    def connected(self) -> bool:
        """Whether a shadow worker is listening."""
        return self._transport is not None

    async def run(self) -> None:
        """Connect, and connect again after a growing pause when the connection ends. Never returns."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            if await self._connects():
                await self._lost.wait()
                pause = FIRST_PAUSE_SECONDS
                await anyio.sleep(pause)
            else:
                await anyio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _connects(self) -> bool:
        try:
            await self._loop.create_unix_connection(lambda: cast(asyncio.Protocol, self), str(self._path))
        except OSError:
            return False
        return True

    def offer(self, draft: Draft, now: float) -> None:
        """Hand the finished request over, or drop it."""
        size = len(draft.asked.body) + draft.captured_bytes
        if self._transport is None:
            self._drop(draft, "away")
        elif self._buffered() + min(size, MAX_FRAME_BYTES) > self._limit:
            self._drop(draft, "full")
        else:
            if not self._gathered:
                self._loop.call_later(self._gather_seconds, self.flush)
            self._gathered.append((draft, now))
            self._gathered_bytes += size
            if self._gathered_bytes > _MOST_GATHERED_BYTES:
                self.flush()

    def _drop(self, draft: Draft, reason: str) -> None:
        self.dropped[reason] += 1
        self.on_drop(draft)

    def _buffered(self) -> int:
        transport = self._transport
        return self._gathered_bytes + (transport.get_write_buffer_size() if transport is not None else 0)

    def flush(self) -> None:
        """Give what was gathered to the transport."""
        gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
        transport = self._transport
        if transport is None:
            for draft, _ in gathered:
                self._drop(draft, "away")
            return
        parts: list[bytes] = []
        room = self._limit - transport.get_write_buffer_size()
        for draft, now in gathered:
            payload = self._made(draft, now)
            if payload is None:
                self._drop(draft, "error")
                continue
            room -= len(payload)
            if room < 0:
                self._drop(draft, "full")
                continue
            parts += (len(payload).to_bytes(_LENGTH_BYTES, "big"), payload)
            self.sent += 1
        if parts:
            transport.write(b"".join(parts))

    def _made(self, draft: Draft, now: float) -> bytes | None:
        """The request's frame; None where something in it cannot be said in one."""
        try:
            return _frame(draft, now)
        except Exception as error:  # noqa: BLE001 - one request, whatever is in it, must not cost the others
            if monotonic() >= self._say_again_at:
                self._say_again_at = monotonic() + _SAY_EVERY_SECONDS
                _say(draft, error)
        return None

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

    def data_received(self, data: bytes) -> None:
        """A shadow worker says nothing."""

    def eof_received(self) -> None:
        """It is leaving; the transport closes itself."""

    def pause_writing(self) -> None:
        """It does not keep up: `offer` looks at the buffer."""

    def resume_writing(self) -> None:
        """It keeps up again."""

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """The shadow worker is gone, and with it what it had not taken."""
        self._transport = None
        self.flush()  # what waits for its frame has nobody to go to
        self._lost.set()


def _frame(draft: Draft, now: float) -> bytes:
    exchange = exchange_of(draft, now)
    payload = encode(exchange)
    if len(payload) > MAX_FRAME_BYTES:
        payload = encode(structs.replace(exchange, request_body=b"", answer_body=b"", complete=False))
    return payload


def _say(draft: Draft, error: Exception) -> None:
    """Log what kind of error it was and where; never its own words, which may be the prompt's."""
    frames = traceback.extract_tb(error.__traceback__)
    logger.error(
        "a request of %s cannot be handed over, and is not compared: %s%s. More of them are counted in"
        " driftgate_shadow_dropped_total, and said once a minute",
        draft.route.endpoint,
        type(error).__name__,
        f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else "",
    )


def _nobody(_: Draft) -> None:
    """Who is told before anybody asks to be."""
