"""How long to wait before a child is started again.

Doubling from 0.1 s, so that a worker that crashed once is back before anybody notices, up to 5 s, so that one that
always crashes does not eat a core. A child that ran well for a while starts afresh.
"""

from dataclasses import dataclass, replace
from typing import Final

FIRST_SECONDS: Final = 0.1
LONGEST_SECONDS: Final = 5.0
WELL_SECONDS: Final = 10.0
"""Running this long counts as having run well: longer than any start-up, shorter than an operator's patience."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """The state between two starts of one child. `failures` counts ends in a row, each soon after its start."""

    failures: int = 0

    def ended(self, ran_seconds: float) -> "Backoff":
        """The state after the child ended, having run for `ran_seconds`."""
        return replace(self, failures=1 if ran_seconds >= WELL_SECONDS else self.failures + 1)

    @property
    def wait_seconds(self) -> float:
        """How long to wait now, in seconds."""
        return min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** max(0, self.failures - 1))
