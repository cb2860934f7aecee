"""What waits for a person: gates, deadlines that ask for approval, and a retry."""

from dataclasses import replace

import pytest

from rollback import commands
from rollback.decision import DecisionKind, decide
from rollback.errors import NotPossible
from rollback.plan import OnDeadline, Stage
from rollback.rollout import Holding, Phase, Rollout
from tests.rollback.scenes import STAGES, blind, facts, pairs, rollout, votes

LATER = 100_000.0
"""All bakes and deadlines are over."""

PROOF = pairs("refusal", same=400) + votes(0, "paired", 400, "stable")
"""What the first stage needs for refusals."""

GATE = (replace(STAGES[0], approval=True), *STAGES[1:])
ASKING = (replace(STAGES[0], deadline_seconds=3600.0, on_deadline=OnDeadline.APPROVE), *STAGES[1:])


def approved(made: Rollout, now: float = LATER) -> Rollout:
    """The rollout after ann's consent."""
    return commands.approve(made, actor="ann", reason="", now=now)


def held(made: Rollout, *cells: dict[str, int]) -> Holding | None:
    """What the judge holds for."""
    return decide(made, facts(*cells), LATER).after.holding


def test_a_gate_holds_what_is_proven_until_it_is_approved() -> None:
    """All the evidence is there, and the sentence names the command that is lacking."""
    decision = decide(rollout(stages=GATE), facts(PROOF), LATER)
    assert (decision.kind, decision.after.holding) == (DecisionKind.HOLD, Holding.APPROVAL)
    assert "`driftgate approve chat`" in decision.sentence
    widened = decide(approved(rollout(stages=GATE)), facts(PROOF), LATER)
    assert (widened.kind, widened.trigger, widened.after.approved_by) == (DecisionKind.WIDEN, "evidence", "")
    assert "refusal shown within their limits, n = 400, approved by ann; widened to 1 %" in widened.sentence


def test_an_approval_at_a_gate_is_no_evidence() -> None:
    """Given early, it waits for the proof; a gate shows only once nothing else is lacking."""
    assert held(rollout(stages=GATE)) is Holding.NOT_ENOUGH
    assert held(approved(rollout(stages=GATE))) is Holding.NOT_ENOUGH


def test_a_gate_that_nobody_opened_is_no_missing_verdict() -> None:
    """A deadline that rolls back is for stages without an answer, not for people who are slow."""
    stages = (replace(GATE[0], deadline_seconds=3600.0, on_deadline=OnDeadline.ROLL_BACK), *STAGES[1:])
    assert held(rollout(stages=stages), PROOF) is Holding.APPROVAL


def test_an_approval_after_the_deadline_stands_in_the_place_of_evidence() -> None:
    """Nothing was shown; the widening says who answers for it, and what was lacking."""
    waiting = decide(rollout(stages=ASKING), facts(), LATER)
    assert (waiting.kind, waiting.after.holding) == (DecisionKind.HOLD, Holding.APPROVAL)
    widened = decide(approved(rollout(stages=ASKING)), facts(), LATER)
    assert (widened.kind, widened.trigger) == (DecisionKind.WIDEN, "approval")
    assert widened.sentence.startswith("approved by ann without the evidence: refusal needs about")


def test_an_approval_stands_in_the_place_of_nothing_else() -> None:
    """Harm rolls back, and a store that is unwell or a pause hold as ever."""
    made = approved(rollout(stages=ASKING))
    assert decide(made, facts(pairs("refusal", worse=20, same=180)), LATER).kind is DecisionKind.ROLL_BACK
    assert decide(made, replace(facts(), store_ok=False), LATER).after.holding is Holding.BLIND
    paused = commands.pause(made, actor="bob", reason="lunch", now=LATER)
    assert decide(paused, facts(), LATER).after.holding is Holding.PAUSED
    assert decide(made, blind(901.0), LATER).after.holding is Holding.BLIND


def test_an_approval_ends_with_its_stage() -> None:
    """The next gate asks again; so does the same one after a step back."""
    widened = decide(approved(rollout(stages=GATE)), facts(PROOF), LATER).after
    assert (widened.stage, widened.approved_by) == (1, "")


def test_the_last_gate_is_before_the_promotion() -> None:
    """A plan may leave the last word to a person."""
    stages = (Stage(10_000, approval=True),)
    cells = pairs("refusal", same=400)
    assert held(rollout(stages=stages), cells) is Holding.APPROVAL
    done = decide(approved(rollout(stages=stages)), facts(cells), LATER)
    assert (done.kind, done.after.phase) == (DecisionKind.PROMOTE, Phase.PROMOTED)


def test_an_approval_that_nothing_waits_for_is_refused() -> None:
    """No gate, a deadline that has not passed, twice, or all over: each says what would do."""
    with pytest.raises(NotPossible, match="--step"):
        approved(rollout())
    with pytest.raises(NotPossible, match="--step"):
        approved(rollout(stages=ASKING), now=3599.0)
    with pytest.raises(NotPossible, match="ann has approved"):
        approved(approved(rollout(stages=GATE)))
    with pytest.raises(NotPossible, match="rolled_back"):
        approved(commands.roll_back(rollout(stages=GATE), actor="ann", reason="", now=1.0))


def test_a_retry_wants_another_candidate_or_a_reason() -> None:
    """The same model name says nothing about what stands behind it now."""
    ended = commands.roll_back(rollout(), actor="ann", reason="refusal over the limit", now=1.0)
    assert commands.retry(ended, "", "the prompt is mended") == "v13"
    assert commands.retry(ended, "v14", "") == "v14"
    with pytest.raises(NotPossible, match=r"refusal over the limit.*--reason"):
        commands.retry(ended, "v13", "")


def test_a_retry_needs_a_rollout_that_was_rolled_back() -> None:
    """None yet, one that runs, and one that was promoted are three different answers."""
    with pytest.raises(NotPossible, match="no rollout has run"):
        commands.retry(None, "", "why")
    with pytest.raises(NotPossible, match="shadowing still"):
        commands.retry(rollout(), "", "why")
    with pytest.raises(NotPossible, match="promoted"):
        commands.retry(commands.promote_full(rollout(), actor="ann", reason="", now=1.0), "", "why")
