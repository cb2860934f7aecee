"""Windows of time: even at first, then a fixed part of the age, and never going back."""

from hypothesis import given
from hypothesis import strategies as st

from shadow.windows import FIRST_SECONDS, UNKNOWN, window_of

START = 1_000_000.0


@given(st.floats(0.0, 1e7), st.floats(0.0, 1e7))
def test_a_later_request_is_in_no_earlier_window(one: float, other: float) -> None:
    """The id only rises with the time of assignment."""
    first, second = sorted((one, other))
    assert window_of(START + first, START) <= window_of(START + second, START)


def test_the_first_windows_are_even_and_later_ones_are_a_part_of_the_age() -> None:
    """Their number grows with the logarithm of time."""
    assert [window_of(START + n * FIRST_SECONDS, START) for n in range(150)] == list(range(150))
    hours = {3: 308, 24: 620, 24 * 30: 1_130}
    assert {hour: window_of(START + 3600 * hour, START) for hour in hours} == hours


def test_a_clock_that_is_behind_means_the_first_window() -> None:
    """A worker's clock may differ from Redis's."""
    assert window_of(START - 5.0, START) == 0


def test_a_grant_without_a_beginning_means_no_window() -> None:
    """An older controller wrote it."""
    assert window_of(START, 0.0) == UNKNOWN
