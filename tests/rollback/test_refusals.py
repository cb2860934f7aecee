"""How refusals changed, read off the counters of a rollout."""

from dataclasses import replace

import pytest

from rollback.evidence import judge
from rollback.refusals import refusal_changes
from rollback.verdict import Side, Verdict
from shadow.signals.refusal_change import Counted
from tests.rollback.scenes import REFUSAL, pairs, rollout, row

CELLS = {
    "p/refusal/*/0/20": 30, "p/refusal/*/1/20": 10, "p/refusal/*/1/-20": 5, "p/refusal/*/0/0": 955,
    "p/refusal/tenant=a/0/20": 7, "p/inability/*/0/20": 4, "p/inability/*/0/0": 6,
    "s/refusal/*/1/100/candidate/1": 99, "n/refusal/*/0/paired/stable/malformed_json": 3,
}  # fmt: skip


def test_gained_and_lost_refusals_are_counted_apart_over_all_stages() -> None:
    """Of all requests that both arms answered, and of each kind that was read."""
    refusal, inability = refusal_changes(CELLS)
    assert (refusal.signal, refusal.counted) == ("refusal", Counted(1_000, 40, 5))
    assert refusal.change.estimate == pytest.approx(0.035)
    assert refusal.change.low < 0.035 < refusal.change.high
    assert (inability.signal, inability.counted) == ("inability", Counted(10, 4, 0))


def test_without_pairs_nothing_is_said() -> None:
    """No pair is no change of zero."""
    assert refusal_changes({"n/refusal/*/0/paired/stable/malformed_json": 3}) == ()


@pytest.mark.parametrize(
    ("worse", "side", "verdict"),
    [
        (14, Side.UPPER, Verdict.NO_HARM),
        (14, Side.LOWER, Verdict.NO_HARM),
        (0, Side.LOWER, Verdict.HARM),
        (60, Side.UPPER, Verdict.HARM),
    ],
)
def test_a_wanted_rise_of_refusals_is_held_to_both_of_its_ends(worse: int, side: Side, verdict: Verdict) -> None:
    """`--expect refusal=+1pp..+6pp`: 3.5 points are harmless; none at all, and 15 points, are drift."""
    budget = replace(REFUSAL, expected=(0.01, 0.06))
    cells = {name: 10 * count for name, count in pairs("refusal", worse=worse, same=400 - worse).items()}
    assert row(judge(rollout(budget), cells), "refusal", side=side).verdict is verdict
