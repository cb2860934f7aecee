"""What the loop reads off the counts of the last seconds."""

import pytest

from rollback.watching import Watched
from tests.rollback.scenes import rollout


def test_crowded_keys_are_told_as_a_share_of_what_was_assigned_lately() -> None:
    """Of the last ten seconds, whatever was before; nothing where nothing came, or nothing runs."""
    watched = Watched(rollout=rollout())
    assert watched.crowded_share == 0.0
    counts = {"assigned.stable": 1_000, "assigned.candidate": 10, "undrawn.crowded": 900}
    watched.facts(rollout(), {}, counts, 1_000.0)
    assert watched.crowded_share == 0.0
    later = {"assigned.stable": 1_190, "assigned.candidate": 20, "undrawn.crowded": 950}
    watched.facts(rollout(), {}, later, 1_005.0)
    assert watched.crowded_share == pytest.approx(50 / 200)
    watched.rollout = None
    assert watched.crowded_share == 0.0
