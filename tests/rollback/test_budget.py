"""Budgets become tests, and all that may roll back share one alpha."""

from collections.abc import Callable
from dataclasses import replace
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollback.budget import LENGTH_CLIP, Test, expand, no_harm_alpha
from rollback.plan import Budget, BudgetClass, Stage
from rollback.verdict import Side, Source, TestKind
from tests.rollback.scenes import AGREEMENT, ERRORS, LENGTH, REFUSAL, SCHEMA, STAGES, TTFT, plan

ALL = (replace(REFUSAL, max_decrease=0.05, max_ratio=2.5), SCHEMA, LENGTH, AGREEMENT, ERRORS, TTFT)


def described(budget: Budget) -> set[tuple[Source, TestKind, Side, float]]:
    """What a budget asks for."""
    return {(test.source, test.kind, test.side, test.limit) for test in expand(plan(budget), 1)}


def test_a_rate_is_tested_on_pairs_and_on_users_on_each_side_that_has_a_limit() -> None:
    """Points both ways from both sources, the ratio from users alone."""
    assert described(ALL[0]) == {
        (Source.PAIRED, TestKind.POINTS, Side.UPPER, 0.02),
        (Source.SPLIT, TestKind.POINTS, Side.UPPER, 0.02),
        (Source.PAIRED, TestKind.POINTS, Side.LOWER, -0.05),
        (Source.SPLIT, TestKind.POINTS, Side.LOWER, -0.05),
        (Source.SPLIT, TestKind.RATIO, Side.UPPER, 2.5),
    }


def test_length_within_x_means_between_one_minus_x_and_one_plus_x() -> None:
    """The limits of the mean log ratio, in its clipped unit, stand for 15 % more and 15 % less."""
    means = [test for test in expand(plan(LENGTH), 1) if test.kind is TestKind.POINTS]
    assert [round(exp(test.limit * LENGTH_CLIP), 6) for test in means] == [1.15, 0.85]
    assert {test.source for test in means} == {Source.PAIRED}


@pytest.mark.parametrize("signal", ["cost", "completion"])
def test_other_log_ratios_are_judged_on_pairs_and_have_no_tail(signal: str) -> None:
    """20 % dearer and 20 % cheaper; decided by the same requests on both arms alone."""
    tests = expand(plan(Budget(signal, within=0.2)), 1)
    assert [round(exp(test.limit * test.scale), 6) for test in tests] == [1.2, 0.8]
    assert {(test.source, test.kind, test.cell_signal) for test in tests} == {(Source.PAIRED, TestKind.POINTS, signal)}


def test_the_tail_decides_on_pairs_and_only_looks_for_harm_among_users() -> None:
    """A quarter of `within` for pairs; ten points beyond stable's own p95 or p5 for users."""
    tails = [test for test in expand(plan(LENGTH), 1) if test.kind is TestKind.TAIL]
    assert {(test.source, test.limit, test.decides_widening, test.reference) for test in tails} == {
        (Source.PAIRED, 0.0375, True, ""),
        (Source.PAIRED, -0.0375, True, ""),
        (Source.SPLIT, 0.1, False, "length.p95"),
        (Source.SPLIT, -0.1, False, "length.p5"),
    }


def test_an_expected_change_takes_the_place_of_the_limits() -> None:
    """Shorter by 10 to 30 % is wanted: no change at all is drift, and short tails are part of the wish."""
    made = expand(plan(Budget("length", expected=(-0.3, -0.1))), 1)
    limits = {(test.side, round(exp(test.limit * LENGTH_CLIP), 6)) for test in made if test.kind is TestKind.POINTS}
    assert limits == {(Side.UPPER, 0.9), (Side.LOWER, 0.7)}
    assert {test.side for test in made if test.kind is TestKind.TAIL} == {Side.UPPER}


def test_an_expected_rise_of_a_rate_moves_both_its_limits_and_drops_the_ratio() -> None:
    """One to six points more refusals are wanted; a ratio would forbid them."""
    assert described(replace(ALL[0], expected=(0.01, 0.06))) == {
        (Source.PAIRED, TestKind.POINTS, Side.UPPER, 0.06),
        (Source.SPLIT, TestKind.POINTS, Side.UPPER, 0.06),
        (Source.PAIRED, TestKind.POINTS, Side.LOWER, 0.01),
        (Source.SPLIT, TestKind.POINTS, Side.LOWER, 0.01),
    }


def test_a_margin_widens_limits_away_from_what_is_expected() -> None:
    """Three times an interval of 1 to 6 points around 3.5 is −4 to 11, and never reaches the whole range."""
    upper = next(test for test in expand(plan(replace(REFUSAL, expected=(0.01, 0.06))), 1) if test.side is Side.UPPER)
    assert upper.limit_at(3.0) == pytest.approx(0.11)
    assert upper.limit_at(1000.0) < 1.0


def test_agreement_has_no_users_to_split_and_first_bytes_no_pairs() -> None:
    """Each signal is tested only from the sources that it has."""
    assert {test.source for test in expand(plan(AGREEMENT), 1)} == {Source.PAIRED}
    assert {(test.source, test.reference) for test in expand(plan(TTFT), 1)} == {(Source.SPLIT, "ttft.p95")}


@pytest.mark.parametrize(
    ("weight_bps", "sources"),
    [(0, {"paired"}), (100, {"split", "ceiling"}), (5000, {"split", "ceiling"}), (10_000, {"paired", "ceiling"})],
)
def test_errors_are_judged_on_mirrors_only_where_mirrors_are_all_there_is(weight_bps: int, sources: set[str]) -> None:
    """A mirror has other caches and deadlines than a user's request."""
    made = [test for test in expand(plan(ERRORS), 1) if test.occurs_at(weight_bps)]
    assert {"ceiling" if test.kind is TestKind.CEILING else test.source.value for test in made} == sources


def test_tests_that_no_stage_can_feed_take_no_alpha() -> None:
    """A plan that only shadows spends all of a budget on pairs."""
    (only,) = expand(plan(REFUSAL, stages=(Stage(0),)), 1)
    assert only.source is Source.PAIRED
    assert only.alpha + only.late_alpha == pytest.approx(0.05 / 2)


def test_a_late_onset_is_searched_where_harm_rolls_back_and_windows_hold_the_events() -> None:
    """Budgets that only hold keep all of their level; bins are not counted by window."""
    made = expand(plan(REFUSAL, LENGTH, TTFT), 1)
    searched = {(test.signal, test.source) for test in made if test.late_alpha}
    assert searched == {("refusal", Source.PAIRED), ("refusal", Source.SPLIT), ("length", Source.PAIRED)}


@given(
    st.lists(st.sampled_from(ALL), min_size=1, unique=True),
    st.sampled_from([STAGES, STAGES[:1], STAGES[1:3], STAGES[-1:]]),
    st.floats(0.001, 0.2),
)
def test_all_that_may_roll_back_share_one_alpha_over_all_epochs(
    budgets: list[Budget], stages: tuple[Stage, ...], alpha: float
) -> None:
    """The sum over guardrail tests and 200 epochs stays within the plan's alpha."""
    made = plan(*budgets, stages=stages, alpha=alpha)
    spent = sum(
        test.alpha + test.late_alpha
        for epoch_index in range(1, 201)
        for test in expand(made, epoch_index)
        if test.budget_class is BudgetClass.GUARDRAIL
    )
    assert spent <= alpha * (1.0 + 1e-9)


def points(signal: str, source: Source) -> Callable[[Test], bool]:
    """Whether a test is this signal's upper points from this source."""
    return lambda test: (
        (test.signal, test.source, test.kind, test.side)
        == (
            signal,
            source,
            TestKind.POINTS,
            Side.UPPER,
        )
    )


@pytest.mark.parametrize(
    ("weight_bps", "levels"), [(0, (0.05, None)), (1000, (0.0375, 0.0125)), (10_000, (0.05, None))]
)
def test_two_sources_that_may_both_show_no_harm_share_the_level(
    weight_bps: int, levels: tuple[float, float | None]
) -> None:
    """Where only one can, it has all of it."""
    made = expand(plan(REFUSAL), 1)
    for source, level in zip((Source.PAIRED, Source.SPLIT), levels, strict=True):
        test = next(filter(points("refusal", source), made))
        if level is not None:
            assert no_harm_alpha(test, made, 0.05, weight_bps) == pytest.approx(level)


def test_users_alone_show_that_errors_do_no_harm() -> None:
    """Between 0 and 100 % errors have one source, and it has all of alpha."""
    made = expand(plan(ERRORS), 1)
    test = next(filter(points("errors", Source.SPLIT), made))
    assert no_harm_alpha(test, made, 0.05, 100) == 0.05
