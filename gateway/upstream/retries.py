"""How often a request may be sent a second time: a share of what was sent, and a few in any case.

Retries multiply load just when a server has too little room. So they are paid for: each request earns a fifth of one,
time earns a few for those who ask seldom, and what is saved up is bounded, so that a quiet night pays for no storm.
(Finagle's and Linkerd's idea, and their share.) No clock: `now` is an argument.
"""

from typing import Final

SHARE: Final = 0.2
PER_SECOND: Final = 1.0
MOST_SAVED: Final = 50.0


class RetryBudget:
    """The budget of one model in one process."""

    __slots__ = ("_seen_at", "saved")

    def __init__(self, now: float) -> None:
        self.saved = MOST_SAVED / 5
        self._seen_at = now

    def earn(self) -> None:
        """A request was sent for the first time."""
        if self.saved < MOST_SAVED:
            self.saved += SHARE

    def spend(self, now: float) -> bool:
        """Whether one more retry may be sent; if so, it is paid."""
        self.saved = min(MOST_SAVED, self.saved + (now - self._seen_at) * PER_SECOND)
        self._seen_at = now
        if self.saved < 1.0:
            return False
        self.saved -= 1.0
        return True
