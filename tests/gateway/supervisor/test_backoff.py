"""How long a child waits before it is started again."""

from gateway.supervisor.backoff import LONGEST_SECONDS, WELL_SECONDS, Backoff


def test_the_first_restart_is_almost_at_once() -> None:
    """A worker that crashed once is back before anybody notices."""
    assert Backoff().ended(0.5).wait_seconds == 0.1


def test_waits_double_up_to_a_bound() -> None:
    """A child that always crashes does not eat a core."""
    backoff, waits = Backoff(), []
    for _ in range(8):
        backoff = backoff.ended(0.0)
        waits.append(backoff.wait_seconds)
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, LONGEST_SECONDS, LONGEST_SECONDS]


def test_a_child_that_ran_well_starts_afresh() -> None:
    """Yesterday's crashes are not held against it."""
    backoff = Backoff(failures=7).ended(WELL_SECONDS)
    assert backoff.wait_seconds == 0.1
