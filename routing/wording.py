"""Weights, times and sums as people read them: the same in a decision's reason, in a terminal and on the dashboard.

Apart from all else, so that the command line may say them without loading the judge.
"""

from collections.abc import Sequence
from typing import Final

_UNITS: Final = (("s", 1, 0, 120), ("min", 60, 0, 7_200), ("h", 3_600, 1, 172_800))
"""Unit, its seconds, decimals, and from how many seconds on the next one is said."""
_DAY_SECONDS: Final = 86_400
_BEHIND_THE_POINT: Final = 10.0


def weight(weight_bps: int) -> str:
    """A weight in per cent, exactly: `10 %`, `0.25 %`."""
    return f"{weight_bps / 100:g} %"


def whom(weight_bps: int, include: Sequence[str]) -> str:
    """Whom a weight and rings expose: `10 %`, `ring:beta`, `10 % and ring:beta`; a ring alone is not nobody."""
    return " and ".join((*([weight(weight_bps)] if weight_bps or not include else []), *include))


def duration(seconds: float) -> str:
    """`42 s`, `12 min`, `2.5 h`, `3.1 days`."""
    for unit, length, decimals, until in _UNITS:
        if seconds < until:
            return f"{seconds / length:.{decimals}f} {unit}"
    return f"{seconds / _DAY_SECONDS:,.1f} days"


def count(value: float) -> str:
    """A number of requests: two digits are all that a forecast is good for."""
    step: int = 10 ** max(0, len(str(int(value))) - 2)
    return f"{round(value / step) * step:,}"


def money(value: float) -> str:
    """As many digits; the currency is that of the prices."""
    size = count(abs(value)) if abs(value) >= _BEHIND_THE_POINT else f"{abs(value):.2g}"
    return f"−{size}" if value < 0.0 else size
