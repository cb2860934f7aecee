"""What stands in the short table of signals."""

import pytest

from gateway.cli.showing import WARM, foremost, is_shown
from gateway.cli.wire import Signal


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
