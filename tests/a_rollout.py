"""A rollout to tell of, for tests of any package."""

from rollback.plan import Plan
from rollback.rollout import Phase, Rollout


def in_canary(plan: Plan) -> Rollout:
    """A rollout of `plan` in its first canary stage."""
    return Rollout(
        id="chat-1",
        endpoint="chat",
        stable="old",
        candidate="new",
        plan=plan,
        salt="salt",
        phase=Phase.CANARY,
        stage=1,
        weight_bps=1_000,
        revision=1,
        epoch=1,
        epoch_index=1,
        holding=None,
        reason="started by ann",
        actor="ann",
        started_at=1_000.0,
        stage_started_at=1_000.0,
    )
