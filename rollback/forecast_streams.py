"""What a stage would observe of one signal, under a supposed drift: the values of X, how often each comes, and bets.

Everything that bets is the judge's own: the tests of `rollback.budget`, the observations of `rollback.tallies`, the
priors of `rollback.cases`. Only the chances are supposed.

Not here: drawing from them (`rollback.forecast_runs`).
"""

from dataclasses import dataclass, replace
from math import erf, log, sqrt
from typing import Final

import numpy as np

from rollback.budget import Test, no_harm_alpha, question
from rollback.cases import harm_prior
from rollback.plan import BudgetClass, Plan, Stage
from rollback.profiles import Profile, SignalProfile, Traffic
from rollback.sequential import PAIRED_NO_HARM, SPLIT_NO_HARM, Floats, Prior, Tally, log_factors
from rollback.tallies import Bucket, Purpose, ceiling_tally, lattice_tally, split_tally
from rollback.verdict import Side, Source, TestKind
from routing.arms import Arm
from routing.bucketing import WEIGHT_SCALE
from shadow.cells import LATTICE_STEPS

_NEGLIGIBLE: Final = 1e-5
"""Lattice values rarer than this are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Bets:
    """One test on a stream. `steps` are the logarithms of e(X; f), a row per value and a column per bet.

    `harm` belongs to the evidence of all stages, `no_harm` (None where it decides nothing here) to this stage's.
    """

    test: Test
    harm: Floats
    harm_prior: Prior
    no_harm: Floats | None
    no_harm_prior: Prior
    no_harm_bar: float


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Observations of one kind: the chance of each value, how many there are per request, and the tests on them."""

    chances: Floats
    per_request: float
    bets: tuple[Bets, ...]


@dataclass(frozen=True, slots=True, eq=False)
class StageSetting:
    """A stage with what it is forecast from."""

    plan: Plan
    tests: tuple[Test, ...]
    index: int
    traffic: Traffic
    profile: Profile

    @property
    def stage(self) -> Stage:
        """The stage."""
        return self.plan.stages[self.index]

    @property
    def guardrails(self) -> tuple[str, ...]:
        """The signals whose harmlessness the stage waits for: not an optional one, nor one that applies to nothing."""
        return tuple(
            budget.signal
            for budget in self.plan.budgets
            if budget.budget_class is BudgetClass.GUARDRAIL
            and not budget.optional
            and self.profile.of(budget.signal).applies > 0.0
        )

    def wanted(self, signal: str) -> float:
        """The drift of a candidate that does what is wanted: none, unless a change is expected."""
        return next((test.centre for test in self.tests if test.signal == signal and test.decides_widening), 0.0)

    def feeds(self, test: Test) -> bool:
        """Whether the stage gathers any evidence for the test, as the endpoint mirrors."""
        if not test.occurs_at(self.stage.weight_bps):
            return False
        if test.reference and (self.index == 0 or test.signal == "length"):
            return False  # nothing is frozen yet, and the tail beyond p95 is no forecast's business
        return self.per_request(test) > 0.0

    def per_request(self, test: Test) -> float:
        """Votes per request."""
        applies = self.profile.of(test.cell_signal).applies * self.traffic.new_keys
        if test.source is Source.SPLIT:
            return applies
        share = self.traffic.noise_floor if test.signal == "agreement" else self.traffic.sample
        return applies * max(share, self.traffic.noise_floor)

    def unanswerable(self) -> tuple[str, ...]:
        """Signals with a question that nothing in this stage can answer."""
        wanted: dict[str, dict[tuple[str, TestKind, Side], bool]] = {name: {} for name in self.guardrails}
        for test in self.tests:
            if test.signal in wanted and test.decides_widening and test.occurs_at(self.stage.weight_bps):
                open_ = wanted[test.signal]
                open_[question(test)] = open_.get(question(test), False) or self.feeds(test)
        return tuple(name for name, open_ in wanted.items() if not all(open_.values()))

    def streams(self, signal: str, drift: float) -> tuple[Stream, ...]:
        """What is observed of a signal while the candidate drifts by `drift`, in units of X."""
        kinds: dict[tuple[str, Source], list[Test]] = {}
        for test in self.tests:
            if test.signal == signal and self.feeds(test):
                kinds.setdefault((test.cell_signal, test.source), []).append(test)
        return tuple(self._stream(cell, source, tests, drift) for (cell, source), tests in kinds.items())

    def _stream(self, cell: str, source: Source, tests: list[Test], drift: float) -> Stream:
        profile = self.profile.of(cell)
        shift = 0.0 if cell.endswith(".tail") else drift
        if source is Source.PAIRED:
            chances, tally = _paired(profile, shift)
            made = tuple(self._bets(test, tally, tally) for test in tests)
        else:
            weight = self.stage.weight_bps
            chances = _split_chances(profile.rate, shift, weight / WEIGHT_SCALE)
            made = tuple(self._bets(test, *_split_tallies(test, weight)) for test in tests)
        return Stream(chances, self.per_request(tests[0]), made)

    def _bets(self, test: Test, harm: Tally, own: Tally) -> Bets:
        sign = 1.0 if test.side is Side.UPPER else -1.0
        limit = 0.0 if test.kind is TestKind.RATIO else sign * test.limit
        prior = PAIRED_NO_HARM if test.source is Source.PAIRED else SPLIT_NO_HARM
        no_harm = None
        if test.decides_widening:
            down = _turned(own, -sign)
            no_harm = steps(down, -sign * test.limit_at(self.stage.margin), prior)
        level = no_harm_alpha(test, self.tests, self.plan.alpha, self.stage.weight_bps)
        up = steps(_turned(harm, sign), limit, harm_prior(test))
        return Bets(test, up, harm_prior(test), no_harm, prior, log(1.0 / level))


def steps(tally: Tally, mean: float, over: Prior) -> Floats:
    """Log e(X; f) for each value of a tally and each bet; a claim that is impossible is refuted by any value."""
    out = log_factors(replace(tally, low=np.minimum(tally.low, mean - 1e-9)), mean, over)
    if tally.counts.all():
        return out
    return np.where(tally.counts[:, None] > 0.0, out, 0.0)


def _turned(tally: Tally, sign: float) -> Tally:
    return tally if sign > 0.0 else tally.mirrored()


def _paired(profile: SignalProfile, shift: float) -> tuple[Floats, Tally]:
    """Events: one bad event more, the same, one fewer. Quantities: a normal difference, clipped, on the lattice."""
    if not profile.spread:
        worse = min(0.9, profile.differing + max(shift, 0.0))
        better = min(0.9, profile.differing + max(-shift, 0.0))
        chances = np.array([better, max(0.0, 1.0 - worse - better), worse])
        return chances / chances.sum(), lattice_tally({-LATTICE_STEPS: 1, 0: 1, LATTICE_STEPS: 1})
    edges = [-np.inf, *((i + 0.5) / LATTICE_STEPS for i in range(-LATTICE_STEPS, LATTICE_STEPS)), np.inf]
    below = np.array([0.5 * (1.0 + erf((edge - shift) / profile.spread / sqrt(2.0))) for edge in edges])
    weights = np.diff(below)
    kept = np.flatnonzero(weights > _NEGLIGIBLE)
    chances = weights[kept] / weights[kept].sum()
    return chances, lattice_tally({int(i) - LATTICE_STEPS: 1 for i in kept})


def _split_chances(rate: float, shift: float, w: float) -> Floats:
    """In the order of `_split_tallies`: stable good and bad, candidate good and bad."""
    candidate = min(1.0, max(0.0, rate + shift))
    return np.array([(1.0 - w) * (1.0 - rate), (1.0 - w) * rate, w * (1.0 - candidate), w * candidate])


def _split_tallies(test: Test, weight_bps: int) -> tuple[Tally, Tally]:
    kinds = [(arm, bad) for arm in (Arm.STABLE, Arm.CANDIDATE) for bad in (False, True)]
    seen = tuple(Bucket(0, weight_bps, arm, bad, 1) for arm, bad in kinds)
    if test.kind is TestKind.CEILING:
        own = ceiling_tally(seen)
        padded = Tally(*(np.concatenate([np.zeros(2), part]) for part in (own.values, own.counts, own.low, own.high)))
        return padded, padded
    ratio = test.limit if test.kind is TestKind.RATIO else 1.0
    return split_tally(seen, test, Purpose.HARM, ratio), split_tally(seen, test, Purpose.NO_HARM, ratio)
