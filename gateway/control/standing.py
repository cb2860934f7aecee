"""How a running rollout stands, for whoever asks about this one: intervals, and when the next stage may come.

Worked out from the counters when it is asked for, and not once a second for everybody: inverting a test costs more than
evaluating it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.control.views import View
from rollback.ahead import Ahead, ahead
from rollback.evidence import examine
from rollback.plan import BudgetClass
from rollback.rollout import Rollout
from rollback.verdict import SignalReport
from shadow.cells import EVERY

NOTEWORTHY: Final = 0.5
"""Burn from which on a signal that is only observed gets an interval too."""

Place = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """Intervals by row, and what comes next (None: the rollout has ended)."""

    intervals: Mapping[Place, tuple[float, float]]
    ahead: Ahead | None


def standing(rollout: Rollout, cells: Mapping[str, int], now: float) -> Standing:
    """From the counters alone; takes some milliseconds."""
    evidence = examine(rollout, cells)
    found: dict[Place, tuple[float, float]] = {}
    for row in evidence.reports():
        interval = evidence.interval(row) if _is_looked_at(row) else None
        if interval is not None:
            found[row.signal, row.slice, row.source.value, row.test.value, row.side.value] = interval
    return Standing(found, ahead(evidence, now) if rollout.is_running else None)


def _is_looked_at(row: SignalReport) -> bool:
    return row.slice == EVERY and (row.budget_class is not BudgetClass.OBSERVE or row.burn >= NOTEWORTHY)


def with_standing(view: View, seen: Standing) -> View:
    """A rollout's view with its intervals and what comes next."""
    rows = [{**row, "interval": seen.intervals.get(_place(row))} for row in view["signals"]]
    following = seen.ahead
    if following is None:
        return {**view, "signals": rows, "next": None}
    coming = {
        "stage": following.stage,
        "weight_bps": following.weight_bps,
        "include": list(following.include),
        "seconds": following.seconds,
        "waits_for": following.waits_for,
    }
    return {**view, "signals": rows, "next": coming}


def _place(row: View) -> Place:
    return row["signal"], row["slice"], row["source"], row["test"], row["side"]
