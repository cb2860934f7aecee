"""What the same evidence leads to under each kind of budget."""

from collections import Counter
from dataclasses import replace

import pytest

from rollback.decision import DecisionKind, decide
from rollback.evidence import judge
from rollback.plan import Budget, BudgetClass
from rollback.rollout import Holding
from rollback.verdict import Side, Source, TestKind, Verdict
from tests.rollback.scenes import REFUSAL, differences, facts, pairs, rollout, row, split, votes

LATER = 100_000.0
LENGTH = Budget("length", expected=(-0.30, -0.10))
SPOTLESS = pairs("refusal", same=600) + votes(0, "paired", 600, "stable")
WORSE_SCHEMA = pairs("schema", worse=60, same=540)


@pytest.mark.parametrize(
    ("budget_class", "kind", "holding"),
    [
        (BudgetClass.GUARDRAIL, DecisionKind.ROLL_BACK, None),
        (BudgetClass.SIGNAL, DecisionKind.HOLD, Holding.SIGNAL_HARM),
        (BudgetClass.OBSERVE, DecisionKind.WIDEN, None),
    ],
)
def test_the_same_harm_rolls_back_holds_or_is_only_reported(
    budget_class: BudgetClass, kind: DecisionKind, holding: Holding | None
) -> None:
    """The row says harm in each case: what is only observed shows what it would have done."""
    made = rollout(REFUSAL, Budget("schema", budget_class, max_increase=0.01))
    decision = decide(made, facts(SPOTLESS, WORSE_SCHEMA), LATER)
    assert (decision.kind, decision.after.holding) == (kind, holding)
    found = row(decision.reports, "schema")
    assert (found.verdict, found.budget_class, found.burn) == (Verdict.HARM, budget_class, 1.0)


def test_a_hold_by_a_signal_ends_when_the_signal_clears() -> None:
    """By itself: 8,000 good pairs later the same sixty worse ones are within the limit."""
    made = rollout(REFUSAL, Budget("schema", BudgetClass.SIGNAL, max_increase=0.01))
    held = decide(made, facts(SPOTLESS, WORSE_SCHEMA), LATER).after
    cleared = SPOTLESS + WORSE_SCHEMA + pairs("schema", same=8_000)
    assert held.holding is Holding.SIGNAL_HARM
    assert decide(held, facts(cleared), LATER).kind is DecisionKind.WIDEN


def shifted(index: int) -> Counter[str]:
    """Six hundred pairs whose lengths differ by so many steps of the lattice, and none in its tail."""
    tail = Counter({"p/length.tail/*/0/0": 600})
    return differences("length", 0, {index: 600}) + tail + SPOTLESS


@pytest.mark.parametrize(
    ("index", "kind", "side"),
    [(-3, DecisionKind.WIDEN, None), (0, DecisionKind.ROLL_BACK, Side.UPPER), (-6, DecisionKind.ROLL_BACK, Side.LOWER)],
)
def test_an_expected_change_is_the_budget_and_its_absence_is_drift(
    index: int, kind: DecisionKind, side: Side | None
) -> None:
    """Of 10 to 30 % shorter answers 20 % passes; neither unchanged ones do, nor those shorter by 36 %."""
    decision = decide(rollout(REFUSAL, LENGTH), facts(shifted(index)), LATER)
    assert decision.kind is kind
    for each in Side if side else ():
        harmed = row(decision.reports, "length", side=each).verdict is Verdict.HARM
        assert harmed is (each is side)


def test_a_ceiling_is_harm_whatever_stable_does() -> None:
    """One in five fails on both arms alike: no difference, and past a ceiling of a tenth."""
    made = rollout(Budget("errors", max_increase=0.05, ceiling=0.10), stage=3)
    cells = split("errors", 3, (80, 400), (80, 400))
    reports = judge(made, cells)
    assert row(reports, "errors", Source.SPLIT).verdict is not Verdict.HARM
    assert row(reports, "errors", Source.SPLIT, TestKind.CEILING).verdict is Verdict.HARM
    decision = decide(made, facts(cells), LATER)
    assert (decision.kind, decision.trigger) == (DecisionKind.ROLL_BACK, "ceiling")


def test_an_optional_guardrail_that_cannot_decide_lets_pass_and_its_harm_rolls_back_all_the_same() -> None:
    """Optional is about too little traffic, not about what is bad."""
    schema = Budget("schema", max_increase=0.01, optional=True)
    few = pairs("schema", same=20)
    assert decide(rollout(REFUSAL, schema), facts(SPOTLESS, few), LATER).kind is DecisionKind.WIDEN
    strict = replace(schema, optional=False)
    assert decide(rollout(REFUSAL, strict), facts(SPOTLESS, few), LATER).after.holding is Holding.NOT_ENOUGH
    harmed = decide(rollout(REFUSAL, schema), facts(SPOTLESS, WORSE_SCHEMA), LATER)
    assert harmed.kind is DecisionKind.ROLL_BACK
