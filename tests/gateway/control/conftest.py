"""A rollout to tell of."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from rollback.plan import Plan, Stage
from rollback.rollout import Phase, Rollout


@pytest.fixture
def a_rollout() -> Callable[..., Rollout]:
    """Makes a rollout in its first canary stage; fields can be given."""
    plan = Plan("quick", 0.05, 10.0, 900.0, (Stage(0), Stage(1_000), Stage(10_000)), ())
    first = Rollout(
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
    return lambda **fields: replace(first, **fields)
