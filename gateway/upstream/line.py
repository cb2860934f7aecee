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
        self._waiting: deque[asyncio.Future[bool]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self, give_up_at: float) -> None:
        """Wait for one's turn, until an instant of the loop's clock; raises `Saturated`."""
        if len(self._waiting) >= MAX_WAITING:
            raise self._saturated()
        place = self._loop.create_future()
        timer = self._loop.call_at(give_up_at, _too_late, place)
        self._waiting.append(place)
        try:
            admitted = await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.result():
                self.let_next_in()  # the free slot was meant for us; someone else may have it
            raise
        finally:
            timer.cancel()
            if place in self._waiting:
                self._waiting.remove(place)
        if not admitted:
            raise self._saturated()

    def let_next_in(self) -> None:
        """A slot is free."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(True)
                return

    def _saturated(self) -> Saturated:
        return Saturated("saturated", f"all connections to {self._where} are busy")


def _too_late(place: "asyncio.Future[bool]") -> None:
    if not place.done():
        place.set_result(False)
