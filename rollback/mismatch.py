"""Arms out of proportion: where the candidate has another share of the units than it was given, nothing is comparable.

At each of four points (`shadow.units`) a unit that is new in the epoch is on the candidate with the probability that
was its weight then, whatever happened before. With a of them on the candidate and s on stable, the wealth

    E = B(a + κw, s + κ(1 − w)) / ( B(κw, κ(1 − w)) · w^a · (1 − w)^s )

bets on every other share by a Beta prior around w, and multiplies over weights. It is a martingale while the proportion
is right, so one may look at any time (Lindon & Malek, Anytime-valid inference for multinomial count data, arXiv
2011.03567). Per stage, alpha is .001, shared by the points. The first point that is out of proportion is named: before
it all was well.

It is counted by units because requests are not independent: counted by request, it was wrong in 57 % of simulations.

*Missing answers.* Of the requests that were completed, those that could not be scored must be in proportion as well, or
the answers that are scored are no fair sample of one of the arms. The same bet on them, at .001, says so.

*Dropped exchanges.* What the hand-over drops never becomes a unit. It is counted per request, by the weight it was
assigned at: a loss that does not ask for the arm takes both in proportion of that weight, in whatever stage it happens
(a reload at 50 % takes as many of either), and is no difference between them. At each weight the candidate's drops
are compared with what the weight explains. The same bet, at .001, must say that it is not chance. That bound is for
drops that come one by one, and they come in bursts; so what is off must be worth five points of the arms' requests,
too: it is summed over the weights, and taken as a difference of shares of all that the arms were assigned. It holds the
rollout, which costs time and nothing else.

*Missing readings of pairs.* A pair counts where both answers were read. If one arm's answers cannot be read more often
than the other's, the pairs that are left are no fair sample. The arm that is mirrored to has other deadlines than the
one that answered a user, so a small difference is no fault of a model and no bound holds; above five points it holds.

What is held goes on when the proportions are right again, or with a new rollout; nothing is rolled back for it.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from math import lgamma, log
from typing import Final

from rollback.ledger import Ledger, Missing
from rollback.readiness import Lack
from rollback.rollout import Holding
from routing.arms import Arm
from routing.bucketing import WEIGHT_SCALE
from shadow.cells import EVERY
from shadow.units import Point

ALPHA: Final = 0.001
"""Per stage, for the four points together, and once more for missing answers; and for drops, over all stages."""

CONCENTRATION: Final = 100.0
"""κ: the prior's weight in units. It expects shares off by some points at 50 %, and by their own size at 1 %."""

DROPPED_SHARES: Final = 0.05
"""A difference of the shares that the hand-over dropped, or that pairs lack, above this holds."""

LEAST_DROPPED: Final = 50
"""Fewer drops in all are left alone."""

_Counts = Mapping[int, tuple[int, int]]
"""By weight in basis points: (candidate, stable)."""


def mismatches(ledger: Ledger, counts: Mapping[str, int], stage: int, judged: Collection[str] = ()) -> tuple[Lack, ...]:
    """What is out of proportion in a stage, the first point first.

    `counts` are the rollout's request counters (of drops `handover_dropped.{weight_bps}.{arm}`), `judged` the cell
    names of the signals that decide anything.
    """
    unread = _unread_pairs(ledger, stage, judged)
    return (*_points(ledger, stage), *_missing(ledger, stage), *unread, *_dropped(counts))


def log_mismatch(candidate: int, stable: int, weight: float) -> float:
    """Log e-value against "each unit is on the candidate with probability `weight`", a number in (0, 1)."""
    a, b = CONCENTRATION * weight, CONCENTRATION * (1.0 - weight)
    return _log_beta(candidate + a, stable + b) - _log_beta(a, b) - candidate * log(weight) - stable * log(1.0 - weight)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _points(ledger: Ledger, stage: int) -> Iterator[Lack]:
    bar = log(len(Point) / ALPHA)
    for point in Point:
        seen = _seen(ledger, stage, point)
        if _log_evidence(seen) >= bar:
            yield Lack(
                Holding.MISMATCH,
                f"sample-ratio mismatch among keys {point.value}: {_against(seen)}, so the arms' requests are unlike; "
                "goes on when the shares agree",
            )
            return


def _missing(ledger: Ledger, stage: int) -> Iterator[Lack]:
    completed, scored = _seen(ledger, stage, Point.COMPLETED), _seen(ledger, stage, Point.SCORED)
    seen = {
        weight: (max(0, ours - scored.get(weight, (0, 0))[0]), max(0, theirs - scored.get(weight, (0, 0))[1]))
        for weight, (ours, theirs) in completed.items()
    }
    if _log_evidence(seen) >= log(1.0 / ALPHA):
        yield Lack(
            Holding.MISMATCH,
            f"answers that cannot be scored come from one arm more than from the other: {_against(seen)}; "
            "goes on when the shares agree",
        )


def _unread_pairs(ledger: Ledger, stage: int, judged: Collection[str]) -> Iterator[Lack]:
    """The first signal, by name, whose pairs lack one arm's reading far more often than the other's."""
    for signal in sorted(judged):
        by_arm = ledger.missing.get((signal, EVERY), {})
        unread = {arm: by_arm.get((stage, "paired", arm), Missing()).unmeasured for arm in Arm}
        if sum(unread.values()) < LEAST_DROPPED:
            continue
        held = ledger.paired.get((signal, EVERY))
        pairs = (int(held.by_index(stage).sum()) if held is not None else 0) + sum(unread.values())
        if abs(unread[Arm.CANDIDATE] - unread[Arm.STABLE]) > DROPPED_SHARES * pairs:
            ours, theirs = (100 * unread[arm] / pairs for arm in (Arm.CANDIDATE, Arm.STABLE))
            yield Lack(
                Holding.MISMATCH,
                f"{signal} could not be read off {ours:.0f} % of the candidate's answers in {pairs:,} pairs and "
                f"{theirs:.0f} % of stable's: the pairs that are left are no fair sample; goes on when they agree",
            )
            return


def _dropped(counts: Mapping[str, int]) -> Iterator[Lack]:
    by_weight: dict[tuple[int, Arm], int] = {}
    for name, count in counts.items():
        match name.split("."):
            case ["handover_dropped", weight_bps, arm]:
                by_weight[int(weight_bps), Arm(arm)] = count
    seen = _pairs_of(by_weight)
    if sum(by_weight.values()) < LEAST_DROPPED or _log_evidence(seen) < log(1.0 / ALPHA):
        return
    off = sum(abs(ours - (ours + theirs) * weight / WEIGHT_SCALE) for weight, (ours, theirs) in seen.items())
    if off * sum(1.0 / max(1, counts.get(f"assigned.{arm}", 0)) for arm in Arm) > DROPPED_SHARES:
        yield Lack(
            Holding.MISMATCH,
            f"exchanges that the shadow worker missed come from one arm more than from the other: {_against(seen)}; "
            "goes on when the shares agree",
        )


def _seen(ledger: Ledger, stage: int, point: Point) -> _Counts:
    by_weight: Counter[tuple[int, Arm]] = Counter()
    for (at, weight_bps, arm, name), count in ledger.units.items():
        if at == stage and name == point.value:
            by_weight[weight_bps, arm] += count
    return _pairs_of(by_weight)


def _pairs_of(by_weight: Mapping[tuple[int, Arm], int]) -> _Counts:
    """Where there was a choice of arms."""
    weights = sorted({weight for weight, _ in by_weight if 0 < weight < WEIGHT_SCALE})
    return {
        weight: (by_weight.get((weight, Arm.CANDIDATE), 0), by_weight.get((weight, Arm.STABLE), 0))
        for weight in weights
    }


def _log_evidence(seen: _Counts) -> float:
    return sum(log_mismatch(ours, theirs, weight / WEIGHT_SCALE) for weight, (ours, theirs) in seen.items())


def _against(seen: _Counts) -> str:
    """`412 of 10,000 on the candidate, where 100 were expected`."""
    ours, theirs = (sum(pair[arm] for pair in seen.values()) for arm in (0, 1))
    expected = sum(sum(pair) * weight / WEIGHT_SCALE for weight, pair in seen.items())
    return f"{ours:,} of {ours + theirs:,} on the candidate, where {expected:,.0f} were expected"
