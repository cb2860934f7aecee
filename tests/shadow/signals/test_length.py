"""How much was said, and the difference between two answers."""

from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.reading import Measured, NotApplicable
from shadow.signals.length import difference, read, tail
from tests.shadow.making import ask, says

lengths = st.floats(0, 1e7)


def test_length_is_characters_of_all_that_was_said() -> None:
    """The provider's refusal is said too; nothing is a length of nought."""
    assert read(ask(), says("déjà")) == Measured(4.0)
    assert read(ask(), says("", refusal="No.")) == Measured(3.0)
    assert read(ask(), says("")) == Measured(0.0)


def test_an_answer_of_tool_calls_has_no_length() -> None:
    """Unless it talks as well."""
    assert read(ask(), says("", calls=(("find", "{}"),))) == NotApplicable()
    assert read(ask(), says("So:", calls=(("find", "{}"),))) == Measured(3.0)


def test_fifteen_percent_longer_is_the_logarithm_that_budgets_are_held_against() -> None:
    """ln(1.15)/1.5."""
    assert difference(1000.0, 1150.0) == pytest.approx(log(1.15) / 1.5)


@given(stable=lengths, candidate=lengths)
def test_the_difference_turns_round_with_the_arms(stable: float, candidate: float) -> None:
    """And stays within [−1, 1], for empty answers too."""
    assert difference(stable, candidate) == pytest.approx(-difference(candidate, stable))
    assert -1.0 <= difference(stable, candidate) <= 1.0
    assert tail(stable, candidate) == -tail(candidate, stable) or 1 / 3 < (candidate or 1) / (stable or 1) < 3


@pytest.mark.parametrize(("ratio", "expected"), [(3.01, 1.0), (2.9, 0.0), (1.0, 0.0), (0.34, 0.0), (0.33, -1.0)])
def test_three_times_longer_or_shorter_is_a_tail_event(ratio: float, expected: float) -> None:
    """What clipping hides from the mean."""
    assert tail(1000.0, 1000.0 * ratio) == expected


def test_clipping_begins_at_a_factor_of_four_and_a_half() -> None:
    """exp(1.5)."""
    assert difference(100.0, 100.0 * exp(1.5)) == pytest.approx(1.0)
    assert difference(100.0, 100_000.0) == 1.0
