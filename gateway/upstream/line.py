"""A bounded line of those who wait for a free slot, first come, first served."""

import asyncio
from collections import deque
from typing import Final

from gateway.upstream.errors import Saturated

MAX_WAITING: Final = 4096


class Line:
    """The line before one origin; `where` names it in errors."""

    def __init__(self, loop: asyncio.AbstractEventLoop, where: str) -> None:
        self._loop = loop
        self._where = where
        self._waiting: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self, give_up_at: float) -> None:
        """Wait for one's turn, until an instant of the loop's clock; raises `Saturated`."""
        if len(self._waiting) >= MAX_WAITING:
            raise self._saturated()
        place = self._loop.create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout_at(give_up_at):
                await place
        except TimeoutError as error:
            raise self._saturated() from error
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.let_next_in()  # the free slot was meant for us; someone else may have it
            raise
        finally:
            if place in self._waiting:
                self._waiting.remove(place)

    def let_next_in(self) -> None:
        """A slot is free."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return

    def _saturated(self) -> Saturated:
        return Saturated("saturated", f"all connections to {self._where} are busy")
