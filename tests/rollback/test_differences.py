"""Two plans compared: nothing is passed over, whatever it is called."""

from dataclasses import fields, replace
from typing import Any

import pytest

from rollback.differences import differences
from rollback.plan import Budget, Plan, Stage
from tests.rollback.scenes import LENGTH, REFUSAL, STAGES, plan

PLAN = plan(REFUSAL, LENGTH)
OTHER: dict[str, Any] = {  # Any: each field has a type of its own
    "name": "another",
    "alpha": 0.01,
    "lease_seconds": 99.0,
    "max_blind_seconds": 99.0,
    "widen_during": ("x",),
    "exclude": ("tenant:bank",),
    "keep_stable_seconds": 99.0,
    "slices_roll_back": True,
}


def test_a_plan_is_like_itself() -> None:
    """The same file twice changes nothing."""
    assert differences(PLAN, plan(REFUSAL, LENGTH)) == ()


@pytest.mark.parametrize("name", [each.name for each in fields(Plan) if each.name not in ("stages", "budgets")])
def test_every_field_of_a_plan_counts(name: str) -> None:
    """One that is added later is not forgotten."""
    (said,) = differences(PLAN, replace(PLAN, **{name: OTHER[name]}))
    assert said.startswith(f"plan: {name} is ")


def test_every_field_of_a_stage_counts() -> None:
    """By the stage's number, as people count them."""
    harder = replace(STAGES[1], min_keys=9_999, approval=True)
    found = differences(PLAN, replace(PLAN, stages=(STAGES[0], harder, *STAGES[2:])))
    assert found == (
        f"stage 2: min_keys is {STAGES[1].min_keys} where 9999 is asked for",
        "stage 2: approval is False where True is asked for",
    )
    assert {each.name for each in fields(Stage)} >= {"min_keys", "approval"}


def test_another_number_of_stages_is_one_difference() -> None:
    """Which of them are alike would say nothing."""
    assert differences(PLAN, replace(PLAN, stages=STAGES[:2])) == (
        f"it has {len(STAGES)} stages where 2 are asked for",
    )


def test_a_changed_expectation_names_its_budget() -> None:
    """With both values."""
    wanted = replace(PLAN, budgets=(replace(REFUSAL, expected=(0.01, 0.06)), LENGTH))
    assert differences(PLAN, wanted) == ("budget refusal: expected is not set where 0.01 … 0.06 is asked for",)


def test_a_budget_that_is_off_on_one_side_is_said() -> None:
    """Off is not a limit of nothing."""
    more = replace(PLAN, budgets=(*PLAN.budgets, Budget("schema", max_increase=0.01)))
    assert differences(PLAN, more) == ("budget schema: off where on is asked for",)
    assert differences(more, PLAN) == ("budget schema: on where off is asked for",)
