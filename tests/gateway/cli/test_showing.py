"""What stands in the short table of signals."""

from io import StringIO

import pytest
from rich.console import Console

from gateway.cli.showing import WARM, costs, foremost, is_shown, refusals, status
from gateway.cli.wire import Endpoint, Judged, Refusals, Rollout, Signal, Spent


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (Signal(signal="refusal"), True),
        (Signal(signal="refusal", slice="task=code"), False),
        (Signal(signal="lists", budget_class="observe"), False),
        (Signal(signal="lists", budget_class="observe", burn=WARM), True),
        (Signal(signal="own", budget_class="observe", verdict="unmeasured"), True),
        (Signal(signal="lists", budget_class="signal"), True),
        (Signal(signal="refusal", slice="key.tenant=shop"), False),
        (Signal(signal="refusal", slice="key.tenant=shop", burn=WARM), True),
        (Signal(signal="refusal", slice="task=code", budget_class="observe", burn=1.0), False),
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


def test_a_promotion_says_how_long_the_old_stable_is_kept_and_what_has_been_seen_since() -> None:
    """Its own table, once there is something in it; a plain promotion is shown as ever."""
    since = Signal(signal="refusal", source="paired", n=812, estimate=0.01, limit=0.02)
    kept = Rollout(phase="promoted", stable="v12", candidate="v13", kept_until=1_800_000_000.0, kept_signals=(since,))
    text = shown(Endpoint("chat", "v13", 1, kept))
    assert "v12 is kept and mirrored to until 2027-01-15 08:00:00 UTC: late harm brings it back" in text
    assert "since the promotion" in text
    assert "812" in text
    assert "kept" not in shown(Endpoint("chat", "v13", 1, Rollout(phase="promoted", stable="v12", candidate="v13")))


def test_what_is_only_observed_says_what_it_would_be() -> None:
    """Harm that nothing follows from is not called harm."""
    row = Signal(signal="lists", budget_class="observe", verdict="harm", burn=1.0)
    assert "(✗ harm)" in shown(Endpoint("chat", "v12", 0, Rollout(phase="canary", signals=(row,))))


def shown(endpoint: Endpoint) -> str:
    """The status as it is printed."""
    console = Console(width=160, file=StringIO())
    with console.capture() as capture:
        console.print(status(endpoint))
    return capture.get()
