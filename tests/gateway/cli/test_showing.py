"""What stands in the short table of signals."""

import pytest

from gateway.cli.showing import WARM, costs, foremost, is_shown, refusals
from gateway.cli.wire import Judged, Refusals, Rollout, Signal, Spent


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (Signal(signal="refusal"), True),
        (Signal(signal="refusal", slice="task=code"), False),
        (Signal(signal="lists", budget_class="observe"), False),
        (Signal(signal="lists", budget_class="observe", burn=WARM), True),
        (Signal(signal="own", budget_class="observe", verdict="unmeasured"), True),
        (Signal(signal="lists", budget_class="signal"), True),
    ],
)
def test_what_is_only_observed_is_shown_once_it_is_worth_a_look(row: Signal, shown: bool) -> None:
    """Two dozen quiet rows would hide the few that decide; a signal that fails is never quiet."""
    assert is_shown(row) is shown
    assert bool(list(foremost([row]))) is shown


def test_refusals_gained_and_lost_are_one_line() -> None:
    """The kinds apart only where all is asked for."""
    seen = [Refusals("refusal", 812, 12, 3, 0.011, -0.002, 0.024), Refusals("inability", 812, 1, 0, 0.001, -0.01, 0.01)]
    (line,) = refusals(seen, every_kind=False)
    assert line.plain == ("refusal: gained 12, lost 3 on 812 pairs; +1.1 pp [-0.2 … +2.4] with the reader's own errors")
    assert len(list(refusals(seen, every_kind=True))) == 2


def test_costs_and_the_judge_are_shown_where_there_are_any() -> None:
    """Nothing without prices and without a judge."""
    assert list(costs(Rollout())) == []
    rollout = Rollout(spent=Spent(0.42, 0.1, 1.5), judge=Judged(calls=12, tokens=3_400, settled=5, failed=1, shed=2))
    assert [line.plain for line in costs(rollout)] == [
        "cost: stable 0.42 per 1,000 · candidate 0.1 per 1,000 · mirrors 1.5 in all",
        "judge: 12 calls, 3,400 tokens, 5 triples settled, 3 left as the words had them",
    ]
