"""The change between two models, and an interval that knows of sampling and of the detector's errors."""

import pytest

from shadow.signals.refusal_change import Change, Counted, Errs, change

SURE = Errs(0.0, 0.0)


def of(counted: Counted, errs: Errs | None = None) -> Change:
    """The change of counts that are not empty."""
    found = change(counted, errs) if errs else change(counted)
    assert found is not None
    return found


def test_the_estimate_is_the_difference_of_the_rates() -> None:
    """What was gained less what was lost."""
    assert of(Counted(800, 62, 6)).estimate == pytest.approx(0.07)


def test_without_a_pair_there_is_no_change() -> None:
    """None, not zero."""
    assert change(Counted(0, 0, 0)) is None


def test_both_directions_are_alike() -> None:
    """A candidate that refuses less is the mirror of one that refuses more."""
    more, less = of(Counted(500, 40, 10)), of(Counted(500, 10, 40))
    assert (less.low, less.estimate, less.high) == (-more.high, -more.estimate, -more.low)


def test_a_detector_that_errs_widens_the_interval() -> None:
    """More so where more pairs differ, and not with more of the same evidence."""
    exact, erring = of(Counted(1_000, 200, 20), SURE), of(Counted(1_000, 200, 20))
    assert erring.high - erring.low > exact.high - exact.low
    many = of(Counted(1_000_000, 200_000, 20_000))
    assert many.high - many.low > 0.1


def test_no_differing_pair_is_no_proof_of_no_change() -> None:
    """The interval keeps a width."""
    found = of(Counted(50, 0, 0))
    assert found.low < 0.0 < found.high
    assert found.holds(0.0)
