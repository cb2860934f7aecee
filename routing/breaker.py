"""When not to ask a server at all: it has just failed several times in a row.

Every question to a server in trouble costs its whole deadline. While the breaker is open, questions fail at once, so
that a dashboard, a flush and a command do not each wait in turn. It opens for so short a time that whoever asks once a
second never meets it: it takes nothing from how soon a recovery is seen.
"""

from dataclasses import dataclass
from typing import Final

TRIPS_AFTER: Final = 3
"""Failures in a row. One or two are a connection that was closed meanwhile, or a packet that was lost."""
OPEN_SECONDS: Final = 0.5
"""Below the controller's tick and the workers' poll, which are a second."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """`failures` in a row so far; nobody asks before `shut_until`, on the caller's monotonic clock."""

    failures: int = 0
    shut_until: float = 0.0

    def admits(self, now: float) -> bool:
        """Whether to ask at `now`."""
        return now >= self.shut_until

    def asked(self, now: float) -> "Breaker":
        """After one was let through: with a server in trouble, the others wait for what it finds."""
        return Breaker(self.failures, now + OPEN_SECONDS) if self.failures >= TRIPS_AFTER else self

    def failed(self, now: float) -> "Breaker":
        """After a question that got no answer."""
        failures = self.failures + 1
        return Breaker(failures, now + OPEN_SECONDS if failures >= TRIPS_AFTER else 0.0)
