"""Numbers in words: each kind of test in the unit that people think in."""

import pytest

from rollback import sentences
from rollback.plan import BudgetClass
from rollback.verdict import Side, SignalReport, Source, TestKind, Verdict


def report(
    signal: str, test: TestKind, estimate: float | None, limit: float, source: Source = Source.PAIRED
) -> SignalReport:
    """A row with these numbers."""
    return SignalReport(
        signal=signal,
        slice="*",
        source=source,
        test=test,
        side=Side.UPPER if limit > 0 else Side.LOWER,
        budget_class=BudgetClass.GUARDRAIL,
        estimate=estimate,
        stable_rate=None,
        candidate_rate=None,
        bound=None,
        limit=limit,
        burn=1.0,
        n=1812,
        stage_n=0,
        not_applicable=0,
        unmeasured=0,
        harmless=False,
        decides_widening=True,
        optional=False,
        verdict=Verdict.HARM,
    )


CASES = [
    (
        report("refusal", TestKind.POINTS, 0.041, 0.02),
        (0.026, 0.057),
        "refusal +4.1 pp [2.6, 5.7] over the limit of 2.0 pp",
    ),
    (
        report("refusal", TestKind.POINTS, -0.07, -0.05),
        (-0.09, -0.055),
        "refusal −7.0 pp [−9.0, −5.5] under the limit of −5.0 pp",
    ),
    (
        report("length", TestKind.POINTS, 0.43, 0.13976),
        (0.2, 0.6),
        "length +53.7 % [22.1, 82.2] over the limit of 15.0 %",
    ),
    (report("cost", TestKind.POINTS, -0.35, -0.2), None, "cost −29.5 % under the limit of −18.1 %"),
    (report("length", TestKind.TAIL, 0.06, 0.0375), None, "length tail +6.0 pp over the limit of 3.8 pp"),
    (
        report("length", TestKind.TAIL, -0.2, -0.1, Source.SPLIT),
        None,
        "length beyond stable's p5 −20.0 pp under the limit of −10.0 pp",
    ),
    (report("refusal", TestKind.RATIO, 3.4, 2.5), (2.6, 3.4), "refusal ratio 3.4 × [2.6, 3.4] over the limit of 2.5 ×"),
    (
        report("errors", TestKind.CEILING, 0.33, 0.1),
        (0.2, 0.4),
        "errors 33.0 % [20.0, 40.0] over the ceiling of 10.0 %",
    ),
]


@pytest.mark.parametrize(("row", "interval", "says"), CASES)
def test_a_finding_has_estimate_interval_limit_n_and_burn(
    row: SignalReport, interval: tuple[float, float] | None, says: str
) -> None:
    """The signal first, both numbers and the limit in one unit, then how much it rests on."""
    found = sentences.finding(row, interval, sentences.relation_of_harm(row))
    assert found == f"{says}, n = 1,812, burn 100 %"


def test_a_ratio_without_any_event_of_stable_is_unknown() -> None:
    """No number is made up."""
    row = report("refusal", TestKind.RATIO, None, 2.5)
    assert sentences.finding(row, None, "over").startswith("refusal ratio unknown × over")


def test_a_long_list_is_cut() -> None:
    """Three, and how many more."""
    assert sentences.several(["a", "b", "c", "d", "e"]) == "a; b; c; 2 more"
    assert sentences.several(["a"]) == "a"
