"""Which pairs are kept for review, and what is kept of them."""

from dataclasses import replace

import pytest
from msgspec import structs

from shadow.answer import Answer, ToolCall
from shadow.reading import Measured, Unmeasured
from shadow.review import MAX_CHARACTERS, KeptAnswer, KeptPair, Label, Review, kept_pair, label_prefix, labels_in
from tests.shadow.making import exchange, says

ALL = Review(share=1.0, keep_seconds=60.0, most=10)
PARIS = (says("Paris."), Measured(0.0, "answer"))
REFUSES = (says("I can't help with that."), Measured(1.0, "unwilling"))


def kept(review: Review = ALL, user: str = "u", prompt: str = "Where?", **fields: object) -> KeptPair | None:
    """The pair of stable's answer and a candidate's refusal."""
    of = structs.replace(exchange(user), **fields)
    return kept_pair(review, of, prompt, PARIS, REFUSES)


def test_a_kept_pair_says_what_was_said_and_read() -> None:
    """And nothing of who asked."""
    pair = kept()
    assert pair is not None
    assert (pair.prompt, pair.stable) == ("Where?", KeptAnswer("Paris.", "answer", refused=False))
    assert (pair.candidate.kind, pair.difference) == ("unwilling", 1)
    assert exchange("u").vote_key not in repr(pair)


def test_the_draw_is_a_share_of_the_requests_and_does_not_look_at_what_was_said() -> None:
    """The same requests, whatever the answers."""
    some = replace(ALL, share=0.3)
    drawn = [kept(some, f"user-{i}", request_id=f"r-{i}") is not None for i in range(500)]
    assert 100 < sum(drawn) < 200
    for i, was in enumerate(drawn[:50]):
        of = exchange(f"user-{i}", request_id=f"r-{i}")
        assert (kept_pair(some, of, "", REFUSES, PARIS) is not None) is was


def test_what_has_no_label_is_kept_only_where_none_is_asked_for() -> None:
    """Classes of data fail closed on either side."""
    assert kept(data_class="medical") is None
    assert kept(replace(ALL, accepts=("public",)), data_class="medical") is None
    assert kept(replace(ALL, accepts=("public",)), data_class="public") is not None
    assert kept(replace(ALL, accepts=("public",))) is None


def test_a_pair_that_was_not_read_is_not_kept() -> None:
    """There is nothing that a label could correct."""
    assert kept_pair(ALL, exchange(), "", PARIS, (says("x"), Unmeasured("malformed"))) is None


def test_texts_are_redacted_and_then_cut() -> None:
    """A number that the cut would halve is gone as a whole."""
    pair = kept(prompt="a" * (MAX_CHARACTERS - 4) + " 0301234567 and more")
    assert pair is not None
    assert pair.prompt == "a" * (MAX_CHARACTERS - 4) + " [nu" + " […]"


def test_calls_are_part_of_what_was_said() -> None:
    """An answer without text has still done something."""
    called: Answer = replace(says(""), tool_calls=(ToolCall("find", '{"q": "Paris"}'),))
    pair = kept_pair(ALL, exchange(), "", (called, Measured(0.0, "answer")), REFUSES)
    assert pair is not None
    assert pair.stable.text == '\n→ find({"q": "Paris"})'


def test_the_order_that_is_shown_is_a_coin() -> None:
    """Neither arm is always first."""
    pairs = [kept(user=f"user-{i}", request_id=f"r-{i}") for i in range(200)]
    assert 60 < sum(pair.candidate_first for pair in pairs if pair is not None) < 140


@pytest.mark.parametrize(
    ("label", "difference"), [("neither", 0), ("stable", -1), ("candidate", 1), ("both", 0), ("unsure", None)]
)
def test_a_label_is_a_difference(label: str, difference: int | None) -> None:
    """Candidate − stable, like what was read."""
    assert Label(label).difference == difference


def test_labels_are_read_back_from_counts() -> None:
    """Of one epoch; what is nothing of ours, and what was taken back, is left out."""
    counts = {label_prefix(2, -1) + "both": 3, label_prefix(2, 0) + "neither": 0, label_prefix(1, 0) + "both": 9}
    assert list(labels_in({**counts, "shadowed": 7}, 2)) == [(-1, Label.BOTH, 3)]
