"""A rollout to tell of."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from rollback.plan import Plan, Stage
from rollback.rollout import Rollout
from tests.a_rollout import in_canary


@pytest.fixture
def a_rollout() -> Callable[..., Rollout]:
    """Makes a rollout in its first canary stage; fields can be given."""
    plan = Plan("quick", 0.05, 10.0, 900.0, (Stage(0), Stage(1_000), Stage(10_000)), ())
    first = in_canary(plan)
    return lambda **fields: replace(first, **fields)
