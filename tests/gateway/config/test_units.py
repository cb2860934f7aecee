from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import units
from gateway.config.errors import Unusable


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (units.percent, "20%", 0.2),
        (units.percent, "7 %", 0.07),
        (units.points, "2pp", 0.02),
        (units.points, "0.5pp", 0.005),
        (units.ratio, "3x", 3.0),
        (units.ratio, "2.5", 2.5),
        (units.duration, "5m", 300.0),
        (units.duration, "1h30m", 5400.0),
        (units.duration, "250ms", 0.25),
        (units.duration, "2d", 172_800.0),
        (units.count, "200k", 200_000),
        (units.count, "1.5M", 1_500_000),
        (units.size, "10MiB", 10 << 20),
        (units.size, "64KB", 64_000),
        (units.weight, "0.25%", 25),
        (units.weight, "100%", 10_000),
    ],
)
def test_a_number_means_what_its_unit_says(parse: Callable[[str], float], text: str, value: float) -> None:
    """Each unit is read as people mean it."""
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (units.percent, "20"),
        (units.percent, "20pp"),
        (units.percent, "20%\n"),
        (units.points, "2%"),
        (units.ratio, "-3x"),
        (units.duration, "5"),
        (units.duration, "5 minutes"),
        (units.count, "0.5"),
        (units.size, "10M"),
        (units.weight, "0.001%"),
        (units.span_text, "+1pp"),
        (units.span_text, "+1pp..6%"),
        (units.span_text, "6pp..1pp"),
        (units.expectation, "+1pp..+6pp"),
    ],
)
def test_a_number_in_another_unit_is_refused_with_an_example(parse: Callable[[str], object], text: str) -> None:
    """Nothing is guessed, and every refusal says what to write."""
    with pytest.raises(Unusable) as refused:
        parse(text)
    assert refused.value.fix


@given(st.integers(min_value=0, max_value=10_000))
def test_every_weight_in_basis_points_can_be_written(bps: int) -> None:
    """Per cent with two decimals reach every weight exactly."""
    assert units.weight(f"{bps // 100}.{bps % 100:02d}%") == bps


def test_an_expectation_names_its_signal_and_both_ends() -> None:
    """`--expect` is read with its unit."""
    assert units.expectation("refusal=+1pp..+6pp") == ("refusal", units.Span(0.01, 0.06, relative=False))
    assert units.expectation("length=-30%..-10%") == ("length", units.Span(-0.3, -0.1, relative=True))
