"""What people are told of weights, times and sums."""

import pytest

from routing import wording


@pytest.mark.parametrize(
    ("weight_bps", "include", "says"),
    [
        (1_000, [], "10 %"),
        (25, [], "0.25 %"),
        (1, [], "0.01 %"),
        (0, [], "0 %"),
        (0, ["ring:beta"], "ring:beta"),
        (1_050, ["ring:beta"], "10.5 % and ring:beta"),
    ],
)
def test_who_is_exposed_is_said_exactly(weight_bps: int, include: list[str], says: str) -> None:
    """No weight is rounded to another one, and a ring alone is not nobody."""
    assert wording.whom(weight_bps, include) == says


@pytest.mark.parametrize(
    ("seconds", "says"), [(42.0, "42 s"), (900.0, "15 min"), (9_000.0, "2.5 h"), (270_000.0, "3.1 days")]
)
def test_durations_are_said_as_people_say_them(seconds: float, says: str) -> None:
    """One unit, few digits."""
    assert wording.duration(seconds) == says


@pytest.mark.parametrize(("value", "says"), [(0.123, "0.12"), (7.26, "7.3"), (1_234.0, "1,200"), (-1_234.0, "−1,200")])
def test_money_is_said_with_two_digits(value: float, says: str) -> None:
    """No forecast is better than that."""
    assert wording.money(value) == says
