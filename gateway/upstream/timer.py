"""A deadline that moves often and is reached rarely.

Moving it later only writes a number; the loop's own timer finds out when it fires, and goes on sleeping. So progress on
a connection costs no timer.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

NEVER: Final = float("inf")
clock: Final = monotonic
"""The clock of what each request asks for the time: a name that stays what it is costs compiled code no look-up."""


def _nobody() -> None:
    """Who is told by a closed timer."""


class LazyTimer:
    """Calls `on_due` once the deadline has passed. Instants are `time.monotonic`'s."""

    __slots__ = ("_armed_for", "_handle", "_loop", "_on_due", "at")

    def __init__(self, loop: asyncio.AbstractEventLoop, on_due: Callable[[], None]) -> None:
        self._loop = loop
        self._on_due = on_due
        self._handle: asyncio.TimerHandle | None = None
        self._armed_for = NEVER
        self.at = NEVER

    def until(self, at: float) -> None:
        """Move the deadline to `at`; `NEVER` lifts it."""
        self.at = at
        if at < self._armed_for:
            if self._handle is not None:
                self._handle.cancel()
            self._arm(at)

    def stop(self) -> None:
        """No deadline, no timer."""
        self.at = self._armed_for = NEVER
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def close(self) -> None:
        """Stop, and let go of whoever was to be told: so that neither waits for a garbage collection."""
        self.stop()
        self._on_due = _nobody

    def _arm(self, at: float) -> None:
        self._armed_for = at
        self._handle = self._loop.call_later(max(0.0, at - clock()), self._fire)

    def _fire(self) -> None:
        self._handle = None
        self._armed_for = NEVER
        if self.at == NEVER:
            return
        if clock() < self.at:
            self._arm(self.at)
        else:
            self.at = NEVER
            self._on_due()
