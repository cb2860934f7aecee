"""The worker's own counters and histograms, as `/metrics` will show them: plain dictionaries, no locks, no library.

Values only rise; the control process adds the workers up.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from gateway.channel.series import series

DURATION_BOUNDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
FIRST_BYTE_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
OVERHEAD_BOUNDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1)


class Histogram:
    """Counts by upper bound, and the sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """One observation."""
        at = 0
        for bound in self.bounds:  # few, and nearly all observations are under one of the first
            if value <= bound:
                break
            at += 1
        self.counts[at] = self.counts[at] + 1
        self.total += value


Labels = tuple[tuple[str, str], ...]


class Outcomes:
    """Counts by outcome."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def add(self, outcome: str) -> None:
        """One more that ended so."""
        self.counts[outcome] = self.counts.get(outcome, 0) + 1


class Tally:
    """All counters of one data worker. `outcomes` and `histogram` give the thing itself, for whoever counts often."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Labels]] = Counter()
        self._outcomes: dict[tuple[str, Labels], Outcomes] = {}
        self._histograms: dict[tuple[str, Labels], Histogram] = {}

    def count(self, name: str, *labels: tuple[str, str]) -> None:
        """One more of the series."""
        self._counts[(name, labels)] += 1

    def outcomes(self, name: str, *labels: tuple[str, str]) -> Outcomes:
        """The series that are apart by the label `outcome`."""
        return self._outcomes.setdefault((name, labels), Outcomes())

    def histogram(self, name: str, bounds: tuple[float, ...], *labels: tuple[str, str]) -> Histogram:
        """The histogram of the series."""
        return self._histograms.setdefault((name, labels), Histogram(bounds))

    def values(self) -> Mapping[str, float]:
        """Every series with its value now."""
        values = {series(name, **dict(labels)): float(count) for (name, labels), count in self._counts.items()}
        for (name, labels), outcomes in self._outcomes.items():
            for outcome, count in outcomes.counts.items():
                values[series(name, **dict(labels), outcome=str(outcome))] = float(count)
        for (name, labels), histogram in self._histograms.items():
            below = 0
            for bound, count in zip((*map(str, histogram.bounds), "+Inf"), histogram.counts, strict=True):
                below += count
                values[series(f"{name}_bucket", **dict(labels), le=bound)] = float(below)
            values[series(f"{name}_sum", **dict(labels))] = histogram.total
            values[series(f"{name}_count", **dict(labels))] = float(below)
        return values
