"""The change in refusals, corrected by what people said of a sample: prediction-powered inference.

The reader of refusals errs, and not equally on both models. Where people have labelled a random sample of the pairs,
the mean of (what they say − what was read) over that sample is what the reader is off by, and is added to what was read
on all pairs (Angelopoulos, Bates, Fannjiang, Jordan & Zrnic 2023, "Prediction-powered inference", arXiv 2301.09633).
The estimate is right on average however bad the reader is; a good reader makes it sharp.

Their interval is for one look. Labels come one by one and are looked at all the time, so here both terms have an
interval that holds at all times at once, from the betting primitive of every other test (`rollback.sequential`), each
at half of 5 %: what was read lies in [−1, 1], the correction in [−2, 2]. The sum of the bounds bounds the sum. E-values
of prediction-powered means are known to be valid in this way (Csillag, Struchiner & Goedert 2025, arXiv 2502.04294).

**Verdicts do not use this.** Their evidence is the counted readings, which no label changes: pairs are drawn for review
by a hash that is independent of what was said and of every other choice (`shadow.review`), after they were counted. So
the guarantees of a rollout are the same with review and without.

What it supposes: labels are given to drawn pairs without choosing among them, and the reader errs alike over the epoch.
Pairs of which a person cannot tell are left out, and counted. Where the judge model labels too, its labels count as a
person's do, of pairs that no person has labelled; then the change is corrected towards what the judge would say, which
is as good as the judge is, so the report says how many of the labels are its own.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np

from rollback.sequential import PAIRED_HARM, Tally, lower_bound
from shadow.review import Label, judged_in, labels_in
from shadow.signals.refusal_change import Counted

_BAR: Final = log(4 / 0.05)
"""Four one-sided bounds, two of each term, share 5 %."""


@dataclass(frozen=True, slots=True)
class Audited:
    """The corrected change of refusals, its 95 % bounds for all times, and how many labels it rests on.

    `judged` of the `labelled` were given by the judge model, the others by people.
    """

    estimate: float
    low: float
    high: float
    labelled: int
    unsure: int
    judged: int = 0


def audited(counted: Counted, counts: Mapping[str, int], epoch: int) -> Audited | None:
    """The correction of the counted readings by the labels among the rollout's counts; None without one of use."""
    off: Counter[int] = Counter()
    by_people, unsure = _off_by(labels_in(counts, epoch), off)
    judged, left_open = _off_by(judged_in(counts, epoch), off)
    if not off or not counted.n:
        return None
    same = counted.n - counted.gained - counted.lost
    read_all, correction = _tally({1: counted.gained, -1: counted.lost, 0: same}, 1.0), _tally(off, 2.0)
    estimate = (read_all.mean or 0.0) + (correction.mean or 0.0)
    low = _below(read_all) + _below(correction)
    high = -_below(read_all.mirrored()) - _below(correction.mirrored())
    return Audited(_clipped(estimate), _clipped(low), _clipped(high), by_people + judged, unsure + left_open, judged)


def _off_by(labels: Iterable[tuple[int, Label, int]], off: Counter[int]) -> tuple[int, int]:
    """Count what the reader is off by; returns how many labels say so, and how many say that nobody can tell."""
    said = unsure = 0
    for read, label, count in labels:
        truth = label.difference
        if truth is None:
            unsure += count
        else:
            said += count
            off[truth - read] += count
    return said, unsure


def _tally(counts: Mapping[int, int], reach: float) -> Tally:
    values = np.array(sorted(counts), dtype=np.float64)
    ones = np.ones(len(values))
    return Tally(
        values, np.array([counts[int(value)] for value in values], dtype=np.float64), -reach * ones, reach * ones
    )


def _below(tally: Tally) -> float:
    bound = lower_bound(tally, PAIRED_HARM, _BAR, 0.0)
    return float(tally.low[0]) if bound is None else bound


def _clipped(value: float) -> float:
    return max(-1.0, min(1.0, value))
