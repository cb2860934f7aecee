"""What stands in the short table of signals."""

import pytest

from gateway.cli.showing import WARM, foremost, is_shown, refusals
from gateway.cli.wire import Refusals, Signal


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
