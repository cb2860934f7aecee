"""From drift budgets to tests: each is one null hypothesis about the mean of one number, with its share of alpha.

What is observed, per source (see `rollback.tallies`):

- *paired*: both arms answered the same request, X = candidate − stable in [−1, 1];
- *split*: different users on different arms, X is the difference of rates weighted by the chance of assignment;
- *ceiling*: the candidate's own rate.

Limits are in units of X. `max_increase` and `max_decrease` are points. `length` within x is a mean log ratio, clipped
at ±1.5 and divided by it, against ln(1 ± x)/1.5; `expected: [low, high]` puts ln(1 + low) and ln(1 + high) in their
place, and for a rate `low` and `high` themselves, so that *not* changing is then drift as well (`max_ratio` is dropped
beside it: it would forbid what is expected).

`completion` and `cost` are log ratios of the same kind, of pairs only. Two more tests belong to `length`:

- The *tail*: the share of answers at least 3 × longer (than stable's to the same request) minus the share at most a
  third as long. A mean of clipped ratios moves by 8 % when 5 % of answers become 20 × longer. Its limit is x/4 either
  way: answers that are 3 × longer or more are about 5 × on average, so a share x/4 of them adds x to the total. On six
  recorded swaps of models the harmless ones had differences of 0, +0.6 and −1.0 points, the harmful ones of length
  +4.4 and −4.3 (limit for 15 %: 3.75). Beside `expected` the tail on the expected side is not tested.
- *Split, beyond stable's frozen p95 (or below its p5)*: catches what pairs cannot see, because the mirror is not what
  users get. It only looks for harm, at 10 points (a tail of 5 % that trebles): how far a drift of x moves a tail
  depends on how much lengths vary at all, from 2 points to 7 for 15 %, so it says nothing about harmlessness within x.

`max_ratio` and `ceiling` only look for harm too: showing a ratio below 1.5 at a rate of 1 % takes 13,000 requests and
more. Agreement has no split evidence. `errors` has paired evidence only at weight 0 and at 100 %, where mirrors are all
there is of one arm; in between, a mirror's errors (other caches, other deadlines) are not the users'.

**Alpha** is per rollout. Epoch i of it may spend alpha/(i(i+1)), which sums to alpha over all epochs. It is divided
evenly over the guardrail budgets, and each budget's share evenly over those of its tests that can occur under the plan,
paired and split alike: the sources have different filtrations, so Bonferroni is the division that is always valid, and
it costs only log 2 of about 7. A product over disjoint keys (Vovk & Wang, arXiv 1912.06116), (½ + ½E) of pairs times
(½ + ½E) of users, needs .86 to 1.01 of its requests (`loadtest/evidence/combining.py`, on the page of statistics). It
is not taken: a key that votes in pairs would say nothing of what users got, and with full mirroring that is every key;
the source of a key must be fixed before its first request, so mirrors of all others would be lost as pairs; and a
verdict would belong to neither source's row and bound. Budgets of class signal and observe spend nothing of it and are
judged at the same level.

Where a guardrail's test can be searched for a *late onset* (`rollback.onset`), a part of its share goes to that: of
pairs two fifths, of users three twentieths. A drift of 5 × the limit then takes 7 % more pairs from the start than with
all of the share, and 2 % more requests; one that begins after 30,000 good votes takes 1.9 × as long as that in pairs
and 1.8 × among users, instead of 49 and 8 × without the search. With a fifth for pairs it was 2.07 ×; with a tenth for
users 1.85 ×.

Where slices may roll back (`rollback.some_slice`), a quarter of a guardrail's share goes to "some slice is harmed",
before the rest is divided as above. It raises the bar of all requests together by log(4/3), which is .29 of about 7.

Showing *no harm* needs no correction over budgets, because every one of them must be shown; nor over stages, which come
in a fixed order. But where either of two sources may show it, they share alpha: three quarters for pairs, which are
worth far more (they cost 10 % more pairs for it), a quarter for split.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf, log
from types import MappingProxyType
from typing import Final

from rollback.plan import Budget, BudgetClass, Plan
from rollback.verdict import Side, Source, TestKind
from routing.bucketing import WEIGHT_SCALE
from shadow.signals.catalogue import LOG_RATIOS

LENGTH_CLIP: Final = 1.5
"""Log ratios are clipped here: e^1.5 is 4.5 ×, far beyond any drift that one would still call a change of mean."""

TAIL_PER_WITHIN: Final = 0.25
"""The tail's limit as a share of `within`; see above."""

DEFAULT_TAIL_LIMIT: Final = 0.0375
"""The tail's limit beside `expected`, which names no `within`: that of 15 %."""

SPLIT_TAIL_LIMIT: Final = 0.10
"""More points beyond stable's p95, or below its p5, than this are harm."""

PAIRED_SHARE: Final = 0.75
"""Pairs' part of the level at which no harm is shown, where split evidence may show it as well."""

LATE_SHARE: Final[Mapping[Source, float]] = MappingProxyType({Source.PAIRED: 0.4, Source.SPLIT: 0.15})
"""The part of a test's alpha that is kept for a late onset."""

SLICE_SHARE: Final = 0.25
"""The part of a test's alpha that is kept for slices, where they may roll back."""

_WIDEST: Final = 0.95
"""A limit times its margin stays below 1, the range of X: a wider one would call anything harmless without a look."""

_ONLY_PAIRED: Final = frozenset({"agreement"})
_ONLY_SPLIT: Final = frozenset({"ttft", "pace", "tokens"})
_PAIRED_AT_THE_ENDS: Final = frozenset({"errors"})
_SLOWER_THAN_P95: Final = frozenset({"ttft", "pace", "tokens"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One null hypothesis: the mean of X is at most `limit` (upper side), or at least `limit` (lower side).

    `cell_signal` names the counters, `signal` the budget. `centre` is what a stage's margin widens away from. `alpha`
    is this test's own level for harm in all evidence together, `late_alpha` for harm that begins late and `slice_alpha`
    for harm in some slice (0: not searched for). `reference` names the frozen quantile that makes a binned quantity an
    event.
    `scale` turns X into the unit that people read (a log ratio for length).
    """

    __test__ = False  # not a pytest class

    signal: str
    cell_signal: str
    source: Source
    kind: TestKind
    side: Side
    limit: float
    centre: float = 0.0
    budget_class: BudgetClass
    decides_widening: bool = False
    optional: bool = False
    alpha: float = 0.0
    late_alpha: float = 0.0
    slice_alpha: float = 0.0
    reference: str = ""
    scale: float = 1.0

    @property
    def bar(self) -> float:
        """The log e-value that shows harm."""
        return log(1.0 / self.alpha)

    @property
    def counts_too_short(self) -> bool:
        """Whether the event is being *below* a frozen quantile, so that more of it is drift downwards."""
        return self.reference.endswith(".p5")

    def limit_at(self, margin: float) -> float:
        """The limit that a stage with this margin is held to."""
        wide = self.centre + margin * (self.limit - self.centre)
        return max(-_WIDEST, min(_WIDEST, wide))

    def occurs_at(self, weight_bps: int) -> bool:
        """Whether this weight can make evidence for the test at all."""
        if self.kind is TestKind.CEILING:
            return weight_bps > 0
        if self.source is Source.SPLIT:
            return 0 < weight_bps < WEIGHT_SCALE
        return self.signal not in _PAIRED_AT_THE_ENDS or weight_bps in (0, WEIGHT_SCALE)


def expand(plan: Plan, epoch_index: int, weights: Collection[int] = ()) -> tuple[Test, ...]:
    """Every test that the plan's budgets ask for and its stages can feed; `epoch_index` counts from 1.

    `weights` are those in the place of the stages' own.
    """
    guardrails = sum(budget.budget_class is BudgetClass.GUARDRAIL for budget in plan.budgets)
    per_budget = plan.alpha / (epoch_index * (epoch_index + 1)) / max(1, guardrails)
    weights = weights or [stage.weight_bps for stage in plan.stages]
    tests: list[Test] = []
    for budget in plan.budgets:
        mine = [test for test in _tests(budget) if any(test.occurs_at(weight) for weight in weights)]
        tests.extend(_with_alpha(test, per_budget / len(mine), slices=plan.slices_roll_back) for test in mine)
    return tuple(tests)


def _with_alpha(test: Test, share: float, *, slices: bool) -> Test:
    """The test with its share of alpha, parts of it for slices and a late onset. Windows hold no binned quantities."""
    if test.budget_class is not BudgetClass.GUARDRAIL:
        return replace(test, alpha=share)
    for_slices = share * SLICE_SHARE if slices else 0.0
    late = 0.0 if test.reference else (share - for_slices) * LATE_SHARE[test.source]
    return replace(test, alpha=share - for_slices - late, late_alpha=late, slice_alpha=for_slices)


def no_harm_alpha(test: Test, among: tuple[Test, ...], plan_alpha: float, weight_bps: int) -> float:
    """The level at which `test` shows no harm at this weight: all of alpha, unless another source may show it too."""
    rivals = {
        other.source
        for other in among
        if question(other) == question(test) and other.decides_widening and other.occurs_at(weight_bps)
    }
    if len(rivals) < 2:  # noqa: PLR2004 - two sources share
        return plan_alpha
    return plan_alpha * (PAIRED_SHARE if test.source is Source.PAIRED else 1.0 - PAIRED_SHARE)


def question(test: Test) -> tuple[str, TestKind, Side]:
    """What the test is about, whichever source answers it: one answer is enough."""
    return test.signal, test.kind, test.side


def _tests(budget: Budget) -> Iterator[Test]:
    if budget.signal in LOG_RATIOS:
        yield from _log_ratio(budget)
        return
    yield from _points(budget)
    if budget.max_ratio is not None and budget.expected is None:
        yield _test(budget, Source.SPLIT, TestKind.RATIO, Side.UPPER, budget.max_ratio)
    if budget.ceiling is not None:
        yield _test(budget, Source.SPLIT, TestKind.CEILING, Side.UPPER, budget.ceiling)


def _points(budget: Budget) -> Iterator[Test]:
    """Differences of rates, on each side that has a limit, from each source that the signal has."""
    upper = budget.max_excess_disagreement if budget.max_increase is None else budget.max_increase
    lower = None if budget.max_decrease is None else -budget.max_decrease
    centre = 0.0
    if budget.expected is not None:
        lower, upper = budget.expected
        centre = (lower + upper) / 2.0
    for side, limit in ((Side.UPPER, upper), (Side.LOWER, lower)):
        if limit is None:
            continue
        for source in _sources(budget.signal):
            made = _test(budget, source, TestKind.POINTS, side, limit)
            reference = f"{budget.signal}.p95" if budget.signal in _SLOWER_THAN_P95 else ""
            yield replace(made, centre=centre, decides_widening=True, reference=reference)


def _log_ratio(budget: Budget) -> Iterator[Test]:
    low, high = (-inf, inf)
    if budget.expected is not None:
        low, high = budget.expected
    elif budget.within is not None:
        low, high = -budget.within, budget.within
    else:
        return
    bounds = {Side.UPPER: log(1.0 + high) / LENGTH_CLIP, Side.LOWER: log(1.0 + max(low, -0.99)) / LENGTH_CLIP}
    centre = sum(bounds.values()) / 2.0 if budget.expected is not None else 0.0
    tail = DEFAULT_TAIL_LIMIT if budget.within is None else TAIL_PER_WITHIN * budget.within
    for side, limit in bounds.items():
        sign = 1.0 if side is Side.UPPER else -1.0
        made = _test(budget, Source.PAIRED, TestKind.POINTS, side, limit)
        yield replace(made, centre=centre, decides_widening=True, scale=LENGTH_CLIP)
        if sign * centre > 0.0 or budget.signal != "length":
            continue
        made = _test(budget, Source.PAIRED, TestKind.TAIL, side, sign * tail)
        yield replace(made, cell_signal="length.tail", decides_widening=True)
        made = _test(budget, Source.SPLIT, TestKind.TAIL, side, sign * SPLIT_TAIL_LIMIT)
        yield replace(made, reference="length.p95" if side is Side.UPPER else "length.p5")


def _sources(signal: str) -> tuple[Source, ...]:
    if signal in _ONLY_PAIRED:
        return (Source.PAIRED,)
    if signal in _ONLY_SPLIT:
        return (Source.SPLIT,)
    return (Source.PAIRED, Source.SPLIT)


def _test(budget: Budget, source: Source, kind: TestKind, side: Side, limit: float) -> Test:
    return Test(
        signal=budget.signal,
        cell_signal=budget.signal,
        source=source,
        kind=kind,
        side=side,
        limit=limit,
        budget_class=budget.budget_class,
        optional=budget.optional,
    )
