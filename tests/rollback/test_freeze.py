"""A freeze: nothing widens, everything else goes on."""

from dataclasses import replace

import pytest

from rollback.decision import DecisionKind, decide
from rollback.errors import NotPossible
from rollback.freeze import Freeze, frozen
from rollback.plan import OnDeadline
from rollback.rollout import Holding
from tests.rollback.scenes import STAGES, blind, facts, pairs, rollout, votes

LATER = 100_000.0
PROOF = pairs("refusal", same=400) + votes(0, "paired", 400, "stable")
HOLIDAYS = Freeze(by="ann", reason="holidays", since_at=0.0, until_at=1_800_000_000.0)


def test_a_freeze_holds_what_is_proven_and_says_who_and_until_when() -> None:
    """Somebody who finds the rollout stuck must know whom to ask."""
    decision = decide(rollout(), replace(facts(PROOF), freeze=HOLIDAYS), LATER)
    assert (decision.kind, decision.after.holding) == (DecisionKind.HOLD, Holding.FROZEN)
    assert decision.sentence == (
        "frozen by ann (holidays): nothing widens until 2027-01-15 08:00 UTC, or until `driftgate unfreeze chat`"
    )


def test_a_frozen_rollout_is_rolled_back_and_steps_down_as_ever() -> None:
    """Less exposure is not what a freeze forbids."""
    harm = facts(pairs("refusal", worse=20, same=180))
    assert decide(rollout(), replace(harm, freeze=HOLIDAYS), LATER).kind is DecisionKind.ROLL_BACK
    unseen = replace(blind(901.0), freeze=HOLIDAYS)
    assert decide(rollout(stage=3), unseen, LATER).kind is DecisionKind.STEP_DOWN


def test_a_deadline_does_not_count_against_what_is_only_frozen() -> None:
    """The verdict is there; a stage without one has its deadline all the same."""
    stages = (replace(STAGES[0], deadline_seconds=3600.0, on_deadline=OnDeadline.ROLL_BACK), *STAGES[1:])
    proven = decide(rollout(stages=stages), replace(facts(PROOF), freeze=HOLIDAYS), LATER)
    unproven = decide(rollout(stages=stages), replace(facts(), freeze=HOLIDAYS), LATER)
    assert (proven.after.holding, unproven.kind) == (Holding.FROZEN, DecisionKind.ROLL_BACK)


def test_a_freeze_lasts_as_long_as_asked_or_until_it_is_ended() -> None:
    """No time at all is a slip."""
    assert frozen(actor="ann", reason="", now=100.0, seconds=60.0).until_at == 160.0
    assert frozen(actor="ann", reason="", now=100.0, seconds=None).until_at is None
    with pytest.raises(NotPossible, match="--for 4h"):
        frozen(actor="ann", reason="", now=100.0, seconds=0.0)
