"""The simulated rollouts of the benchmark: at the limit, beyond it, harmless, with a late onset.

Stable fails in 3 % of requests unless said otherwise; the limit is 2 points, or 2.5 times stable's rate. With the
daily swing stable's rate goes from .6 to 5.4 % and back every 6,000 votes. A ramp goes through 1, 5, 10, 25 and 50 % in
stages of equal length.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from loadtest.evidence.streams import Scene
from rollback.plan import Budget
from rollback.sequential import Floats
from rollback.verdict import Source, TestKind

VOTES: Final = 30_000
LIMIT: Final = 0.02
RATIO: Final = 2.5
STABLE: Final = 0.03
CEILING: Final = 0.10
RAMP: Final = (100, 500, 1000, 2500, 5000)
POINTS: Final = Budget("refusal", max_increase=LIMIT)
RATIOS: Final = Budget("refusal", max_increase=0.9, max_ratio=RATIO)
CEILINGS: Final = Budget("errors", max_increase=0.9, ceiling=CEILING)


def steady(votes: int, value: float) -> Floats:
    """The same chance for every vote."""
    return np.full(votes, value)


def swing(votes: int, mean: float = STABLE) -> Floats:
    """A rate that goes up and down by four fifths, a day being 6,000 votes."""
    rate: Floats = mean * (1.0 + 0.8 * np.sin(2.0 * np.pi * np.arange(votes) / 6000.0))
    return rate


def late(votes: int, onset: int, before: float, after: float) -> Floats:
    """One chance, and another one after `onset` votes."""
    return np.where(np.arange(votes) < onset, before, after)


def paired(name: str, worse: Floats, better: Floats, budget: Budget = POINTS) -> Scene:
    """Pairs in which the candidate adds and removes bad events with these chances."""
    return Scene(name, worse, better, np.zeros(len(worse), dtype=np.int64), (0,), budget, Source.PAIRED)


def split(
    name: str,
    stable: Floats,
    candidate: Floats,
    weights_bps: Sequence[int],
    kind: TestKind = TestKind.POINTS,
    margin: float = 1.0,
) -> Scene:
    """Users on both arms, at one weight or at several in stages of equal length."""
    votes = len(stable)
    stage = np.arange(votes) * len(weights_bps) // votes
    weight = np.array(weights_bps, dtype=np.float64)[stage] / 10_000
    budget = {TestKind.POINTS: POINTS, TestKind.RATIO: RATIOS, TestKind.CEILING: CEILINGS}[kind]
    up, down = weight * candidate, (1.0 - weight) * stable
    if kind is TestKind.CEILING:  # its votes are the candidate's alone
        up, down = candidate, np.zeros(votes)
    return Scene(name, up, down, stage, tuple(weights_bps), budget, Source.SPLIT, kind, margin)


def at_the_limit() -> tuple[Scene, ...]:
    """Drift exactly at the limit, in every way that it can be there."""
    n = VOTES
    s, w = steady(n, STABLE), swing(n)
    found = [
        paired("pairs that only get worse", steady(n, LIMIT), steady(n, 0.0)),
        paired("pairs that get better, too", steady(n, 0.05), steady(n, 0.05 - LIMIT)),
        paired("pairs, daily swing", LIMIT + w, w),
    ]
    found += [split(f"split at {p} %, points", s, s + LIMIT, (100 * p,)) for p in (1, 5, 50)]
    found += [split(f"split at {p} %, ratio", s, s * RATIO, (100 * p,), TestKind.RATIO) for p in (1, 5, 50)]
    return (
        *found,
        split("split at 10 %, points, daily swing", w, w + LIMIT, (1000,)),
        split("split at 10 %, ratio, daily swing", w, w * RATIO, (1000,), TestKind.RATIO),
        split("split, points, ramp 1 → 50 % and daily swing", w, w + LIMIT, RAMP),
        split("split, ratio, ramp 1 → 50 % and daily swing", w, w * RATIO, RAMP, TestKind.RATIO),
        split("ceiling at 10 %", s, steady(n, CEILING), (1000,), TestKind.CEILING),
    )


def at_the_margin() -> tuple[Scene, ...]:
    """Drift exactly at what a stage wants to exclude."""
    n = VOTES
    w = swing(n)
    found = [
        paired("pairs that only get worse", steady(n, LIMIT), steady(n, 0.0)),
        paired("pairs that get better, too", steady(n, 0.05), steady(n, 0.05 - LIMIT)),
        paired("pairs, daily swing", LIMIT + w, w),
    ]
    for percent, margin in ((1, 3.0), (10, 2.0), (50, 1.0)):
        name = f"split at {percent} %, margin {margin:.0f} ×"
        found.append(split(name, w, w + margin * LIMIT, (100 * percent,), margin=margin))
    return tuple(found)


def harmful_pairs(times: int, better: float, votes: int) -> Scene:
    """So many times the limit, with a chance that the candidate mends a bad answer at the same time."""
    name = f"pairs, {times} × the limit, {better:.0%} mended"
    return paired(name, steady(votes, times * LIMIT + better), steady(votes, better))


def harmful_split(weight_bps: int, kind: TestKind, times: int, votes: int) -> Scene:
    """Users on both arms, so many times the limit: points over a stable rate of 3 %, or a ratio over one of 1 %."""
    if kind is TestKind.RATIO:
        stable = steady(votes, 0.01)
        return split(f"ratio, {times} ×", stable, stable * RATIO * times, (weight_bps,), kind)
    stable = steady(votes, STABLE)
    return split(f"points, {times} ×", stable, stable + times * LIMIT, (weight_bps,))


def harmless(votes: int) -> tuple[Scene, ...]:
    """Candidates that may widen: pairs that hardly differ, and users without a single error of either arm."""
    found = [
        paired(f"pairs, {differing:.1%} differ each way", steady(votes, differing), steady(votes, differing))
        for differing in (0.0, 0.002, 0.01)
    ]
    none = steady(votes, 0.0)
    for percent, margin in ((1, 3.0), (10, 2.0), (50, 1.0)):
        name = f"split at {percent} %, no error, margin {margin:.0f} ×"
        found.append(split(name, none, none, (100 * percent,), margin=margin))
    one = steady(votes, 0.01)
    found.append(split("split at 50 %, 1 % of errors on both arms", one, one, (5000,)))
    return tuple(found)


def onset(after: int, times: int, source: Source, votes: int) -> Scene:
    """Harmless for so many votes, then so many times the limit."""
    if source is Source.PAIRED:
        noise = steady(votes, 0.005)
        return paired(f"pairs, onset after {after:,}", late(votes, after, 0.005, 0.005 + times * LIMIT), noise)
    s = steady(votes, STABLE)
    return split(f"split at 10 %, onset after {after:,}", s, s + late(votes, after, 0.0, times * LIMIT), (1000,))
