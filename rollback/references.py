"""Stable's quantiles, frozen when a stage is left: what "slower than stable's p95" means from then on.

A quantile that moved with the traffic would move with the drift as well. It is read off stable's own bins, of all
stages so far, once there are enough of them, and only later stages are judged by it: the sample that chose a line is no
evidence of who is beyond it.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from rollback.budget import Test
from rollback.ledger import Ledger
from rollback.rollout import Rollout
from rollback.tallies import SINCE
from routing.arms import Arm
from shadow.cells import EVERY

LEAST_BINS: Final = 200
"""Ten answers lie beyond the p95 of 200: the line is then right to about ±1.5 points, and both arms are held to it."""


def frozen(rollout: Rollout, ledger: Ledger, tests: Iterable[Test]) -> dict[str, int]:
    """The rollout's references, with those added that its tests ask for and stable's answers now allow."""
    references = dict(rollout.references)
    for name in sorted({test.reference for test in tests if test.reference} - references.keys()):
        signal, _, percentile = name.rpartition(".p")
        quantile = _quantile(_stable_bins(ledger, signal), int(percentile))
        if quantile is not None:
            references[name] = quantile
            references[name + SINCE] = rollout.stage + 1
    return references


def _stable_bins(ledger: Ledger, signal: str) -> Counter[int]:
    bins: Counter[int] = Counter()
    for cell, count in ledger.split.get((signal, EVERY), ()):
        if cell.arm is Arm.STABLE and cell.event[:1] == "b" and cell.event[1:].isdigit():
            bins[int(cell.event[1:])] += count
    return bins


def _quantile(bins: Counter[int], percentile: int) -> int | None:
    """The first bin with at least `percentile` percent of all answers in it or before it; None with too few."""
    total = bins.total()
    if total < LEAST_BINS:
        return None
    below = 0
    for index in sorted(bins):
        below += bins[index]
        if below * 100 >= percentile * total:
            return index
    return None
