"""What decides whether, where and how often a model's servers are asked: no clock, no socket."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.breaker import CLOSED, FAILURES, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Breaker
from gateway.upstream.choosing import choose
from gateway.upstream.retries import MOST_SAVED, PER_SECOND, SHARE, RetryBudget


def opened(at: float = 0.0) -> Breaker:
    """A breaker that opened at an instant."""
    breaker = CLOSED
    for _ in range(FAILURES):
        breaker = breaker.failed(at)
    return breaker


def test_a_row_of_failures_opens_it_and_a_whole_answer_ends_the_row() -> None:
    """One failure less, then a whole answer, then as many again: still closed."""
    breaker = CLOSED
    for _ in range(FAILURES - 1):
        breaker = breaker.failed(1.0)
    breaker = breaker.completed()
    for _ in range(FAILURES - 1):
        breaker = breaker.failed(2.0)
    assert breaker.admits(2.0)
    assert not breaker.failed(2.0).admits(2.0)


def test_one_request_is_let_in_after_the_pause_and_no_second_one() -> None:
    """The trial takes the place; another is due only after the same pause, in case nobody ever ends this one."""
    breaker = opened(at=10.0)
    due = 10.0 + FIRST_PAUSE_SECONDS
    assert (breaker.admits(due - 0.01), breaker.admits(due)) == (False, True)
    trying = breaker.begun(due)
    assert (trying.admits(due), trying.admits(due + FIRST_PAUSE_SECONDS)) == (False, True)


def test_a_trial_that_answers_closes_it_but_a_break_in_that_answer_opens_it_again() -> None:
    """A server that always breaks in mid-stream begins every answer well: that must not count as health."""
    answered = opened().begun(2.0).answered()
    assert answered.admits(2.0)
    assert not answered.failed(3.0).admits(3.0)
    assert answered.completed() == CLOSED


def test_what_was_sent_before_it_opened_may_fail_late() -> None:
    """Five hundred requests that fail one after the other do not make the pause longer."""
    breaker = opened(at=0.0)
    for _ in range(500):
        breaker = breaker.failed(0.5)
    assert breaker.admits(FIRST_PAUSE_SECONDS)


@given(st.lists(st.sampled_from(["begun", "answered", "completed", "failed", "wait"]), max_size=60))
def test_whatever_happens_a_request_is_admitted_within_the_longest_pause(events: list[str]) -> None:
    """There is no way to stay shut for ever."""
    breaker, now = CLOSED, 0.0
    for event in events:
        if event == "wait":
            now += 1.7
        elif event in ("begun", "failed"):
            breaker = getattr(breaker, event)(now)
        else:
            breaker = getattr(breaker, event)()
    assert breaker.admits(now + LONGEST_PAUSE_SECONDS)
    assert breaker.pause_seconds <= LONGEST_PAUSE_SECONDS


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 5)), max_size=300))
def test_retries_are_a_share_of_what_was_sent(steps: list[tuple[bool, float]]) -> None:
    """However requests and retries come, no more retries are paid than were earned, waited for, or saved at first."""
    now, sent, retried = 0.0, 0, 0
    budget = RetryBudget(now)
    at_first = budget.saved
    for sends, waited in steps:
        now += waited
        if sends:
            sent += 1
            budget.earn()
        else:
            retried += budget.spend(now)
    assert retried <= at_first + sent * SHARE + now * PER_SECOND + 1e-6
    assert budget.saved <= MOST_SAVED + SHARE


@dataclass
class Known:
    """A server, as far as it matters here."""

    name: str
    load: int = 0
    breaker: Breaker = CLOSED
    passes_check: bool = True


def test_the_least_loaded_server_that_is_well_is_chosen() -> None:
    """Not the idle one that is left alone, nor the one that fails its check."""
    servers = [Known("busy", 9), Known("less", 2), Known("broken", 0, opened()), Known("ill", 0, passes_check=False)]
    for insist in (True, False):
        chosen = choose(servers, 0.5, insist=insist)
        assert chosen is not None
        assert chosen.name == "less"


def test_equals_are_asked_in_turn() -> None:
    """Three idle servers get a third of the requests each."""
    servers = [Known("a"), Known("b"), Known("c")]
    chosen = [choose(servers, 0.0, insist=True, turn=turn) for turn in range(6)]
    assert [each.name for each in chosen if each] == ["a", "b", "c", "a", "b", "c"]


def test_where_none_is_well_only_who_insists_gets_one() -> None:
    """Stable has nowhere else to go; a candidate's request has."""
    servers = [Known("a", 3, opened()), Known("b", 1, passes_check=False)]
    insisting = choose(servers, 0.5, insist=True)
    assert insisting is not None
    assert insisting.name == "b"
    assert choose(servers, 0.5, insist=False) is None
