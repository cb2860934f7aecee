"""How the mirror gives way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.pacing import LEAST_ATTENTION, LONGEST_PAUSE_SECONDS, Attention, Pace, Tokens, estimated_tokens


def test_failures_halve_what_may_be_in_flight_but_leave_one() -> None:
    """A failing candidate must be seen to fail."""
    pace = Pace.full(8)
    for expected in (4.0, 2.0, 1.0, 1.0):
        pace = pace.after_failure()
        assert pace.limit == expected
    assert pace.allows(0, now=0.0)
    assert not pace.allows(1, now=0.0)


def test_answers_bring_it_back_up_to_the_most() -> None:
    """And no further."""
    pace = Pace.full(4).after_failure()
    for _ in range(10):
        pace = pace.after_answer()
    assert pace.limit == 4.0


def test_a_429_pauses_and_the_next_one_longer() -> None:
    """1 s, 2 s, 4 s … and at most half a minute; an answer makes the next pause short again."""
    pace, now, pauses = Pace.full(64), 0.0, []
    for _ in range(8):
        pace = pace.after_too_many(now)
        pauses.append(pace.paused_until - now)
        now = pace.paused_until
        assert not pace.allows(0, now - 0.01)
        assert pace.allows(0, now)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, LONGEST_PAUSE_SECONDS]
    assert pace.after_answer().after_too_many(now).paused_until - now == 1.0


def test_answers_to_what_was_in_flight_do_not_lengthen_the_pause() -> None:
    """Sixty-four 429s at once are one."""
    once = Pace.full(64).after_too_many(10.0)
    assert once.after_too_many(10.1) == once


def test_a_budget_of_tokens_fills_by_the_minute() -> None:
    """Spent, empty, and half full after half a minute."""
    spent = Tokens.full(600, now=0.0).spend(600, now=0.0)
    assert spent is not None
    assert spent.spend(1, now=0.0) is None
    assert spent.spend(301, now=30.0) is None
    assert spent.spend(300, now=30.0) is not None


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 20)), max_size=60))
def test_no_minute_sees_more_than_two_minutes_worth(asked: list[tuple[int, float]]) -> None:
    """What was saved up, and what came in meanwhile."""
    budget, now, spent = Tokens.full(600, now=0.0), 0.0, 0
    for tokens, pause in asked:
        now += pause
        after = budget.spend(tokens, now)
        if after is not None:
            budget, spent = after, spent + tokens
    assert spent <= 600 + now * 10 + 1e-6


@pytest.mark.parametrize(("known", "expected"), [(100, 2 * (10 + 100)), (None, 2 * (10 + 25))])
def test_a_mirrors_cost_is_judged_by_the_exchange(known: int | None, expected: int) -> None:
    """By the provider's count where there is one, else by bytes."""
    assert estimated_tokens(40, 100, known, times=2) == expected


def test_attention_halves_each_second_of_being_late_and_comes_back() -> None:
    """Down to a sixteenth, and up to all."""
    attention, now, shares = Attention(), 0.0, []
    for late in (2.0,) * 6 + (0.01,) * 13:
        attention = attention.after(late, now)
        assert attention.after(9.0, now + 0.5) == attention
        shares.append(attention.share)
        now += 1.0
    assert shares[:6] == [0.5, 0.25, 0.125, LEAST_ATTENTION, LEAST_ATTENTION, LEAST_ATTENTION]
    assert shares[6:8] == [LEAST_ATTENTION * 1.25, LEAST_ATTENTION * 1.25**2]
    assert shares[-1] == 1.0
