"""Hard failures in the last few seconds: the one rule that acts outside the statistics, and says so.

A hard failure is a request without any usable answer from the arm that it was assigned to. Users do not feel them (the
request falls back to stable), but a server that answers nothing has nothing to be judged by, and need not wait for a
proof.

Not here: errors as a rate, which is a drift budget like any other (`rollback.evidence`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LEAST_FAILURES: Final = 10
"""Fewer are a blip: a dropped connection fails one or two requests, a load balancer's re-balancing a handful."""

BURST_SHARE: Final = 0.5
"""A candidate that fails half of its requests over the window is down, not slow or strict. A quick restart inside a
window of ten seconds stays below it; a dead server is over it after five."""

STABLE_SHARE: Final = 0.1
"""Stable failing this much of what it is asked makes every comparison, and the fallback, doubtful: hold."""


@dataclass(frozen=True, slots=True)
class Recent:
    """What each arm was asked in the window, and how much of it failed hard. Fallbacks ask stable too."""

    candidate_asked: int
    candidate_failed: int
    stable_asked: int
    stable_failed: int

    @property
    def candidate_share(self) -> float:
        """The share of the candidate's requests that failed."""
        return self.candidate_failed / max(1, self.candidate_asked, self.candidate_failed)

    @property
    def stable_share(self) -> float:
        """The share of stable's requests that failed."""
        return self.stable_failed / max(1, self.stable_asked, self.stable_failed)

    @property
    def is_burst(self) -> bool:
        """Whether the candidate is down and stable is not. If both fail alike, the trouble is not the candidate's."""
        return (
            self.candidate_failed >= LEAST_FAILURES
            and self.candidate_share >= BURST_SHARE
            and self.stable_share < BURST_SHARE * self.candidate_share
        )

    @property
    def is_stable_failing(self) -> bool:
        """Whether stable is in trouble itself."""
        return self.stable_failed >= LEAST_FAILURES and self.stable_share >= STABLE_SHARE


def recent(counts: Mapping[str, int], previous: Mapping[str, int]) -> Recent:
    """What happened between two readings of a rollout's counts. Counts that went back (a store lost some) are zero."""

    def since(name: str) -> int:
        return max(0, counts.get(name, 0) - previous.get(name, 0))

    failed = since("hard_failure.candidate")
    return Recent(since("assigned.candidate"), failed, since("assigned.stable") + failed, since("hard_failure.stable"))
