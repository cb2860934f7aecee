"""Names of slices, and their bound."""

from shadow.slices import MAX_VALUES, SliceNames
from tests.shadow.making import exchange


def test_all_requests_come_first_and_values_are_percent_encoded() -> None:
    """A cell's name is split at slashes."""
    of = exchange(slices=(("key.tenant", "a/b=c"), ("header:x-route", "é")))
    assert SliceNames().of(of) == ("*", "key.tenant=a%2Fb%3Dc", "header%3Ax-route=%C3%A9")


def test_a_dimension_holds_a_bounded_number_of_values() -> None:
    """Later ones are `other`, and those that were there stay."""
    names = SliceNames()
    made = [names.of(exchange(slices=(("tenant", f"t{i}"),)))[1] for i in range(MAX_VALUES + 2)]
    assert made[-2:] == ["tenant=other", "tenant=other"]
    assert names.of(exchange(slices=(("tenant", "t3"),)))[1] == "tenant=t3"


def test_a_very_long_value_is_other() -> None:
    """Nobody reads it, and it would be stored many times."""
    assert SliceNames().of(exchange(slices=(("tenant", "x" * 65),)))[1] == "tenant=other"
