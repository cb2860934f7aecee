"""What is taken out of a text before it is kept, and what is left in it."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.redaction import Redact, redacted


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Write to jo.doe+x@mail.example.org today.", "Write to [email] today."),
        ("See https://example.org/a?token=1 now", "See [url] now"),
        ("Call +49 (30) 123 45 67, please.", "Call [number], please."),
        ("IBAN DE89 3704 0044 0532 0130 00 is mine", "IBAN [number] is mine"),
        ("card 4111-1111-1111-1111", "card [number]"),
        ("the host 192.168.10.20 is down", "the host [number] is down"),
        ("use sk-proj-4f8a9b2c7d1e6f3a5b0c for it", "use [secret] for it"),
        ("In 1931, 250 people came; 3.14 is no number of anybody.", None),
        ("A well-established, state-of-the-art counter-revolutionary thought.", None),
        ("Ich fahre um 8 Uhr, 山は青い。", None),
    ],
)
def test_what_points_to_somebody_is_replaced_by_its_kind(text: str, clean: str | None) -> None:
    """And ordinary text is left alone."""
    assert redacted(text) == (text if clean is None else clean)


def test_only_what_was_asked_for_is_taken_out() -> None:
    """An operator who needs the numbers keeps them."""
    text = "a@b.example, 0123456789"
    assert redacted(text, [Redact.EMAIL]) == "[email], 0123456789"
    assert redacted(text, []) == text


@given(st.text(alphabet="a1 -.@/:(+", max_size=400))
def test_nothing_of_a_kind_is_left_after_it_was_taken_out(text: str) -> None:
    """Taking out twice changes nothing."""
    once = redacted(text)
    assert redacted(once) == once


@pytest.mark.parametrize("piece", ["1", "a", "a1", "1 ", "@", "a.", "a@", "(1", "-", "https://", "AA1"])
def test_no_text_takes_long(piece: str) -> None:
    """Clients choose what is in it."""
    began = process_time()
    redacted(piece * (12_000 // len(piece)))
    assert process_time() - began < 1.0
