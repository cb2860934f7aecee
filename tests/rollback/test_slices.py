"""Slices that may roll back: named beforehand, judged together, and named only where that is shown."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import exp, log

import numpy as np
import pytest

from rollback.budget import expand
from rollback.decision import DecisionKind, decide
from rollback.document import from_json, to_json
from rollback.evidence import examine, judge
from rollback.plan import Budget, BudgetClass
from rollback.rollout import Holding, Rollout
from rollback.sequential import PAIRED_HARM, log_evidence
from rollback.some_slice import SOME, log_some
from rollback.tallies import lattice_tally
from rollback.verdict import Verdict
from tests.rollback.scenes import ERRORS, LENGTH, REFUSAL, facts, pairs, plan, rollout, row

TENANTS = tuple(f"key.tenant={name}" for name in ("bank", "press", "shop", "toys"))
LATER = 100_000.0


def deciding(*budgets: Budget, slices: tuple[str, ...] = TENANTS) -> Rollout:
    """A rollout in which these slices may roll back."""
    made = rollout(*budgets)
    return replace(made, plan=replace(made.plan, slices_roll_back=True), slices=slices)


def per_slice(worse: dict[str, int], n: int = 150, signal: str = "refusal") -> Counter[str]:
    """So many pairs of each tenant, of which the candidate was worse in some; and all of them together."""
    cells = Counter[str]()
    for tenant in TENANTS:
        bad = worse.get(tenant, 0)
        cells += pairs(signal, slice_=tenant, worse=bad, same=n - bad) + pairs(signal, worse=bad, same=n - bad)
    return cells


def test_harm_in_one_slice_rolls_back_and_names_it() -> None:
    """One tenant of four is refused every eighth request; over all requests nothing is shown."""
    cells = per_slice({"key.tenant=shop": 20})
    assert row(judge(rollout(), cells), "refusal").verdict is not Verdict.HARM
    decision = decide(deciding(), facts(cells), LATER)
    assert (decision.kind, decision.trigger) == (DecisionKind.ROLL_BACK, "slice")
    assert decision.sentence.startswith("refusal in key.tenant=shop +13.3 pp [")
    assert "over the limit of 2.0 pp, n = 150, burn 100 %" in decision.sentence
    named = row(decision.reports, "refusal", slice_="key.tenant=shop")
    assert (named.budget_class, named.verdict) == (BudgetClass.GUARDRAIL, Verdict.HARM)
    assert named.bound is not None
    assert named.bound > named.limit, "the bound is at the level that the slice is judged at"


def test_harm_that_is_spread_over_slices_is_shown_without_naming_one() -> None:
    """Two tenants a little: their mean is past its bar, and neither is past its own."""
    cells = per_slice({"key.tenant=bank": 15, "key.tenant=shop": 15}, n=138)
    reports = judge(deciding(), cells)
    assert row(reports, "refusal", slice_=SOME).verdict is Verdict.HARM
    assert row(reports, "refusal", slice_="key.tenant=bank").verdict is not Verdict.HARM
    sentence = some_sentence(deciding(), cells)
    assert sentence.startswith(
        "refusal in some slice over the limit of 2.0 pp, most of it in key.tenant=bank (+10.9 pp"
    )
    assert "none by itself" in sentence


def some_sentence(made: Rollout, cells: Counter[str]) -> str:
    """The reason, with what all requests together show taken away."""
    decision = decide(made, facts(Counter({name: n for name, n in cells.items() if "/*/" not in name})), LATER)
    assert (decision.kind, decision.trigger) == (DecisionKind.ROLL_BACK, "slice")
    return decision.sentence


def test_slices_that_a_client_can_choose_decide_nothing() -> None:
    """A header, or a tenant that was not known when the rollout started, is reported and no more."""
    cells = pairs("refusal", same=5_000)
    for slice_ in ("header%3Ax-route=a", "key.tenant=new"):
        cells += pairs("refusal", slice_=slice_, worse=60, same=60)
    decision = decide(deciding(), facts(cells), LATER)
    assert decision.kind is not DecisionKind.ROLL_BACK
    assert row(decision.reports, "refusal", slice_="key.tenant=new").budget_class is BudgetClass.OBSERVE


def test_without_the_plans_word_no_slice_decides() -> None:
    """The names are not even kept."""
    decision = decide(rollout(), facts(per_slice({"key.tenant=shop": 20})), LATER)
    assert decision.kind is not DecisionKind.ROLL_BACK
    assert SOME not in {each.slice for each in decision.reports}


def test_a_slice_halfway_to_harm_holds() -> None:
    """As all requests together do at half of the proof."""
    decision = decide(deciding(), facts(per_slice({"key.tenant=shop": 12})), LATER)
    assert (decision.kind, decision.after.holding) == (DecisionKind.HOLD, Holding.BURN)
    assert "in key.tenant=shop" in decision.sentence


@pytest.mark.parametrize("slices", [False, True])
def test_all_tests_together_spend_the_epochs_alpha_and_no_more(slices: bool) -> None:
    """Over guardrails, ceilings, late onset, and slices where they may roll back."""
    made = replace(plan(REFUSAL, ERRORS, LENGTH), slices_roll_back=slices)
    tests = expand(made, 1)
    assert sum(test.alpha + test.late_alpha + test.slice_alpha for test in tests) == pytest.approx(made.alpha / 2)
    assert any(test.slice_alpha for test in tests) is slices


def test_an_unseen_slice_counts_as_one() -> None:
    """Its e-value is 1, and its weight was given to it beforehand."""
    assert log_some([], 5) == 0.0
    assert log_some([log(100.0)], 5) == pytest.approx(log(104 / 5))
    assert log_some([900.0, -900.0], 2) == pytest.approx(900.0 - log(2))


def test_slices_exactly_at_the_limit_are_rarely_called_harmed_however_often_one_looks() -> None:
    """Five slices at the limit of 2 points, 400 rollouts, a look after every 20 pairs of each: at most alpha = 20 %."""
    rng, alpha, slices = np.random.default_rng(7), 0.2, 5
    alarms = 0
    for _ in range(400):
        drawn = rng.random((slices, 15, 20)) < 0.02
        bad = drawn.sum(axis=2).cumsum(axis=1)
        alarms += any(_log_some(bad[:, look], 20 * (look + 1)) >= log(1.0 / alpha) for look in range(15))
    assert alarms / 400 <= alpha


def _log_some(bad: Sequence[int], n: int) -> float:
    return log_some([log_evidence(lattice_tally({20: int(b), 0: n - int(b)}), 0.02, PAIRED_HARM) for b in bad], 5)


def test_the_mean_is_never_above_its_loudest_slice() -> None:
    """And never below its share of it."""
    for logs in ([3.0, 1.0], [0.0, -5.0, 8.0], [-1.0]):
        value, top = exp(log_some(logs, 4)), exp(max(0.0, *logs))
        assert top / 4 <= value <= top


def test_the_names_are_kept_in_the_document_and_decide_again_the_same() -> None:
    """What may roll back is fixed at the start."""
    made, cells = deciding(), per_slice({"key.tenant=shop": 20})
    again = from_json(to_json(made))
    assert again == made
    assert judge(again, Counter(dict(reversed(list(cells.items()))))) == judge(made, cells)
    assert examine(again, cells).interval(row(judge(made, cells), "refusal", slice_=SOME)) is None
