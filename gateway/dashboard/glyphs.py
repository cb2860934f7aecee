"""A drift with its interval and limit as a drawing of one line: what a number cannot say at a glance. Pure.

The scale is the test's own: its limit stands at the same place in every row, so rows can be compared by eye. What is
beyond the drawing ends in an arrow at its edge.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Final

from rollback.sentences import scaled
from rollback.verdict import SignalReport, TestKind

WIDTH: Final = 140.0
LIMIT_AT: Final = 0.55
"""Where the limit stands, as a share of the way from the middle to the edge."""


@dataclass(frozen=True, slots=True)
class Glyph:
    """Places on a line of `WIDTH`. `low` and `high` are the interval, `limits` the limits that harm is beyond."""

    zero: float
    limits: tuple[float, ...]
    low: float
    high: float
    point: float
    cut_left: bool
    cut_right: bool


def glyph(report: SignalReport, interval: tuple[float, float] | None) -> Glyph | None:
    """The drawing of a row, None before the first vote."""
    if report.estimate is None or not isfinite(report.estimate):
        return None
    limit, estimate = scaled(report, report.limit), scaled(report, report.estimate)
    low, high = (scaled(report, end) for end in interval) if interval is not None else (estimate, estimate)
    two_sided = report.test in (TestKind.POINTS, TestKind.TAIL)
    start = -abs(limit) / LIMIT_AT if two_sided else 0.0
    end = abs(limit) / LIMIT_AT or 1.0

    def place(value: float) -> float:
        return round(WIDTH * min(1.0, max(0.0, (value - start) / (end - start))), 1)

    return Glyph(
        zero=place(1.0 if report.test is TestKind.RATIO else 0.0),
        limits=(place(limit),),
        low=place(low),
        high=place(high),
        point=place(estimate),
        cut_left=low < start,
        cut_right=high > end,
    )
