"""Counters → the observations of one test.

| evidence | X | m |
|---|---|---|
| paired | candidate − stable, on the lattice | limit |
| split, points: A = 1 on the candidate, w its weight at assignment | B·A/w − B·(1−A)/(1−w) | limit |
| split, ratio r | B·A/w − r·B·(1−A)/(1−w) | 0 |
| ceiling: the candidate alone | B | limit |

Attribution is by assignment, at the weight stamped on the request then, so E[X] is the difference of the two rates
whatever the weights did meanwhile (Horvitz & Thompson's weighting; arXiv 2210.10768). Assignments made at weight 0 or
at 100 % are no split evidence: one arm had no chance of being assigned.

A *lost* event (the answer is not the candidate's own, because the fallback gave it) has an unknown B. Where harm is to
be shown it is taken as whatever speaks for the candidate, where no harm is to be shown as whatever speaks against it:
both keep their guarantee, whichever answers get lost and why.

A binned quantity is an event once stable's quantile is frozen: B = 1 in a bin beyond it. Only stages that began after
the freezing count, because the quantile was read off the earlier ones.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from rollback.budget import Test
from rollback.layouts import Ints
from rollback.ledger import Ledger
from rollback.rollout import Rollout
from rollback.sequential import Tally
from rollback.verdict import Side, TestKind
from routing.arms import Arm
from routing.bucketing import WEIGHT_SCALE
from shadow.cells import LATTICE_STEPS, Event

SINCE: Final = ".since"
"""Suffix of the reference that holds the first stage whose events a frozen quantile may judge."""


class Purpose(Enum):
    """What is to be shown; it decides how a lost event counts."""

    HARM = "harm"
    NO_HARM = "no_harm"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Split votes of one kind: assigned to `arm` at `weight_bps` in `stage`. `bad` None is a lost event."""

    stage: int
    weight_bps: int
    arm: Arm
    bad: bool | None
    count: int


@dataclass(frozen=True, slots=True)
class Rates:
    """What was seen of each arm, lost events apart."""

    stable_bad: int
    stable_n: int
    candidate_bad: int
    candidate_n: int

    @property
    def stable(self) -> float | None:
        """Stable's rate; None before its first vote."""
        return self.stable_bad / self.stable_n if self.stable_n else None

    @property
    def candidate(self) -> float | None:
        """The candidate's rate; None before its first vote."""
        return self.candidate_bad / self.candidate_n if self.candidate_n else None

    def drift(self, kind: TestKind) -> float | None:
        """What a test of this kind is about: candidate − stable, their ratio, or the candidate's own rate."""
        if kind is TestKind.CEILING or self.candidate is None or self.stable is None:
            return self.candidate if kind is TestKind.CEILING else None
        if kind is TestKind.RATIO:
            return self.candidate / self.stable if self.stable else None
        return self.candidate - self.stable


def paired_tallies(ledger: Ledger, test: Test, slice_: str, stage: int) -> tuple[Tally, Tally]:
    """Differences of all stages, and of this one."""
    held = ledger.paired.get((test.cell_signal, slice_))
    if held is None:
        return _NOTHING, _NOTHING
    return _lattice(held.by_index()), _lattice(held.by_index(stage))


def lattice_tally(counts: Mapping[int, int]) -> Tally:
    """Differences by lattice index."""
    by_index = np.zeros(2 * LATTICE_STEPS + 1, dtype=np.int64)
    for index, count in counts.items():
        if abs(index) <= LATTICE_STEPS:
            by_index[index + LATTICE_STEPS] = count
    return _lattice(by_index)


def _lattice(by_index: Ints) -> Tally:
    """In index order, so that the sum of their logarithms has one order whatever order the counters came in."""
    (found,) = np.nonzero(by_index > 0)
    n = len(found)
    return Tally(_VALUES[found], by_index[found].astype(np.float64), _LOWS[:n], _HIGHS[:n])


_VALUES: Final = np.arange(-LATTICE_STEPS, LATTICE_STEPS + 1) / LATTICE_STEPS
_LOWS: Final = -np.ones(len(_VALUES))
_HIGHS: Final = np.ones(len(_VALUES))
_NOTHING: Final = _lattice(np.zeros(1, dtype=np.int64))


def buckets(ledger: Ledger, rollout: Rollout, test: Test, slice_: str) -> tuple[Bucket, ...]:
    """The split votes of all stages that the test may use, in one order whatever order the counters came in."""
    counts: Counter[tuple[int, int, Arm, bool | None]] = Counter()
    since = rollout.references.get(test.reference + SINCE, 0)
    widest = WEIGHT_SCALE if test.kind is TestKind.CEILING else WEIGHT_SCALE - 1
    quantile = rollout.references.get(test.reference) if test.reference else None
    for cell, count in ledger.split.get((test.cell_signal, slice_), ()):
        if (
            cell.stage >= since
            and 0 < cell.weight_bps <= widest
            and count > 0
            and _is_about(cell.event, test, quantile)
        ):
            counts[cell.stage, cell.weight_bps, cell.arm, _is_bad(cell.event, test, quantile)] += count
    found = (Bucket(stage, weight, arm, bad, count) for (stage, weight, arm, bad), count in counts.items())
    return tuple(sorted(found, key=_order))


def _order(bucket: Bucket) -> tuple[int, int, str, int]:
    return bucket.stage, bucket.weight_bps, bucket.arm.value, -1 if bucket.bad is None else int(bucket.bad)


def _is_about(event: str, test: Test, quantile: int | None) -> bool:
    """Whether the event says anything to this test: a bin needs the frozen quantile that it is compared with."""
    if not test.reference:
        return event in (Event.GOOD, Event.BAD, Event.LOST)
    return quantile is not None and (event == Event.LOST or (event[:1] == "b" and event[1:].isdigit()))


def _is_bad(event: str, test: Test, quantile: int | None) -> bool | None:
    if event == Event.LOST:
        return None
    if quantile is None:
        return event == Event.BAD
    index = int(event[1:])
    return index < quantile if test.counts_too_short else index > quantile


def rates(seen: tuple[Bucket, ...]) -> Rates:
    """Both arms' rates."""
    n = {Arm.STABLE: 0, Arm.CANDIDATE: 0}
    bad = {Arm.STABLE: 0, Arm.CANDIDATE: 0}
    for bucket in seen:
        if bucket.bad is not None:
            n[bucket.arm] += bucket.count
            bad[bucket.arm] += bucket.count * bucket.bad
    return Rates(bad[Arm.STABLE], n[Arm.STABLE], bad[Arm.CANDIDATE], n[Arm.CANDIDATE])


def split_tally(seen: tuple[Bucket, ...], test: Test, purpose: Purpose, ratio: float = 1.0) -> Tally:
    """Weighted differences of rates; with a `ratio`, stable's events count that much more.

    Answers below stable's p5 are drift downwards, so there X is turned round: more of them is a smaller X.
    """
    values, lows, highs = [], [], []
    for bucket in seen:
        w = bucket.weight_bps / WEIGHT_SCALE
        bad = bucket.bad if bucket.bad is not None else _assumed(bucket.arm, _bad_rises(test), purpose)
        pays = 1.0 / w if bucket.arm is Arm.CANDIDATE else -ratio / (1.0 - w)
        values.append(pays if bad else 0.0)
        lows.append(-ratio / (1.0 - w))
        highs.append(1.0 / w)
    tally = _tally(seen, values, lows, highs)
    return tally.mirrored() if test.counts_too_short else tally


def ceiling_tally(seen: tuple[Bucket, ...]) -> Tally:
    """The candidate's own events. Lost ones count as good: a ceiling only looks for harm."""
    own = tuple(bucket for bucket in seen if bucket.arm is Arm.CANDIDATE)
    return _tally(own, [float(bucket.bad or False) for bucket in own], [0.0] * len(own), [1.0] * len(own))


def _bad_rises(test: Test) -> bool:
    """Whether more bad events of the candidate are the drift that the test looks for."""
    return test.side is Side.UPPER or test.counts_too_short


def _assumed(arm: Arm, bad_rises: bool, purpose: Purpose) -> bool:
    """B of a lost event: for the candidate when harm is to be shown, against it when no harm is."""
    looks_worse = bad_rises is (arm is Arm.CANDIDATE)
    return looks_worse if purpose is Purpose.NO_HARM else not looks_worse


def _tally(seen: tuple[Bucket, ...], values: list[float], lows: list[float], highs: list[float]) -> Tally:
    counts = np.array([bucket.count for bucket in seen], dtype=np.float64)
    return Tally(np.array(values), counts, np.array(lows), np.array(highs))
