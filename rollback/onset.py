"""Late onset: harm that begins after a long time without any.

Evidence of all stages together slows down with good history: after 30,000 good pairs a regression needs thousands more.
So each guardrail's test is also a detector of change. With a bet f, and e_f(j) the product of what window j's votes
multiply a stake by,

    R_f ← (R_f + 1) · e_f(j),        alarm when the mean over the prior of (R_f + T − n) / T reaches 1 / alpha_late

after n windows of T. R_f is the sum of the e-processes that begin with windows 1 … n, and 1 stands for each that has
not begun: the whole is a non-negative supermartingale which starts at 1. So by Ville's inequality the chance that it
*ever* reaches 1/alpha_late is at most alpha_late, whenever one looks, in the middle of a window too. It is the detector
of Shiryaev and Roberts, of e-values (Shin, Ramdas & Rinaldo, E-detectors, arXiv 2203.03532), and never below the one of
Page, M_f ← max(M_f, 1) · e_f(j), which keeps the largest of these e-processes instead of their sum: users are found 2
to 7 % sooner by it, pairs as soon. The bound needs T to be declared: after `MOST_WINDOWS` no further one begins, and
the last goes on. Without the division by T it would fire in 23 to 52 % of harmless rollouts.

A window is one of `shadow.windows` or several in a row, until they hold `LEAST_VOTES`. Where one ends depends on how
many votes were cast, never on what they said.

As a function of the counters R_f after window n is Σ_j exp(S_n − S_j), j = 0 … n − 1, S being the running sum of
log e_f: nothing is kept between looks.

After a promotion nobody has declared how many windows there will be, so none is too late to begin (`endless`). In the
first T of them the chance of an alarm is still at most alpha_late. R_f less the number of windows is a supermartingale
that starts at 0, so over any number of windows alarms come on average at most once in T · (1/alpha_late − 1) of them
(the same source): the bound per rollout becomes a rate of alarms.
"""

from bisect import bisect_left
from dataclasses import dataclass, replace
from math import inf, log
from typing import Final

import numpy as np

from rollback.budget import Test
from rollback.cases import harm_prior
from rollback.ledger import Ledger
from rollback.sequential import Floats, Prior, Tally, log_factors, log_mean_exp
from rollback.tallies import Bucket, Purpose, ceiling_tally, rates, split_tally
from rollback.verdict import Side, Source, TestKind
from routing.arms import Arm
from routing.bucketing import WEIGHT_SCALE
from shadow.cells import WINDOW_STEPS, Event, WindowSplitCell

LEAST_VOTES: Final = 200
"""Shorter windows begin more often than an onset is worth: each costs its part of T."""

MOST_WINDOWS: Final = 500
"""T, with a logarithm of 6.2. It is reached after eleven hours of more than 200 votes in each window of 1/150 of the
rollout's age, or two days with two votes a second, and is not reached in a month with less than one in ten seconds."""


@dataclass(frozen=True, slots=True)
class Onset:
    """What the detector says: its log value now, and of the run of windows that speaks loudest its votes and drift."""

    log_value: float = 0.0
    n: int = 0
    estimate: float | None = None


@dataclass(frozen=True, slots=True)
class _Windows:
    """Observations by window. `kinds` holds one of each kind; `counts` has a row per window and a column per kind."""

    kinds: Tally
    counts: Floats
    buckets: tuple[Bucket, ...] = ()


def bar(test: Test) -> float:
    """The log value that is an alarm."""
    return log(1.0 / test.late_alpha) if test.late_alpha else inf


def onset(ledger: Ledger, test: Test, *, endless: bool = False) -> Onset:
    """What the detector of one test says now; all of it is 0 where nothing was observed by window."""
    windows = _paired(ledger, test) if test.source is Source.PAIRED else _split(ledger, test)
    if windows is None:
        return Onset()
    sign = 1.0 if test.side is Side.UPPER else -1.0
    limit = 0.0 if test.kind is TestKind.RATIO else sign * test.limit
    kinds = windows.kinds if test.side is Side.UPPER else windows.kinds.mirrored()
    merged = _merged(windows.counts, len(windows.counts) if endless else MOST_WINDOWS)
    log_value, begins = detect(kinds, merged, limit, harm_prior(test))
    since = merged[begins:].sum(axis=0)
    return Onset(log_value, int(since.sum()), _estimate(windows, since, test))


def detect(kinds: Tally, counts: Floats, limit: float, over: Prior) -> tuple[float, int]:
    """The detector's log value after the last row of `counts`, and the row with which its loudest run begins.

    `kinds` gives the value and range of each column, turned so that harm points upwards.
    """
    if (limit <= kinds.low).any():
        return inf, 0
    logs = counts @ log_factors(kinds, limit, over)
    sums = np.cumsum(logs, axis=0)
    before = np.vstack((np.zeros((1, len(over.bets))), sums[:-1]))
    least = before.min(axis=0)
    begun = sums[-1] - least + np.log(np.exp(least - before).sum(axis=0))
    yet_to_begin = log(max(MOST_WINDOWS - len(counts), 1e-9))
    values = np.logaddexp(begun, yet_to_begin) - log(MOST_WINDOWS)
    loudest = int((over.log_weights + begun).argmax())
    return log_mean_exp(values, over), int(before[:, loudest].argmin())


def _merged(counts: Floats, most: int) -> Floats:
    """Rows in order, added up until each holds `LEAST_VOTES`; the last may still be growing."""
    return np.add.reduceat(counts, _starts(counts, most), axis=0)


def _starts(counts: Floats, most: int) -> list[int]:
    votes = counts.sum(axis=1)
    if (votes[:-1] >= LEAST_VOTES).all():
        return list(range(min(len(votes), most)))
    total = votes.cumsum().tolist()
    starts = [0]
    row = bisect_left(total, LEAST_VOTES) + 1
    while row < len(total) and len(starts) < most:
        starts.append(row)
        row = bisect_left(total, total[row - 1] + LEAST_VOTES) + 1
    return starts


def _paired(ledger: Ledger, test: Test) -> _Windows | None:
    held = ledger.window_paired.get(test.cell_signal)
    if held is None:
        return None
    ones = np.ones(len(held.kinds))
    values = np.array([kind.index for kind in held.kinds], dtype=np.float64) / WINDOW_STEPS
    return _Windows(Tally(values, ones, -ones, ones), held.table.astype(np.float64))


def _split(ledger: Ledger, test: Test) -> _Windows | None:
    held = ledger.window_split.get(test.cell_signal)
    if held is None:
        return None
    ceiling = test.kind is TestKind.CEILING
    widest = WEIGHT_SCALE if ceiling else WEIGHT_SCALE - 1
    columns = [
        column
        for column, kind in enumerate(held.kinds)
        if 0 < kind.weight_bps <= widest and (kind.arm is Arm.CANDIDATE or not ceiling)
    ]
    if not columns:
        return None
    buckets = tuple(_bucket(held.kinds[column]) for column in columns)
    ratio = test.limit if test.kind is TestKind.RATIO else 1.0
    kinds = ceiling_tally(buckets) if ceiling else split_tally(buckets, test, Purpose.HARM, ratio)
    return _Windows(kinds, held.table[:, columns].astype(np.float64), buckets)


def _bucket(kind: WindowSplitCell) -> Bucket:
    """One vote of the kind; the stage does not matter here."""
    bad = None if kind.event == Event.LOST else kind.event == Event.BAD
    return Bucket(0, kind.weight_bps, kind.arm, bad, 1)


def _estimate(windows: _Windows, since: Floats, test: Test) -> float | None:
    """The drift of these votes, in the report's unit."""
    if not windows.buckets:
        mean = replace(windows.kinds, counts=since).mean
        return None if mean is None else mean * test.scale
    seen = (replace(kind, count=int(count)) for kind, count in zip(windows.buckets, since, strict=True))
    return rates(tuple(seen)).drift(test.kind)
