"""One test on one slice: the observations it is judged on, with its estimate and its confidence bounds.

Everything of a lower-side test is turned round once, here, so that harm points upwards and the rest of the package
knows one direction only.

Not here: the verdict (`rollback.evidence`).
"""

from dataclasses import dataclass
from math import inf

from rollback.budget import Test
from rollback.ledger import Ledger, Missing
from rollback.rollout import Rollout
from rollback.sequential import (
    CEILING_HARM,
    PAIRED_HARM,
    PAIRED_NO_HARM,
    SPLIT_HARM,
    SPLIT_NO_HARM,
    Prior,
    Tally,
    largest_refuted,
    log_evidence,
    lower_bound,
)
from rollback.tallies import (
    Bucket,
    Purpose,
    Rates,
    buckets,
    ceiling_tally,
    lattice_tally,
    paired_tallies,
    rates,
    split_tally,
)
from rollback.verdict import Side, Source, TestKind
from routing.arms import Arm
from routing.bucketing import WEIGHT_SCALE
from shadow.cells import LATTICE_STEPS
from shadow.signals.catalogue import LOG_RATIOS


@dataclass(frozen=True, slots=True)
class Case:
    """One test on one slice. `harm` holds the evidence of all stages, `own` this stage's alone, as no harm sees it.

    `seen` are all the split votes behind it, and `arms` what they say of each arm; empty and None for pairs, where
    `base` is stable's own rate, if it was counted and the signal is one. `own_n` counts this stage's pairs, or the
    candidate's votes. `missing` is this stage's too.
    """

    test: Test
    seen: tuple[Bucket, ...]
    arms: Rates | None
    harm: Tally
    own: Tally
    own_n: int
    missing: Missing
    base: float | None = None

    @property
    def rates(self) -> tuple[float | None, float | None]:
        """Stable's and the candidate's own rate, where known."""
        if self.arms is not None:
            return self.arms.stable, self.arms.candidate
        mean = self.harm.mean
        return (None, None) if self.base is None or mean is None else (self.base, max(0.0, self.base + mean))

    @property
    def n(self) -> int:
        """Pairs, or the candidate's votes in split evidence."""
        return self.harm.n if self.arms is None else self.arms.candidate_n

    @property
    def estimate(self) -> float | None:
        """The drift in the report's unit: candidate − stable, or the ratio, or the candidate's own rate."""
        test, arms = self.test, self.arms
        if arms is None:
            mean = self.harm.mean
            return None if mean is None else mean * test.scale
        drift = arms.drift(test.kind)
        return -drift if drift is not None and test.counts_too_short else drift

    @property
    def reach(self) -> tuple[float, float]:
        """Between what the estimate can lie at all. Weighting makes bounds wider than that while there is little."""
        test = self.test
        is_quantity = test.kind is TestKind.POINTS and test.source is Source.PAIRED and test.signal in LOG_RATIOS
        if test.kind is TestKind.RATIO or is_quantity:
            return -inf, inf
        return (0.0 if test.kind is TestKind.CEILING else -1.0), 1.0

    def log_harm(self) -> float:
        """Log e-value for harm: against "the drift is within the limit"."""
        if self.test.kind is TestKind.RATIO:
            return log_evidence(self.harm, 0.0, SPLIT_HARM)
        return log_evidence(self._upwards(self.harm), self._upward(self.test.limit), harm_prior(self.test))

    def log_no_harm(self, margin: float) -> float:
        """Log e-value for no harm on this stage's own evidence: against "the drift reaches margin × limit"."""
        return log_evidence(self._downwards(self.own), -self._upward(self.test.limit_at(margin)), self.no_harm_prior)

    @property
    def no_harm_prior(self) -> Prior:
        """The bets with which no harm is shown."""
        return PAIRED_NO_HARM if self.test.source is Source.PAIRED else SPLIT_NO_HARM

    def no_harm_claim(self, margin: float, weight_bps: int) -> tuple[Tally, float]:
        """What `log_no_harm` tests, for forecasts. Before the first vote: one request on which nothing differs."""
        own = self.own
        if not own.n and self.test.source is Source.PAIRED:
            own = lattice_tally({0: 1})
        elif not own.n:
            spotless = Bucket(0, max(1, min(weight_bps, WEIGHT_SCALE - 1)), Arm.CANDIDATE, bad=False, count=1)
            own = split_tally((spotless,), self.test, Purpose.NO_HARM)
        return self._downwards(own), -self._upward(self.test.limit_at(margin))

    def bound(self, bar: float | None = None) -> float | None:
        """The confidence bound on the limit's side, in the report's unit: past the limit exactly when harm is shown.

        `bar` is the log e-value that shows it, where that is not the test's own.
        """
        test, bar = self.test, self.test.bar if bar is None else bar
        if test.kind is TestKind.RATIO:
            return self._ratio_bound(bar)
        bound = lower_bound(self._upwards(self.harm), harm_prior(test), bar, self._upward(test.limit))
        return None if bound is None else self._upward(bound) * test.scale

    def far_bound(self, bar: float | None = None) -> float | None:
        """The bound on the other side, at the same level, for display. For a ratio, which has none: its estimate."""
        test, bar = self.test, self.test.bar if bar is None else bar
        if test.kind is TestKind.RATIO:
            return self.estimate
        bound = lower_bound(self._downwards(self.harm), harm_prior(test), bar, -self._upward(test.limit))
        return None if bound is None else -self._upward(bound) * test.scale

    def _ratio_bound(self, bar: float) -> float | None:
        """The largest refuted ratio. A test of another ratio has other values, and is monotone in it as well."""
        if not self.harm.n:
            return None

        def log_e(ratio: float) -> float:
            return log_evidence(split_tally(self.seen, self.test, Purpose.HARM, ratio), 0.0, SPLIT_HARM)

        top = max(self.test.limit, self.estimate or 0.0) + 1.0
        return largest_refuted(log_e, bar, top / WEIGHT_SCALE, top, self.test.limit)

    def _upward(self, value: float) -> float:
        return value if self.test.side is Side.UPPER else -value

    def _upwards(self, tally: Tally) -> Tally:
        return tally if self.test.side is Side.UPPER else tally.mirrored()

    def _downwards(self, tally: Tally) -> Tally:
        return self._upwards(tally).mirrored()


def case_of(rollout: Rollout, ledger: Ledger, test: Test, slice_: str) -> Case:
    """The observations that the test may use on this slice."""
    missing = ledger.missing_at(test.signal, slice_, rollout.stage, test.source.value)
    if test.source is Source.PAIRED:
        harm, own = paired_tallies(ledger, test, slice_, rollout.stage)
        return Case(test, (), None, harm, own, own.n, missing, _base(ledger, test, slice_, harm.n))
    seen = buckets(ledger, rollout, test, slice_)
    mine = tuple(bucket for bucket in seen if bucket.stage == rollout.stage)
    if test.kind is TestKind.CEILING:
        harm, own = ceiling_tally(seen), ceiling_tally(mine)
    else:
        ratio = test.limit if test.kind is TestKind.RATIO else 1.0
        harm = split_tally(seen, test, Purpose.HARM, ratio)
        own = split_tally(mine, test, Purpose.NO_HARM, ratio)
    return Case(test, seen, rates(seen), harm, own, rates(mine).candidate_n, missing)


def _base(ledger: Ledger, test: Test, slice_: str, pairs: int) -> float | None:
    """Stable's own rate on the pairs, of signals that have one."""
    if not pairs or test.kind is not TestKind.POINTS or test.signal in LOG_RATIOS:
        return None
    source = "triple" if test.signal == "agreement" else "paired"
    steps = ledger.own_steps((test.cell_signal, slice_), source)
    return None if steps is None else steps / (pairs * LATTICE_STEPS)


def harm_prior(test: Test) -> Prior:
    """The bets with which the test looks for harm."""
    if test.source is Source.PAIRED:
        return PAIRED_HARM
    return CEILING_HARM if test.kind is TestKind.CEILING else SPLIT_HARM
