"""What a stage still lacks before the rollout may widen; nothing lacking is the only thing that widens.

A *question* is one guardrail's limit on one side, such as "has refusal risen by more than 2 points". Each needs one
answer of "no harm", from pairs or from split evidence (which share the level for it). A signal that does not apply
needs none, nor does an optional one that applies to too little traffic.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from rollback import sentences
from rollback.evidence import LEAST_VOTES, Evidence
from rollback.plan import BudgetClass
from rollback.rollout import Holding
from rollback.verdict import SignalReport, Source, Verdict
from routing import wording
from routing.arms import Arm


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that is missing, as a code and as a sentence that says what would end it."""

    holding: Holding
    sentence: str


def lacks(evidence: Evidence, reports: Sequence[SignalReport], now: float) -> tuple[Lack, ...]:
    """Everything that the present stage lacks: evidence first, then votes, then time."""
    return (*_evidence(evidence, reports), *_votes(evidence), *_bake(evidence, now))


def unanswered(evidence: Evidence, reports: Sequence[SignalReport]) -> tuple[tuple[SignalReport, ...], ...]:
    """The questions without an answer yet, each with the rows that could answer it."""
    guardrails = {
        budget.signal for budget in evidence.rollout.plan.budgets if budget.budget_class is BudgetClass.GUARDRAIL
    }
    questions: dict[tuple[str, str, str], list[SignalReport]] = {}
    for row in reports:
        if row.decides_widening and row.signal in guardrails:
            questions.setdefault((row.signal, row.test, row.side), []).append(row)
    return tuple(tuple(rows) for rows in questions.values() if not _is_answered(evidence, rows))


def _is_answered(evidence: Evidence, rows: Sequence[SignalReport]) -> bool:
    if any(row.harmless and row.verdict is not Verdict.HARM for row in rows):
        return True
    nothing_read = all(row.stage_n == 0 and row.unmeasured == 0 for row in rows)
    if nothing_read and any(row.verdict is Verdict.NOT_APPLICABLE for row in rows):
        return True
    return all(row.optional and row.stage_n < evidence.stage.min_keys for row in rows)


def _evidence(evidence: Evidence, reports: Sequence[SignalReport]) -> Iterator[Lack]:
    """One lack for all open questions: of each signal the one furthest from its answer, unreadable ones first."""
    worst: dict[str, _Wanted] = {}
    for rows in unanswered(evidence, reports):
        wanted = _wanted(evidence, rows)
        if wanted.votes > worst.get(wanted.signal, _NOTHING).votes:
            worst[wanted.signal] = wanted
    if worst:
        ranked = sorted(worst.values(), key=lambda each: -each.votes)
        yield Lack(ranked[0].holding, sentences.several([each.sentence for each in ranked]))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What one question waits for. `votes` ranks it: infinite where votes like those so far will not answer it."""

    signal: str
    votes: float
    holding: Holding
    sentence: str


_NOTHING = _Wanted("", -1.0, Holding.NOT_ENOUGH, "")


def _wanted(evidence: Evidence, rows: Sequence[SignalReport]) -> _Wanted:
    """What one question waits for, from the source that needs the least."""
    row = rows[0]
    name = sentences.title(row)
    if all(each.verdict is Verdict.UNMEASURED for each in rows):
        missing = sum(each.unmeasured for each in rows)
        why = f"{missing:,} readings failed" if missing else "no reading came of this stage's votes"
        return _Wanted(row.signal, inf, Holding.UNMEASURED, f"{name} could not be measured: {why}")
    empty = max(each.not_applicable for each in rows)
    if empty and not any(each.stage_n for each in rows):
        enough = max(evidence.stage.min_keys, LEAST_VOTES)
        sentence = f"{name} had nothing to measure in {empty:,} votes; it counts as not applicable at {enough:,}"
        return _Wanted(row.signal, enough - empty, Holding.NOT_ENOUGH, sentence)
    margin = evidence.stage.margin
    within = sentences.limit(row) if margin == 1.0 else f"{margin:g} × {sentences.limit(row)}"
    forecasts = [(needed, each) for each in rows if (needed := evidence.still_needed(each)) is not None]
    if not forecasts:
        sentence = f"{name} is not shown to stay within {within}, and its estimate is no better"
        return _Wanted(row.signal, inf, Holding.NOT_ENOUGH, sentence)
    needed, row = min(forecasts, key=lambda pair: pair[0])
    unit = "pairs" if row.source is Source.PAIRED else "requests"
    sentence = f"{name} needs about {_rounded(needed):,} more {unit} to show that it is within {within}"
    return _Wanted(row.signal, needed, Holding.NOT_ENOUGH, sentence)


def _rounded(count: int) -> int:
    """Two digits are all that a forecast is good for."""
    step: int = 10 ** max(0, len(str(count)) - 2)
    return -(-count // step) * step


def keys_voted(evidence: Evidence) -> int:
    """What the stage's `min_keys` counts: completed pairs at weight 0, votes of the candidate's users above."""
    at = evidence.rollout.stage
    if evidence.stage.weight_bps == 0:
        return evidence.ledger.voted(at, "paired")
    return evidence.ledger.voted(at, "split", Arm.CANDIDATE)


def bake_left(evidence: Evidence, now: float) -> float:
    """Seconds of the stage's bake that have not passed; zero or less where it is over."""
    return evidence.stage.bake_seconds - evidence.rollout.stage_seconds(now)


def _votes(evidence: Evidence) -> Iterator[Lack]:
    stage, have = evidence.stage, keys_voted(evidence)
    what = "voting keys on the candidate" if stage.weight_bps else "pairs"
    if have < stage.min_keys:
        missing = stage.min_keys - have
        yield Lack(Holding.NOT_ENOUGH, f"needs {missing:,} more {what} ({have:,} of {stage.min_keys:,})")


def _bake(evidence: Evidence, now: float) -> Iterator[Lack]:
    left = bake_left(evidence, now)
    if left > 0.0:
        yield Lack(Holding.BAKE, f"bakes for another {wording.duration(left)}")
