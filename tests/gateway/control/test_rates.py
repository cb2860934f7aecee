"""Requests per second from counters that only rise."""

from gateway.channel.series import series
from gateway.control.rates import Rate, Rates


def counters(chat: float, **others: float) -> dict[str, float]:
    """What workers report."""
    name = "driftgate_requests_total"
    made = {
        series(name, endpoint="chat", arm="stable", outcome="completed"): chat - 1,
        series(name, endpoint="chat", arm="candidate", outcome="failed"): 1.0,
        series("driftgate_fallbacks_total", endpoint="chat"): 1000.0,
    }
    return made | {series(name, endpoint=other, arm="stable", outcome="completed"): n for other, n in others.items()}


def test_the_rate_is_what_came_between_the_first_and_the_last_reading() -> None:
    """All arms and outcomes of the endpoint, and no other series."""
    rates = Rates()
    for at, total in ((10.0, 500), (15.0, 510), (20.0, 550)):
        rates.add(at, counters(total, mail=7))
    assert rates.of("chat") == Rate(5.0, 10.0)


def test_the_first_reading_is_only_a_baseline() -> None:
    """After a restart of the control process it holds all that was ever counted."""
    rates = Rates()
    rates.add(5.0, {})
    rates.add(10.0, counters(1_000_000))
    assert rates.of("chat") == Rate()


def test_an_endpoint_that_nobody_asks_has_no_rate() -> None:
    """Nor has one that was never heard of."""
    rates = Rates()
    for at in (10.0, 20.0):
        rates.add(at, counters(500))
    assert rates.of("chat") == Rate(None, 10.0)
    assert rates.of("mail") == Rate()


def test_only_the_last_hour_counts() -> None:
    """Yesterday's rush is not today's traffic."""
    rates = Rates()
    for step in range(2000):
        rates.add(step * 5.0, counters(1e6 + max(0, step - 1000) * 50.0))
    assert rates.of("chat").per_second == 10.0
    assert rates.of("chat").seconds == 719 * 5.0
