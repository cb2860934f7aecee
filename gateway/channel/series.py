"""Names of counters, in the form that Prometheus reads, and how those of many processes become one.

A process counts into a plain mapping from series to number and sends the whole of it. The control process adds the
processes up; what a dead process counted stays counted, so a total never goes down.
"""

from collections.abc import Iterable, Mapping
from typing import Final

LARGEST_COUNTS: Final = frozenset({"driftgate_snapshot_age_seconds"})
"""Gauges among the counters: of these the largest is the truth, not the sum, and a dead process has none."""
SUMMED_GAUGES: Final = frozenset({"driftgate_upstream_in_flight", "driftgate_upstream_left_alone"})
"""Gauges that add up over the processes; of these a dead process has none either."""


def series(name: str, **labels: str) -> str:
    """`name{label="value",…}`, labels in order of their names, values escaped."""
    if not labels:
        return name
    inner = ",".join(f'{label}="{_escaped(value)}"' for label, value in sorted(labels.items()))
    return f"{name}{{{inner}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def name_of(key: str) -> str:
    """The metric that a series belongs to."""
    return key.partition("{")[0]


def merged(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """All processes' counters as one: sums, but for the gauges of `LARGEST_COUNTS`."""
    total: dict[str, float] = {}
    for part in parts:
        for key, value in part.items():
            if name_of(key) in LARGEST_COUNTS:
                total[key] = max(value, total.get(key, value))
            else:
                total[key] = total.get(key, 0.0) + value
    return total


def retired(values: Mapping[str, float]) -> dict[str, float]:
    """What remains of a process that ended: its counts, without its gauges."""
    return {key: value for key, value in values.items() if name_of(key) not in LARGEST_COUNTS | SUMMED_GAUGES}
