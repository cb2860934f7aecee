"""Counters → what they say of every test of the plan.

*Harm* is judged on the evidence of all stages, and is shown once its log e-value reaches log(1/alpha_j). *No harm* is
judged on this stage's own counters, at this stage's margin: with cumulative ones a drift that starts after 5,000 good
pairs would pass for another 1,300. Harm that *begins late* has a detector of its own (`rollback.onset`), for guardrails
on all requests. `burn` is how far the proof of harm has come, now: a log e-value falls again.

What is missing has three names. *Not applicable*: every one of enough votes had nothing to measure (no structure was
asked for). *Unmeasured*: the signal applies and could not be read, or not often enough to trust the rest. *Not
enough*: too few votes. The last two hold.

Slices are judged by the same tests and reported with class observe, unless the rollout names them as deciding
(`rollback.some_slice`): then they have a share of alpha, and one more row says whether some of them is harmed. With
many slices one of them looks bad by chance, so a slice is called harmed only at E ≥ S/alpha, S being how many slices
there may be: then the chance that *any* slice is wrongly named is at most alpha. A slice that is far from harm has no
bound: that would cost more than everything else.

Everything is sorted before it is summed, so that the same counters give the same verdict to the last bit, in whatever
order a store returns them.

Not here: what to do about it (`rollback.decision`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import log
from typing import Final

from rollback.budget import Test, expand, no_harm_alpha, question
from rollback.cases import Case, case_of
from rollback.ledger import Ledger, read
from rollback.onset import Onset, onset
from rollback.onset import bar as onset_bar
from rollback.plan import BudgetClass, Stage
from rollback.rollout import Phase, Rollout
from rollback.sequential import still_needed
from rollback.some_slice import SOME, log_some
from rollback.verdict import SignalReport, Source, Verdict
from routing.arms import Arm
from shadow.cells import EVERY
from shadow.slices import MAX_VALUES

KEYLESS_LIMIT: Final = 0.05
"""More pairs than this from clients without a key, and pairs only warn: requests of one client depend on each other."""

MISSING_LIMIT: Final = 0.5
"""With more readings missing than made, those made are no sample of all: the signal counts as unmeasured."""

LEAST_VOTES: Final = 30
"""Votes that must be in before silence means something: that a signal does not apply (even if `min_keys` is 0), or that
it should have been measured and was not."""


NEAR_HARM: Final = 0.5
"""Half of the proof of harm is there: from here on a deciding slice has its bound computed."""

_AFTER: Final = Stage(0)
"""What there is of a plan after a promotion: mirrors, and nobody exposed."""


@dataclass(frozen=True)
class Evidence:
    """The counters of a rollout, ready to be judged.

    After a promotion the pairs are those of the mirrors to the old stable, turned so that the promoted model is still
    the candidate, and there is no stage any more.
    """

    rollout: Rollout
    ledger: Ledger
    tests: tuple[Test, ...]

    @property
    def stage(self) -> Stage:
        """The present stage of the plan."""
        return _AFTER if self.is_after else self.rollout.plan.stages[self.rollout.stage]

    @property
    def is_after(self) -> bool:
        """Whether the rollout was promoted."""
        return self.rollout.phase is Phase.PROMOTED

    @cached_property
    def slice_bar(self) -> float:
        """What an observed slice's log e-value must reach beyond the test's: the logarithm of how many there may be.

        Every dimension may have `MAX_VALUES` values and `other`; several gateways may come to more between them.
        """
        named = self.ledger.slices()[1:]
        dimensions = {name.partition("=")[0] for name in named}
        return log(max(1, len(named), (MAX_VALUES + 1) * len(dimensions)))

    @property
    def pairs_only_warn(self) -> bool:
        """Whether too many pairs come from clients without a key."""
        return self.ledger.keyless_share() > KEYLESS_LIMIT

    def only_warns(self, report: SignalReport) -> bool:
        """Whether the row is of a guardrail, and would roll back if clients gave a key."""
        return self._test(report).budget_class is BudgetClass.GUARDRAIL and self._class(self._test(report)) is (
            BudgetClass.SIGNAL
        )

    def reports(self) -> tuple[SignalReport, ...]:
        """The table that decisions are made on: one row per test and slice.

        A test that this stage cannot feed has a row only where it has evidence from another stage.
        """
        rows: list[SignalReport] = []
        of_slices: dict[Test, list[tuple[SignalReport, float]]] = {}
        for slice_ in self.ledger.slices():
            for test in self.tests:
                if slice_ != EVERY and not self.ledger.observes(test.cell_signal, slice_, test.source):
                    continue
                case = case_of(self.rollout, self.ledger, test, slice_)
                if case.harm.n or (slice_ == EVERY and test.occurs_at(self.stage.weight_bps)):
                    log_harm = case.log_harm()
                    rows.append(self._report(case, slice_, log_harm))
                    if self._decides(test, slice_):
                        of_slices.setdefault(test, []).append((rows[-1], log_harm))
        rows += [self._some_report(test, seen) for test, seen in of_slices.items()]
        return tuple(rows)

    def _decides(self, test: Test, slice_: str) -> bool:
        """Whether harm in this slice alone is harm."""
        return bool(test.slice_alpha) and slice_ in self.rollout.slices

    def _some_report(self, test: Test, seen: Sequence[tuple[SignalReport, float]]) -> SignalReport:
        """What a test's slices say together; `seen` are their rows and log e-values."""
        rows, bar = [row for row, _ in seen], -log(test.slice_alpha)
        log_value = log_some([log_harm for _, log_harm in seen], len(self.rollout.slices))
        return replace(
            rows[0],
            slice=SOME,
            estimate=None,
            stable_rate=None,
            candidate_rate=None,
            bound=None,
            burn=min(1.0, max(0.0, log_value / bar)),
            n=sum(row.n for row in rows),
            stage_n=sum(row.stage_n for row in rows),
            not_applicable=sum(row.not_applicable for row in rows),
            unmeasured=sum(row.unmeasured for row in rows),
            verdict=Verdict.HARM if log_value >= bar else Verdict.NOT_ENOUGH,
        )

    def _bar(self, test: Test, slice_: str) -> float:
        """The log e-value that shows harm there."""
        if slice_ == EVERY:
            return test.bar
        if self._decides(test, slice_):
            return log(len(self.rollout.slices) / test.slice_alpha)
        return test.bar + self.slice_bar

    def interval(self, report: SignalReport) -> tuple[float, float] | None:
        """Both one-sided bounds at the row's own level, in the report's unit; None before the first vote."""
        if report.slice == SOME:
            return None
        test = self._test(report)
        case, bar = case_of(self.rollout, self.ledger, test, report.slice), self._bar(test, report.slice)
        near, far = case.bound(bar), case.far_bound(bar)
        if near is None or far is None:
            return None
        least, most = case.reach
        return max(least, min(near, far, most)), min(most, max(near, far, least))

    def still_needed(self, report: SignalReport) -> int | None:
        """About how many more votes of this stage until no harm is shown; None where they lead away from it.

        Pairs, or requests of both arms for split evidence. Before the first vote it supposes that nothing differs.
        """
        test, stage = self._test(report), self.stage
        case = case_of(self.rollout, self.ledger, test, report.slice)
        tally, claim = case.no_harm_claim(stage.margin, stage.weight_bps)
        needed = still_needed(tally, claim, case.no_harm_prior, self._no_harm_bar(test))
        return needed if case.own.n or needed is None else needed + 1

    def _test(self, report: SignalReport) -> Test:
        wanted = (report.signal, report.test, report.side)
        return next(test for test in self.tests if question(test) == wanted and test.source is report.source)

    def _report(self, case: Case, slice_: str, log_harm: float) -> SignalReport:
        test, (stable_rate, candidate_rate) = case.test, case.rates
        everywhere, bar = slice_ == EVERY, self._bar(case.test, slice_)
        counts = everywhere or self._decides(test, slice_)
        late = onset(self.ledger, test, endless=self.is_after) if everywhere and test.late_alpha else Onset()
        is_late = late.log_value >= onset_bar(test) and log_harm < bar
        is_harm = is_late or log_harm >= bar
        decides = everywhere and test.decides_widening and test.occurs_at(self.stage.weight_bps)
        harmless = decides and self._is_harmless(case)
        return SignalReport(
            signal=test.signal,
            slice=slice_,
            source=test.source,
            test=test.kind,
            side=test.side,
            budget_class=self._class(test) if counts else BudgetClass.OBSERVE,
            estimate=case.estimate,
            stable_rate=stable_rate,
            candidate_rate=candidate_rate,
            bound=case.bound(bar) if everywhere or (counts and log_harm >= NEAR_HARM * bar) else None,
            limit=test.limit * test.scale,
            burn=min(1.0, max(0.0, log_harm / bar, late.log_value / onset_bar(test))),
            n=case.n,
            stage_n=case.own_n,
            not_applicable=case.missing.not_applicable,
            unmeasured=case.missing.unmeasured,
            harmless=harmless,
            decides_widening=decides,
            optional=test.optional,
            verdict=Verdict.HARM if is_harm else self._verdict_without_harm(case, harmless),
            late=is_late,
            late_n=late.n if is_late else 0,
            late_estimate=late.estimate if is_late else None,
        )

    def _class(self, test: Test) -> BudgetClass:
        if test.budget_class is BudgetClass.GUARDRAIL and test.source is Source.PAIRED and self.pairs_only_warn:
            return BudgetClass.SIGNAL
        return test.budget_class

    def _verdict_without_harm(self, case: Case, harmless: bool) -> Verdict:
        """The ways of having no reading come before the comfortable one."""
        missing, source = case.missing, case.test.source
        if not case.test.occurs_at(self.stage.weight_bps):
            return Verdict.NOT_APPLICABLE  # evidence of other stages, which this one adds nothing to
        if not case.own.n and not missing.unmeasured:
            if missing.not_applicable >= max(self.stage.min_keys, LEAST_VOTES):
                return Verdict.NOT_APPLICABLE
            arm = None if source is Source.PAIRED else Arm.CANDIDATE
            silent = not missing.not_applicable and self.ledger.voted(self.rollout.stage, source, arm) >= LEAST_VOTES
            return Verdict.UNMEASURED if silent else Verdict.NOT_ENOUGH
        if _mostly_missing(case):
            return Verdict.UNMEASURED
        return Verdict.NO_HARM if harmless else Verdict.NOT_ENOUGH

    def _is_harmless(self, case: Case) -> bool:
        if not case.own.n or _mostly_missing(case):
            return False
        return case.log_no_harm(self.stage.margin) >= self._no_harm_bar(case.test)

    def _no_harm_bar(self, test: Test) -> float:
        return -log(no_harm_alpha(test, self.tests, self.rollout.plan.alpha, self.stage.weight_bps))


def examine(rollout: Rollout, cells: Mapping[str, int]) -> Evidence:
    """The counters of the rollout's epoch, sorted, with the tests that its plan asks for."""
    if rollout.phase is Phase.PROMOTED:
        tests = expand(rollout.plan, rollout.epoch_index, weights=(_AFTER.weight_bps,))
        return Evidence(rollout, read(cells).turned(), tests)
    return Evidence(rollout, read(cells), expand(rollout.plan, rollout.epoch_index))


def judge(rollout: Rollout, cells: Mapping[str, int]) -> tuple[SignalReport, ...]:
    """The table of signals: a pure function of the document and the epoch's counters."""
    return examine(rollout, cells).reports()


def _mostly_missing(case: Case) -> bool:
    measured, missing = case.own_n, case.missing.unmeasured
    return missing > MISSING_LIMIT * (measured + missing)
