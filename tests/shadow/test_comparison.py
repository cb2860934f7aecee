"""What one request adds: exact cells, for each way that a request can end."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from routing.arms import Arm
from routing.bucketing import WEIGHT_SCALE
from shadow.answer import Answer, Ask, Unreadable
from shadow.cells import Event, Vote, parse
from shadow.comparison import (
    Heard,
    heard,
    paired_vote,
    read,
    reference_vote,
    side,
    split_member,
    split_vote,
    triple_vote,
)
from shadow.exchange import Exchange, Outcome
from shadow.spending import Price
from tests.shadow.making import ask, exchange, fallback, on_candidate, says

HELLO = says("Hello there, Ann.")
REFUSES = says("I'm sorry, but I can't assist with that.")
GONE = Heard(Unreadable("refused"), failed=True)
ASKED = ask("Greet Ann.")
ALL = ("*",)
QUANTITIES = {"pace", "tokens"}
FIRST_BYTE = Event.bin_of(100.0)
LENGTH = Event.bin_of(len(HELLO.text))


def own_vote(of: Exchange, said: Answer | Unreadable, asked: Ask, slices: tuple[str, ...]) -> Vote | None:
    """The vote of the exchange's own arm: at weight 0 stable's quantities only."""
    if of.weight_bps == 0:
        return reference_vote(of, asked, said, slices)
    return split_vote(of, asked, read(asked, said, {}), slices)


def split(
    of: Exchange, said: Answer | Unreadable = HELLO, asked: Ask = ASKED, slices: tuple[str, ...] = ALL
) -> set[str]:
    """The cells of the split vote; each counts once."""
    vote = own_vote(of, said, asked, slices)
    assert vote is not None
    assert set(Counter(vote.cells).values()) == {1}
    return {cell for cell in vote.cells if not QUANTITIES & set(cell.split("/"))}


def paired(of: Exchange, stable: Heard, candidate: Heard, asked: Ask = ASKED) -> set[str]:
    """The cells of the paired vote."""
    vote = paired_vote(of, side(asked, stable, {}), side(asked, candidate, {}), ALL)
    return {cell for cell in vote.cells if cell.split("/")[1] not in ("completion", "cost")}


def test_a_good_answer_of_the_candidate() -> None:
    """Good events, bins of quantities, and one vote of its arm."""
    assert split(on_candidate()) == {
        "s/refusal/*/2/5000/candidate/0",
        "n/schema/*/2/split/candidate/not_applicable",
        f"s/length/*/2/5000/candidate/{LENGTH}",
        f"s/ttft/*/2/5000/candidate/{FIRST_BYTE}",
        "s/errors/*/2/5000/candidate/0",
        "k/2/split/candidate",
    }


def test_a_fallback_is_an_error_of_the_candidate_and_its_content_is_lost() -> None:
    """Stable's answer says nothing about the candidate; the judge takes the worst of what is lost."""
    asked = ask("Greet Ann.", wants_json=True)
    assert split(fallback(), says("{}"), asked) == {
        "s/refusal/*/2/5000/candidate/x",
        "s/schema/*/2/5000/candidate/x",
        "s/length/*/2/5000/candidate/x",
        "s/ttft/*/2/5000/candidate/x",
        "s/errors/*/2/5000/candidate/1",
        "k/2/split/candidate",
    }


def test_stables_own_failure_counts_against_stable() -> None:
    """Attribution is by the assigned arm."""
    failed = on_candidate(
        assigned=Arm.STABLE, answered=Arm.STABLE, outcome=Outcome.FAILED, status=503, first_byte_ms=0.0
    )
    cells = split(failed, Unreadable("failed"))
    assert {"s/errors/*/2/5000/stable/1", "s/refusal/*/2/5000/stable/x", "s/ttft/*/2/5000/stable/x"} < cells


def test_a_cancelled_request_votes_and_its_readings_are_missing() -> None:
    """The client left; how long it waited for the first byte is known."""
    cells = split(on_candidate(outcome=Outcome.CANCELLED, complete=False), Unreadable("cancelled"))
    assert cells == {
        "n/refusal/*/2/split/candidate/cancelled",
        "n/schema/*/2/split/candidate/not_applicable",
        "n/length/*/2/split/candidate/cancelled",
        f"s/ttft/*/2/5000/candidate/{FIRST_BYTE}",
        "n/errors/*/2/split/candidate/cancelled",
        "k/2/split/candidate",
    }


@pytest.mark.parametrize(("answered", "failure"), [(Arm.CANDIDATE, ""), (Arm.STABLE, "status_500"), (Arm.STABLE, "")])
def test_who_leaves_before_the_first_byte_is_no_evidence(answered: Arm, failure: str) -> None:
    """Whoever was to answer: anybody could roll a candidate back by hanging up."""
    left = on_candidate(
        outcome=Outcome.CANCELLED, complete=False, first_byte_ms=0.0, answered=answered, failure=failure
    )
    cells = split(left, Unreadable("cancelled"))
    assert not [cell for cell in cells if cell.startswith("s/")]
    assert {"n/errors/*/2/split/candidate/cancelled", "n/ttft/*/2/split/candidate/cancelled"} < cells


def test_an_answer_that_is_not_all_there_is_missing_not_lost() -> None:
    """Too long to hand over; the arm did nothing wrong."""
    cells = split(on_candidate(complete=False), Unreadable("incomplete"))
    assert {"n/refusal/*/2/split/candidate/incomplete", "s/errors/*/2/5000/candidate/0"} < cells


def test_an_answer_that_cannot_be_read_is_missing_with_its_reason() -> None:
    """The error rate does not move: the application got what it got."""
    assert "n/refusal/*/2/split/candidate/no_choices" in split(on_candidate(), Unreadable("no_choices"))


def test_at_weight_nought_only_stables_quantities_are_kept() -> None:
    """Under a mark of its own, so that the key has its split vote still; and no vote is counted."""
    of = exchange()
    assert split(of) == {f"s/length/*/0/0/stable/{LENGTH}", f"s/ttft/*/0/0/stable/{FIRST_BYTE}"}
    assert split_member(of) == f"r:{of.vote_key}"
    assert split_member(on_candidate()) == f"s:{of.vote_key}"


@pytest.mark.parametrize(
    "of",
    [
        on_candidate(pinned=True),
        on_candidate(outcome=Outcome.REJECTED),
        exchange(outcome=Outcome.FAILED),
        exchange(outcome=Outcome.CANCELLED),
    ],
)
def test_some_requests_have_no_split_vote(of: Exchange) -> None:
    """Pinned ones, bad ones, and at weight 0 those without an answer."""
    assert split_member(of) is None
    assert own_vote(of, HELLO, ASKED, ALL) is None


def test_every_slice_gets_every_observation_and_the_vote_is_counted_once() -> None:
    """A slice is a view of the same requests."""
    cells = split(on_candidate(), slices=("*", "key.tenant=shop"))
    assert len([cell for cell in cells if "key.tenant=shop" in cell]) == 5
    assert len([cell for cell in cells if cell.startswith("k/")]) == 1


def test_a_new_refusal_is_plus_one_and_a_lost_one_minus_one() -> None:
    """Candidate minus stable, on the lattice's ends."""
    assert "p/refusal/*/0/20" in paired(exchange(), heard(HELLO), heard(REFUSES))
    assert "p/refusal/*/0/-20" in paired(exchange(), heard(REFUSES), heard(HELLO))
    assert "p/refusal/*/0/0" in paired(exchange(), heard(REFUSES), heard(REFUSES))


def test_a_pair_also_counts_what_stable_did_itself() -> None:
    """From that and the difference follow both arms' rates; most pairs have nothing to count."""
    assert not [cell for cell in paired(exchange(), heard(HELLO), heard(REFUSES)) if cell.startswith("o/")]
    assert "o/refusal/*/0/20" in paired(exchange(), heard(REFUSES), heard(HELLO))
    assert "o/refusal/*/0/20" in paired(exchange(), heard(REFUSES), heard(REFUSES))
    assert "o/errors/*/0/20" in paired(exchange(), GONE, heard(HELLO))


def test_an_equal_pair_at_weight_nought() -> None:
    """Errors are paired there, since mirrors are all there is of the candidate."""
    assert paired(exchange(), heard(HELLO), heard(HELLO)) == {
        "p/refusal/*/0/0",
        "n/schema/*/0/paired/candidate/not_applicable",
        "p/length/*/0/0",
        "p/length.tail/*/0/0",
        "p/errors/*/0/0",
        "k/0/paired/stable",
        "k/0/paired.own/stable",
    }


def test_a_mirror_that_failed_is_an_error_and_the_content_is_missing() -> None:
    """At weight 0 and at 100 %, on whichever side."""
    cells = paired(exchange(), heard(HELLO), GONE)
    assert {"p/errors/*/0/20", "n/refusal/*/0/paired/candidate/refused"} < cells
    whole = on_candidate(weight_bps=WEIGHT_SCALE, stage=4)
    assert {"p/errors/*/4/-20", "n/refusal/*/4/paired/stable/refused"} < paired(whole, GONE, heard(HELLO))


def test_between_nought_and_everything_errors_are_not_paired() -> None:
    """Users are on both arms there: a mirror has other caches and deadlines than they."""
    cells = paired(on_candidate(), GONE, heard(HELLO))
    assert not any("errors" in cell for cell in cells)


def test_a_much_longer_answer_is_a_tail_event_besides() -> None:
    """Ten times longer is clipped in the mean."""
    cells = paired(exchange(), heard(says("a" * 100)), heard(says("a" * 1000)))
    assert {"p/length/*/0/20", "p/length.tail/*/0/20"} < cells


def test_a_broken_structure_counts_against_an_answer_that_needs_none() -> None:
    """Stable answered in text, the candidate called a tool that is not there."""
    asked = ask("x", tools=(("find", None),))
    assert "p/schema/*/0/20" in paired(exchange(), heard(HELLO), heard(says("", calls=(("lose", "{}"),))), asked)


def test_a_client_without_a_key_is_marked() -> None:
    """The judge wants their share."""
    assert "n/pairs/*/0/paired/stable/keyless" in paired(exchange(keyless=True), heard(HELLO), heard(HELLO))


def test_agreement_is_stables_with_itself_minus_the_candidates() -> None:
    """Stable says the same twice, the candidate something else: the whole of the scale."""
    vote = triple_vote(exchange(), ASKED, heard(says("Paris")), heard(says("Paris.")), heard(says("Rome 7")), ALL)
    assert vote.member == f"t:{exchange().vote_key}"
    sign = [int(cell.rsplit("/", 1)[1]) for cell in vote.cells if cell.startswith("p/agreement/*/0/")]
    assert sign[0] >= 12
    assert {"k/0/triple/stable", "k/0/triple.own/stable"} < set(vote.cells)
    assert not [cell for cell in vote.cells if cell.startswith("o/")], "stable agrees with itself"


def test_a_triple_is_noise_where_stable_disagrees_with_itself_as_much() -> None:
    """Three different answers show no drift."""
    said = [heard(says(text)) for text in ("Paris", "Rome", "Oslo")]
    assert "p/agreement/*/0/0" in triple_vote(exchange(), ASKED, said[0], said[1], said[2], ALL).cells


@pytest.mark.parametrize(
    ("sides", "cell"),
    [
        ((HELLO, HELLO, None), "n/agreement/*/0/paired/candidate/refused"),
        ((HELLO, None, HELLO), "n/agreement/*/0/paired/stable/refused"),
        ((None, HELLO, HELLO), "n/agreement/*/0/paired/stable/refused"),
    ],
)
def test_an_incomplete_triple_is_missing(sides: tuple[Answer | None, ...], cell: str) -> None:
    """On the side that it lacks."""
    one, two, three = (heard(said) if said else GONE for said in sides)
    assert cell in triple_vote(exchange(), ASKED, one, two, three, ALL).cells


ANSWERS = st.sampled_from([HELLO, REFUSES, says(""), says("", calls=(("a", "{}"),)), Unreadable("cut_off")])
WAYS: dict[str, Any] = {
    "outcome": st.sampled_from(Outcome),
    "assigned": st.sampled_from(Arm),
    "answered": st.sampled_from(Arm),
    "weight_bps": st.sampled_from([0, 1, 5_000, WEIGHT_SCALE]),
    "complete": st.booleans(),
    "keyless": st.booleans(),
    "first_byte_ms": st.sampled_from([0.0, 0.4, 1e9]),
    "failure": st.sampled_from(["", "timeout"]),
    "stage": st.integers(0, 9),
}


@given(of=st.builds(exchange, **WAYS), said=ANSWERS, other=ANSWERS, wants_json=st.booleans())
def test_whatever_happened_every_cell_can_be_read_and_every_signal_is_accounted_for(
    of: Exchange, said: Answer | Unreadable, other: Answer | Unreadable, wants_json: bool
) -> None:
    """Nothing is silently lost: a vote has one cell per signal, an observation or why there is none."""
    asked = ask(wants_json=wants_json)
    votes: list[tuple[Vote | None, set[str]]] = [
        (
            paired_vote(of, side(asked, heard(said)), side(asked, heard(other)), ALL),
            {"refusal", "schema", "length", "length.tail"},
        ),
    ]
    if of.weight_bps:
        split_signals = {"refusal", "schema", "length", "ttft", "errors"}
        votes.append((split_vote(of, asked, read(asked, said), ALL), split_signals))
    for vote, signals in votes:
        if vote is not None:
            assert all(parse(cell) is not None for cell in vote.cells)
            assert signals <= {cell.split("/")[1] for cell in vote.cells if cell[0] in "psn"}


def test_pace_and_tokens_are_bins_over_all_requests() -> None:
    """100 characters in half a second after the first byte are 5,000 µs each; at weight 0 they make stable's p95."""
    said = says("x" * 100, completion_tokens=30)
    pace, tokens = Event.bin_of(5_000.0), Event.bin_of(30.0)
    for of, place in ((on_candidate(), "2/5000/candidate"), (exchange(), "0/0/stable")):
        streamed = structs.replace(of, stream=True, first_byte_ms=100.0, duration_ms=600.0)
        vote = own_vote(streamed, said, ASKED, ("*", "tenant=t"))
        assert vote is not None
        found = {cell for cell in vote.cells if QUANTITIES & set(cell.split("/"))}
        assert found == {f"s/pace/*/{place}/{pace}", f"s/tokens/*/{place}/{tokens}"}


def test_what_has_no_pace_is_not_applicable() -> None:
    """Unary and very short answers come all at once."""
    for of, said in ((on_candidate(), says("x" * 100)), (on_candidate(stream=True), says("Hi"))):
        vote = split_vote(of, ASKED, read(ASKED, said, {}), ALL)
        assert vote is not None
        assert "n/pace/*/2/split/candidate/not_applicable" in vote.cells
        assert "n/tokens/*/2/split/candidate/not_applicable" in vote.cells


@pytest.mark.parametrize(
    ("tokens", "prompts", "cell"),
    [
        ((100, 200), (9, 9), "p/completion/*/0/9"),
        ((100, 100), (9, 9), "p/completion/*/0/0"),
        ((100, 200), (9, 8), "n/completion/*/0/paired/candidate/not_applicable"),
        ((100, 200), (None, None), "n/completion/*/0/paired/candidate/not_applicable"),
    ],
)
def test_tokens_are_compared_where_both_sides_count_in_one_tokenizer(
    tokens: tuple[int, int], prompts: tuple[int | None, int | None], cell: str
) -> None:
    """The same prompt took as many tokens on both sides: so a token is the same on both."""
    said = [
        replace(says("x"), completion_tokens=count, prompt_tokens=prompt)
        for count, prompt in zip(tokens, prompts, strict=True)
    ]
    stable, candidate = (side(ASKED, heard(each), {}) for each in said)
    found = [each for each in paired_vote(exchange(), stable, candidate, ALL).cells if "completion" in each]
    assert found == [cell] or (cell.endswith("/9") and found == ["p/completion/*/0/10"])


def test_cost_is_compared_at_each_models_own_price() -> None:
    """Twice the tokens at half the price cost the same."""
    prices = (Price(1.0, 2.0), Price(0.5, 1.0))
    said = (says("x", completion_tokens=50), says("x", completion_tokens=100))
    priced = [replace(each, prompt_tokens=tokens) for each, tokens in zip(said, (10, 20), strict=True)]
    stable, candidate = (side(ASKED, heard(each), {}, price) for each, price in zip(priced, prices, strict=True))
    assert "p/cost/*/0/0" in paired_vote(exchange(), stable, candidate, ALL).cells
    unpriced = side(ASKED, heard(priced[1]), {})
    assert "n/cost/*/0/paired/candidate/not_applicable" in paired_vote(exchange(), stable, unpriced, ALL).cells
