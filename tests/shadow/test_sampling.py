"""Which exchanges are mirrored: by hash, in both directions, and only what is harmless to ask again."""

import pytest

from routing.arms import Arm
from shadow.answer import Json
from shadow.exchange import Api, Outcome
from shadow.sampling import Choice, MirrorKind, choose, is_stateful
from tests.shadow.making import exchange, fallback, on_candidate

PLAIN: Json = {"model": "chat", "messages": []}


def chosen(sample: float = 1.0, noise_floor: float = 0.0, request: Json = PLAIN, **fields: object) -> Choice:
    """What happens to an exchange with these fields."""
    return choose(exchange(**fields), request, sample=sample, noise_floor=noise_floor)  # type: ignore[arg-type]  # fields of all types


def test_a_share_of_requests_is_mirrored_and_a_smaller_one_twice() -> None:
    """Independent hashes: 20 % and 2 % of all, whatever the key."""
    made = [choose(exchange(request_id=f"r{i}"), PLAIN, sample=0.2, noise_floor=0.02).kind for i in range(5_000)]
    assert 0.17 < made.count(MirrorKind.PAIR) / len(made) < 0.23
    assert 0.012 < made.count(MirrorKind.TRIPLE) / len(made) < 0.03
    assert set(made) == {MirrorKind.PAIR, MirrorKind.TRIPLE, MirrorKind.NONE}


def test_both_directions_are_mirrored() -> None:
    """What the candidate answered goes to stable."""
    assert choose(on_candidate(), PLAIN, sample=1.0, noise_floor=0.0) == Choice(MirrorKind.PAIR)
    assert chosen() == Choice(MirrorKind.PAIR)


def test_a_fallback_is_a_pair_that_needs_no_mirror() -> None:
    """The candidate failed, stable answered: nobody is asked again."""
    assert choose(fallback(), PLAIN, sample=1.0, noise_floor=1.0) == Choice(MirrorKind.KNOWN)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"pinned": True}, "pinned"),
        ({"outcome": Outcome.REJECTED}, "rejected"),
        ({"outcome": Outcome.FAILED, "weight_bps": 500}, "failed"),
        ({"outcome": Outcome.CANCELLED}, "cancelled"),
        ({"complete": False}, "incomplete"),
        ({"request": {"messages": [], "store": True}}, "stateful"),
    ],
)
def test_what_is_never_mirrored_says_why(fields: dict[str, object], reason: str) -> None:
    """So that nothing is lost silently."""
    assert chosen(**fields) == Choice(MirrorKind.NONE, reason)  # type: ignore[arg-type]  # fields of all types


@pytest.mark.parametrize("weight_bps", [0, 10_000])
def test_a_failure_is_mirrored_where_errors_are_compared_in_pairs(weight_bps: int) -> None:
    """Else a candidate that fails just where stable does would look worse than stable, or a broken stream unheard."""
    kind = chosen(outcome=Outcome.FAILED, complete=False, weight_bps=weight_bps)
    assert kind == Choice(MirrorKind.PAIR)


def test_vectors_are_asked_for_once_more_and_not_twice() -> None:
    """Nothing is read of them that a floor could be measured of."""
    assert chosen(api=Api.EMBEDDINGS, sample=0.0, noise_floor=1.0) == Choice(MirrorKind.PAIR)


def test_what_was_not_sampled_is_not_lost() -> None:
    """However bad it was."""
    assert chosen(sample=0.0, outcome=Outcome.FAILED).reason == "unsampled"


@pytest.mark.parametrize(
    ("api", "request_body"),
    [
        (Api.CHAT, None),
        (Api.CHAT, {"store": True}),
        (Api.CHAT, {"web_search_options": {}}),
        (Api.CHAT, {"tools": [{"type": "mcp"}]}),
        (Api.RESPONSES, {"input": "x"}),
        (Api.RESPONSES, {"store": True}),
        (Api.RESPONSES, {"store": False, "previous_response_id": "r"}),
        (Api.RESPONSES, {"store": False, "background": True}),
        (Api.RESPONSES, {"store": False, "tools": [{"type": "web_search"}]}),
        (Api.MESSAGES, {"messages": [], "mcp_servers": [{"url": "x"}]}),
        (Api.MESSAGES, {"tools": [{"type": "web_search_20250305", "name": "x"}]}),
    ],
)
def test_in_doubt_a_request_has_state(api: Api, request_body: Json) -> None:
    """A Responses request is stored unless it says otherwise; servers run some tools themselves."""
    assert is_stateful(api, request_body)


@pytest.mark.parametrize(
    ("api", "request_body"),
    [
        (Api.CHAT, {"messages": [], "tools": [{"type": "function"}]}),
        (Api.COMPLETIONS, {"prompt": "x"}),
        (Api.RESPONSES, {"store": False, "input": "x", "tools": [{"type": "function"}]}),
        (Api.MESSAGES, {"messages": [], "tools": [{"name": "x", "input_schema": {}}]}),
    ],
)
def test_what_is_provably_stateless_may_be_asked_again(api: Api, request_body: Json) -> None:
    """Tools that the application runs leave no trace with the model."""
    assert not is_stateful(api, request_body)


def test_the_arm_has_no_part_in_the_choice() -> None:
    """Else the sample would be one of the candidate's requests."""
    for i in range(200):
        pair = [
            choose(made(request_id=f"r{i}"), PLAIN, sample=0.3, noise_floor=0.1) for made in (exchange, on_candidate)
        ]
        assert pair[0] == pair[1]
    assert on_candidate().assigned is Arm.CANDIDATE
