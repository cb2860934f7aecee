"""What to do now: one pure function of the document, the counters and the time.

The rules, in the order in which they are asked; the first that applies decides:

1. ROLL BACK: harm of any guardrail, a ceiling among them, from the start or begun late; a burst of hard failures.
   Nothing prevents a rollback: not a pause, nor a store that is unwell, nor a deadline that says hold.
2. TIMEOUT: the stage's deadline passed with something lacking. Roll back, or hold, or hold until an operator approves,
   as the plan says. Never widen because nothing came of it; an approval after the deadline stands in the place of
   the evidence that is lacking, and of nothing else.
3. STEP DOWN: blind for longer than `max_blind` with users exposed. Back to the last stage that was proven, and once
   more after another `max_blind`. It takes exposure away, so it comes before what merely keeps it.
4. HOLD: paused, the store unwell, stable failing, arms out of proportion, blind, burn of a guardrail at 50 % or more,
   harm of class signal, frozen. Or something is lacking: evidence, votes, bake time, and last the approval that a
   stage's gate asks for, and the hours in which the plan allows to widen. A freeze, a gate and the hour are no lack of
   evidence, so no deadline counts for them.
5. WIDEN, or PROMOTE from the last stage, when nothing is lacking. A plan that ends at weight 0 is never promoted from
   by itself: no user has had an answer from the candidate.

A hold ends by itself when its cause does, except a pause, a freeze without an end, and a wish for approval. Where every
question of the stage is answered already, silence is no blindness: all keys of a small endpoint may have voted.

After a promotion the same harm rolls back while the old stable is kept, and nothing else is decided.

Not here: what the evidence says (`rollback.evidence`), what is lacking (`rollback.readiness`), and committing it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Final

from rollback import hours, phases, sentences
from rollback.bursts import Recent, recent
from rollback.evidence import Evidence, examine
from rollback.freeze import Freeze
from rollback.mismatch import mismatches
from rollback.plan import BudgetClass, OnDeadline
from rollback.readiness import Lack, lacks, unanswered
from rollback.references import frozen
from rollback.rollout import Holding, Rollout
from rollback.some_slice import SOME
from rollback.triggers import Trigger
from rollback.verdict import SignalReport, TestKind, Verdict
from routing import wording
from shadow.cells import EVERY

HOLDING_BURN: Final = 0.5
"""Half of the proof of harm is there: a candidate exactly at its limit gets this far by chance in a few percent of all
rollouts, one well within it hardly ever."""

PROVEN: Final = frozenset({Holding.FROZEN, Holding.APPROVAL, Holding.OUTSIDE_HOURS})
"""What holds a stage whose verdict is there: a deadline, which is for those that never get one, does not count."""

ACTOR: Final = "driftgate"
"""Who decides here."""

VOTES_FULL: Final = "lost.votes_full"
"""The request counter of votes that the store left out, because its memory of voting keys is bounded."""

_ONLY_WARN: Final = "clients give no key, so their requests depend on each other and pairs of them only hold"


class DecisionKind(StrEnum):
    """What to do."""

    KEEP = "keep"
    """Nothing: the rollout has ended, and what is still mirrored after a promotion shows no harm."""
    HOLD = "hold"
    WIDEN = "widen"
    STEP_DOWN = "step_down"
    PROMOTE = "promote"
    ROLL_BACK = "roll_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known at one moment.

    `cells` are the evidence counters of the rollout's epoch, `counts` its request counters, `previous_counts` the same
    at `previous_at`, a few seconds earlier. `blind_seconds` is for how long requests were served without any evidence
    coming of them. `freeze` is the endpoint's, None where it is not frozen.
    """

    cells: Mapping[str, int]
    counts: Mapping[str, int]
    previous_counts: Mapping[str, int]
    previous_at: float
    blind_seconds: float
    store_ok: bool
    freeze: Freeze | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do, and why.

    `changed`: `after` is a transition, with its revision one higher, and must be committed. Otherwise `after` differs
    from the document at most in `holding`, `reason` and `peak_burn`. `trigger` says what led to it, in one word.
    """

    kind: DecisionKind
    after: Rollout
    changed: bool
    reports: tuple[SignalReport, ...]
    sentence: str
    trigger: str


@dataclass(frozen=True)
class _View:
    """Everything that the rules look at, worked out once."""

    rollout: Rollout
    facts: Facts
    now: float
    evidence: Evidence
    reports: tuple[SignalReport, ...]
    recent: Recent
    obstacles: tuple[Lack, ...] = field(default=())

    @cached_property
    def deciding(self) -> tuple[SignalReport, ...]:
        """The rows of all requests together, and of slices that may roll back."""
        slices = {EVERY, SOME, *self.rollout.slices}
        return tuple(row for row in self.reports if row.slice in slices)

    @property
    def is_consented(self) -> bool:
        """Whether an operator has approved after a deadline that leaves it to one."""
        return bool(self.rollout.approved_by) and phases.awaits_approval(self.rollout, self.now)

    @cached_property
    def lacking(self) -> tuple[Lack, ...]:
        """The evidence, votes and time that the stage lacks."""
        return lacks(self.evidence, self.reports, self.now)

    @cached_property
    def peak_burn(self) -> dict[str, float]:
        """The highest burn that each signal ever had."""
        peaks = dict(self.rollout.peak_burn)
        for row in self.deciding:
            peaks[row.signal] = max(peaks.get(row.signal, 0.0), row.burn)
        return peaks

    def finding(self, row: SignalReport, relation: str) -> str:
        """A row's numbers."""
        if row.slice == SOME:
            same = (row.signal, row.source, row.test, row.side)
            of_slices = (each for each in self.deciding if (each.signal, each.source, each.test, each.side) == same)
            return sentences.spread(row, [each for each in of_slices if each.slice not in (EVERY, SOME)], relation)
        return sentences.finding(row, self.evidence.interval(row), relation)

    def transition(self, kind: DecisionKind, after: Rollout, trigger: str) -> Decision:
        """A decision that must be committed."""
        final = replace(after, peak_burn=self.peak_burn)
        return Decision(
            kind=kind, after=final, changed=True, reports=self.reports, sentence=after.reason, trigger=trigger
        )

    def hold(self, lack: Lack) -> Decision:
        """A decision to wait."""
        after = replace(self.rollout, holding=lack.holding, reason=lack.sentence, peak_burn=self.peak_burn)
        trigger = lack.holding.value
        return Decision(
            kind=DecisionKind.HOLD,
            after=after,
            changed=False,
            reports=self.reports,
            sentence=lack.sentence,
            trigger=trigger,
        )


def decide(rollout: Rollout, facts: Facts, now: float) -> Decision:
    """What to do with `rollout` at `now` (Unix seconds of the store's clock)."""
    evidence = examine(rollout, facts.cells)
    view = _View(rollout, facts, now, evidence, evidence.reports(), recent(facts.counts, facts.previous_counts))
    if not rollout.is_running:
        return (_harm(view) if rollout.is_kept(now) else None) or _keep(view)
    return _harm(view) or _burst(view) or _go_on(replace(view, obstacles=tuple(_obstacles(view))))


def _keep(view: _View) -> Decision:
    return Decision(
        kind=DecisionKind.KEEP,
        after=view.rollout,
        changed=False,
        reports=view.reports,
        sentence=view.rollout.reason,
        trigger="",
    )


def _go_on(view: _View) -> Decision:
    """Everything after the rollbacks: `obstacles` are known now."""
    return _timeout(view) or _step_down(view) or _wait(view) or _widen(view)


def _harm(view: _View) -> Decision | None:
    """The guardrail whose harm is shown most clearly; of those at 100 % the one furthest past its limit.

    Harm that is spread over slices is said only where none of them can be named.
    """
    bad = [row for row in view.deciding if row.verdict is Verdict.HARM and row.budget_class is BudgetClass.GUARDRAIL]
    if not bad:
        return None
    row = max([row for row in bad if row.slice != SOME] or bad, key=_excess)
    reason = view.finding(row, sentences.relation_of_harm(row))
    if view.evidence.is_after:
        reason += f"; after the promotion, so {view.rollout.stable} is stable again"
    after = phases.rolled_back(view.rollout, actor=ACTOR, reason=reason, now=view.now)
    return view.transition(DecisionKind.ROLL_BACK, after, _trigger(row))


def _trigger(row: SignalReport) -> Trigger:
    if row.late:
        return Trigger.LATE_ONSET
    if row.slice != EVERY:
        return Trigger.SLICE
    return Trigger.CEILING if row.test is TestKind.CEILING else Trigger.GUARDRAIL


def _excess(row: SignalReport) -> float:
    """How many limits the estimate amounts to."""
    estimate = row.late_estimate if row.late else row.estimate
    return abs(estimate or 0.0) / max(abs(row.limit), 1e-9)


def _burst(view: _View) -> Decision | None:
    seen = view.recent
    if not seen.is_burst:
        return None
    reason = (
        f"errors: burst of hard failures, {seen.candidate_failed:,} of {seen.candidate_asked:,} requests to the "
        f"candidate without a usable answer in {wording.duration(view.now - view.facts.previous_at)} "
        f"(stable {seen.stable_failed:,} of {seen.stable_asked:,})"
    )
    after = phases.rolled_back(view.rollout, actor=ACTOR, reason=reason, now=view.now)
    return view.transition(DecisionKind.ROLL_BACK, after, Trigger.BURST)


def _obstacles(view: _View) -> Iterator[Lack]:
    """Whatever forbids to widen now, the gravest first."""
    rollout, facts = view.rollout, view.facts
    if rollout.paused:
        yield Lack(Holding.PAUSED, rollout.reason)
    if not facts.store_ok:
        yield Lack(Holding.BLIND, "the store is not healthy: nothing is widened on what it says until it is")
    if view.recent.is_stable_failing:
        yield Lack(
            Holding.STABLE_FAILING,
            f"stable fails {view.recent.stable_failed:,} of {view.recent.stable_asked:,} requests itself; "
            "goes on when it recovers",
        )
    judged = {test.cell_signal for test in view.evidence.tests if test.budget_class is not BudgetClass.OBSERVE}
    yield from mismatches(view.evidence.ledger, facts.counts, rollout.stage, judged)
    yield from _unseen(view)
    yield from _close_to_harm(view)
    if facts.freeze is not None:
        yield Lack(Holding.FROZEN, facts.freeze.sentence(rollout.endpoint))
    if not view.is_consented:
        yield from view.lacking
    yield from _not_by_itself(view)


def _unseen(view: _View) -> Iterator[Lack]:
    """Why nothing comes of the requests that are served, while there are questions left."""
    facts = view.facts
    if not unanswered(view.evidence, view.reports):
        return
    excluded = facts.counts.get(VOTES_FULL, 0)
    if excluded:
        yield Lack(
            Holding.UNMEASURED,
            f"the memory of who has voted is full, and {excluded:,} votes of new keys were left out: nothing more can "
            "be counted in this rollout; a new one begins with an empty memory",
        )
    if facts.blind_seconds > view.rollout.plan.max_blind_seconds:
        yield Lack(
            Holding.BLIND,
            f"requests were served for {wording.duration(facts.blind_seconds)} without any evidence of them; "
            "goes on when there is some",
        )


def _not_by_itself(view: _View) -> Iterator[Lack]:
    """Why what is proven waits all the same: for a person, or for the hour."""
    rollout = view.rollout
    if rollout.plan.stages[-1].weight_bps == 0 and rollout.stage == len(rollout.plan.stages) - 1:
        yield Lack(
            Holding.NOT_ENOUGH,
            f"the plan ends in the shadow; `driftgate promote {rollout.endpoint} --full` or `rollback` ends it",
        )
    if view.evidence.stage.approval and not rollout.approved_by:
        step = f"`driftgate approve {rollout.endpoint}` or `rollback`"
        yield Lack(Holding.APPROVAL, f"all that the stage asks for is there: waits for {step}")
    until = hours.waits_until(rollout.plan.widen_during, view.now)
    if until is not None:
        yield Lack(Holding.OUTSIDE_HOURS, hours.sentence(rollout.plan.widen_during, until))


def _close_to_harm(view: _View) -> Iterator[Lack]:
    for row in sorted(view.deciding, key=lambda row: -row.burn):
        if row.budget_class is BudgetClass.GUARDRAIL and row.burn >= HOLDING_BURN:
            yield Lack(Holding.BURN, f"{view.finding(row, 'against')}; goes on when burn is below 50 %")
        elif row.budget_class is BudgetClass.SIGNAL and row.verdict is Verdict.HARM:
            sentence = view.finding(row, sentences.relation_of_harm(row))
            why = _ONLY_WARN if view.evidence.only_warns(row) else "it only holds"
            yield Lack(Holding.SIGNAL_HARM, f"{sentence}; {why}, and goes on when this clears")


def _timeout(view: _View) -> Decision | None:
    rollout, stage = view.rollout, view.evidence.stage
    if rollout.paused or stage.deadline_seconds is None:
        return None
    if rollout.stage_seconds(view.now) <= stage.deadline_seconds:
        return None
    passed = f"the stage's deadline of {wording.duration(stage.deadline_seconds)} has passed"
    if stage.on_deadline is OnDeadline.APPROVE:
        step = f"`driftgate approve {rollout.endpoint}` or `rollback`"
        return None if rollout.approved_by else view.hold(Lack(Holding.APPROVAL, f"{passed}: waits for {step}"))
    missing = [lack for lack in view.obstacles if lack.holding not in PROVEN]
    if not missing:
        return None
    why = f"{passed} without a verdict: {missing[0].sentence}"
    if stage.on_deadline is OnDeadline.HOLD:
        return view.hold(Lack(Holding.DEADLINE, why))
    after = phases.rolled_back(rollout, actor=ACTOR, reason=why, now=view.now)
    return view.transition(DecisionKind.ROLL_BACK, after, Trigger.DEADLINE)


def _step_down(view: _View) -> Decision | None:
    """Users are exposed, and nothing can be seen of them."""
    rollout, most = view.rollout, view.rollout.plan.max_blind_seconds
    blind = min(view.facts.blind_seconds, view.now - rollout.stage_started_at)
    if blind <= most or rollout.stage == 0 or not unanswered(view.evidence, view.reports):
        return None
    below = rollout.plan.stages[rollout.stage - 1]
    reason = (
        f"blind for {wording.duration(blind)}: requests were served without any evidence of them; "
        f"back to {sentences.reach(below)}, the last stage that was proven"
    )
    after = phases.entered(rollout, rollout.stage - 1, actor=ACTOR, reason=reason, now=view.now)
    if rollout.paused:
        after = replace(after, paused=True, paused_at=view.now, holding=Holding.PAUSED)
    return view.transition(DecisionKind.STEP_DOWN, after, "blind")


def _wait(view: _View) -> Decision | None:
    return view.hold(view.obstacles[0]) if view.obstacles else None


def _widen(view: _View) -> Decision:
    rollout, proof, trigger = view.rollout, _proof(view), "evidence"
    if view.is_consented and view.lacking:
        trigger = "approval"
        proof = f"approved by {rollout.approved_by} without the evidence: {view.lacking[0].sentence}"
    elif rollout.approved_by:
        proof += f", approved by {rollout.approved_by}"
    if rollout.stage == len(rollout.plan.stages) - 1:
        after = phases.promoted(rollout, actor=ACTOR, reason=f"{proof}; promoted", now=view.now)
        return view.transition(DecisionKind.PROMOTE, after, trigger)
    reason = f"{proof}; widened to {sentences.reach(rollout.plan.stages[rollout.stage + 1])}"
    after = phases.entered(rollout, rollout.stage + 1, actor=ACTOR, reason=reason, now=view.now)
    references = frozen(rollout, view.evidence.ledger, view.evidence.tests)
    return view.transition(DecisionKind.WIDEN, replace(after, references=references), trigger)


def _proof(view: _View) -> str:
    """What has been shown in this stage."""
    stage = view.evidence.stage
    rows = [row for row in view.deciding if row.decides_widening and row.budget_class is not BudgetClass.OBSERVE]
    signals = ", ".join(dict.fromkeys(row.signal for row in rows if row.harmless))
    limits = "their limits" if stage.margin == 1.0 else f"{stage.margin:g} × their limits"
    votes = max((row.stage_n for row in rows), default=0)
    proof = f"{signals or 'no guardrail'} shown within {limits}, n = {votes:,}"
    if view.evidence.pairs_only_warn:
        proof += ", on pairs of clients without a key"
    return proof
