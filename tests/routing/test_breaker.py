"""The breaker: closed for a while after failures in a row, and never for longer than a tick."""

from routing.breaker import OPEN_SECONDS, TRIPS_AFTER, Breaker


def _failing(times: int, now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker = breaker.failed(now)
    return breaker


def test_a_failure_or_two_close_nothing() -> None:
    """A connection that was closed meanwhile costs one try."""
    assert _failing(TRIPS_AFTER - 1).admits(0.0)


def test_failures_in_a_row_close_it_for_a_moment() -> None:
    """Nobody asks before its end, and then somebody does."""
    breaker = _failing(TRIPS_AFTER, now=5.0)
    assert not breaker.admits(5.0)
    assert not breaker.admits(5.0 + OPEN_SECONDS / 2)
    assert breaker.admits(5.0 + OPEN_SECONDS)


def test_only_one_tries_a_server_that_was_in_trouble() -> None:
    """While the first waits for its answer, the others fail at once."""
    breaker = _failing(TRIPS_AFTER).asked(OPEN_SECONDS)
    assert not breaker.admits(OPEN_SECONDS)
    assert breaker.admits(2 * OPEN_SECONDS)


def test_a_server_that_is_well_may_be_asked_by_many_at_once() -> None:
    """Asking closes nothing where nothing failed."""
    assert Breaker().asked(0.0).admits(0.0)


def test_it_never_stands_in_the_way_of_who_asks_once_a_second() -> None:
    """The controller's tick and the workers' poll see a recovery as soon as without it."""
    assert OPEN_SECONDS < 1.0
