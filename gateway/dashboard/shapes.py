"""How lengths and times to first byte are distributed on both arms, out of the evidence's own counters. Pure.

The counters have bins of 5 %; four of them make one bar, which is as fine as an eye can follow. Only requests that
users were answered are counted, by the arm that they were assigned to: mirrors have other deadlines and caches.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from routing.arms import Arm
from shadow.cells import EVERY, Event, SplitCell, parse

BARS_OF: Final = 4
"""Bins of a counter that make one bar: 1.05⁴, a step of about a fifth."""
QUANTITIES: Final = {"length": "characters", "ttft": "ms"}
"""Signals whose counters hold quantities, and their units."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One quantity on both arms. `edges` has one number more than each arm's shares, which sum to 1."""

    signal: str
    unit: str
    edges: tuple[float, ...]
    stable: tuple[float, ...]
    candidate: tuple[float, ...]
    stable_n: int
    candidate_n: int
    stable_median: float | None
    candidate_median: float | None


def shapes(cells: Mapping[str, int]) -> tuple[Shape, ...]:
    """The distributions that have been seen."""
    found: dict[str, dict[Arm, Counter[int]]] = {name: {arm: Counter() for arm in Arm} for name in QUANTITIES}
    for name, count in cells.items():
        if not name.startswith("s/"):
            continue
        cell = parse(name)
        if isinstance(cell, SplitCell) and cell.signal in found and cell.slice == EVERY and cell.event[:1] == "b":
            found[cell.signal][cell.arm][int(cell.event[1:])] += count
    return tuple(
        _shape(name, arms[Arm.STABLE], arms[Arm.CANDIDATE]) for name, arms in found.items() if any(arms.values())
    )


def _shape(name: str, stable: Counter[int], candidate: Counter[int]) -> Shape:
    bars = [index // BARS_OF for index in (*stable, *candidate)]
    first, last = min(bars), max(bars)
    return Shape(
        signal=name,
        unit=QUANTITIES[name],
        edges=tuple(_quantity(bar * BARS_OF) for bar in range(first, last + 2)),
        stable=_shares(stable, first, last),
        candidate=_shares(candidate, first, last),
        stable_n=stable.total(),
        candidate_n=candidate.total(),
        stable_median=_median(stable),
        candidate_median=_median(candidate),
    )


def _shares(bins: Counter[int], first: int, last: int) -> tuple[float, ...]:
    total = bins.total()
    bars: Counter[int] = Counter()
    for index, count in bins.items():
        bars[index // BARS_OF] += count
    return tuple(bars[bar] / total if total else 0.0 for bar in range(first, last + 1))


def _median(bins: Counter[int]) -> float | None:
    half, seen = bins.total() / 2, 0
    for index in sorted(bins):
        seen += bins[index]
        if seen >= half:
            return _quantity(index)
    return None


def _quantity(index: int) -> float:
    value: float = Event.BIN_RATIO**index
    return value
