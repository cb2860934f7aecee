"""How many requests each endpoint gets per second, from the data workers' counters. Pure: it is told the time.

Counters only rise, also past a worker's end, so two readings are enough. The first reading of an endpoint is the
baseline and nothing else: after a restart of the control process it holds everything that was ever counted.
"""

import re
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SAMPLE_SECONDS: Final = 5.0
KEPT: Final = 720
"""An hour of samples: long enough to be called today's traffic, short enough to notice that it is evening."""

_REQUESTS: Final = re.compile(r'^driftgate_requests_total\{(?:.*,)?endpoint="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests per second, seen over `seconds`; None where nothing came, or nothing is known yet."""

    per_second: float | None = None
    seconds: float = 0.0


@dataclass(slots=True)
class Rates:
    """The last hour's readings."""

    _samples: deque[tuple[float, Counter[str]]] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, now: float, counters: Mapping[str, float]) -> None:
        """One reading of all workers' counters, at `now` (seconds of any steady clock)."""
        self._samples.append((now, requests_of(counters)))

    def of(self, endpoint: str) -> Rate:
        """The endpoint's rate over the readings kept."""
        known = [(at, totals[endpoint]) for at, totals in self._samples if endpoint in totals]
        if len(known) < 2:  # noqa: PLR2004 - a baseline, and one more
            return Rate()
        (began, first), (ended, last) = known[0], known[-1]
        seconds = ended - began
        if seconds <= 0.0 or last <= first:
            return Rate(None, max(0.0, seconds))
        return Rate((last - first) / seconds, seconds)


def requests_of(counters: Mapping[str, float]) -> Counter[str]:
    """Requests so far by endpoint, all arms and outcomes together."""
    totals: Counter[str] = Counter()
    for series, value in counters.items():
        found = _REQUESTS.match(series)
        if found:
            totals[found[1]] += int(value)
    return totals
