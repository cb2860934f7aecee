"""Units of assignment: which requests are one, and where a request came to."""

import pytest
from msgspec import structs

from routing.arms import Arm
from shadow.answer import Answer, Unreadable
from shadow.comparison import heard, paired_vote, read, side, split_vote, triple_vote
from shadow.exchange import Exchange, Outcome
from shadow.units import unit_member, unit_vote
from tests.shadow.making import ask, exchange, fallback, on_candidate, says

HELLO = says("Hello there, Ann.")
ASKED = ask("Greet Ann.")


@pytest.mark.parametrize(
    ("of", "own", "points"),
    [
        (on_candidate(), HELLO, ["assigned", "sent", "completed", "scored"]),
        (fallback(), HELLO, ["assigned", "sent", "completed", "scored"]),
        (on_candidate(complete=False), Unreadable("incomplete"), ["assigned", "sent", "completed"]),
        (on_candidate(outcome=Outcome.CANCELLED), Unreadable("cancelled"), ["assigned", "sent"]),
        (on_candidate(outcome=Outcome.REJECTED), Unreadable("rejected"), ["assigned", "sent"]),
        (fallback(failure="unwritable"), HELLO, ["assigned"]),
    ],
)
def test_a_unit_is_counted_at_every_point_that_its_request_came_to(
    of: Exchange, own: Answer | Unreadable, points: list[str]
) -> None:
    """On the arm that it was assigned to, at the weight of that moment."""
    assert unit_vote("u:1", of, own).cells == tuple(f"u/2/5000/candidate/{point}" for point in points)


def test_no_unit_without_a_choice_of_arms() -> None:
    """At weight 0 and 100 % there is no share that could be wrong; a pin is no draw."""
    assert unit_member(exchange()) is None
    assert unit_member(on_candidate(weight_bps=10_000)) is None
    assert unit_member(on_candidate(pinned=True)) is None


def test_a_key_that_votes_for_each_job_is_one_unit() -> None:
    """All its jobs go one way, so they are one draw."""
    one, other = on_candidate("job-1", unit="account"), on_candidate("job-2", unit="account")
    assert unit_member(one) == unit_member(other) == "u:account"
    assert unit_member(on_candidate("job-1")) != unit_member(on_candidate("job-2"))


def test_observations_are_counted_by_window_once_for_all_slices() -> None:
    """Events as they are, differences on the coarser lattice; bins not at all."""
    of = on_candidate(window=17)
    vote = split_vote(of, ASKED, read(ASKED, HELLO), ("*", "tenant=a"))
    assert vote is not None
    assert {cell for cell in vote.cells if cell.startswith("w")} == {
        "ws/refusal/17/5000/candidate/0",
        "ws/errors/17/5000/candidate/0",
    }
    refuses = heard(says("I'm sorry, but I can't assist with that."))
    pair = paired_vote(of, side(ASKED, heard(HELLO)), side(ASKED, refuses), ("*",))
    assert "wp/refusal/17/5" in pair.cells
    triple = triple_vote(of, ASKED, heard(HELLO), heard(HELLO), heard(HELLO), ("*",))
    assert "wp/agreement/17/0" in triple.cells


def test_an_exchange_without_a_window_is_counted_in_none() -> None:
    """An older data worker handed it over."""
    vote = split_vote(structs.replace(on_candidate(), assigned=Arm.STABLE), ASKED, read(ASKED, HELLO), ("*",))
    assert vote is not None
    assert not [cell for cell in vote.cells if cell.startswith("w")]
