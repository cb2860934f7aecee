"""Distributions and one-line drawings: what the pages show of counters."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from gateway.dashboard import words
from gateway.dashboard.glyphs import WIDTH, glyph
from gateway.dashboard.shapes import shapes
from rollback.evidence import judge
from rollback.plan import Stage
from rollback.rollout import Holding, Phase
from rollback.verdict import SignalReport, Verdict
from shadow.cells import Event
from tests.rollback.scenes import ERRORS, REFUSAL, pairs, rollout


def lengths(arm: str, **counts: int) -> dict[str, int]:
    """Counters of answers of an arm, by their number of characters (`of_100=3`)."""
    return {
        f"s/length/*/1/500/{arm}/{Event.bin_of(float(name.removeprefix('of_')))}": count
        for name, count in counts.items()
    }


def test_a_distribution_has_both_arms_on_one_scale() -> None:
    """Shares of each arm sum to one, over the same edges, whatever was seen of the other."""
    cells = lengths("stable", of_100=30, of_400=10) | lengths("candidate", of_100=1, of_900=1)
    (shape,) = shapes(cells)
    assert len(shape.edges) == len(shape.stable) + 1 == len(shape.candidate) + 1
    assert sum(shape.stable) == pytest.approx(1.0)
    assert sum(shape.candidate) == pytest.approx(1.0)
    assert (shape.stable_n, shape.candidate_n, shape.unit) == (40, 2, "characters")
    assert shape.stable_median == pytest.approx(100.0, rel=0.05)
    assert shape.edges[0] <= 100.0
    assert shape.edges[-1] >= 900.0


def test_what_is_no_quantity_makes_no_distribution() -> None:
    """Good and bad events, slices and other cells are left out."""
    cells = {"s/length/*/1/500/stable/1": 3, "s/length/tenant=a/1/500/stable/b90": 3, "p/length/*/0/4": 9}
    assert shapes(cells) == ()


def test_an_arm_without_answers_has_no_median() -> None:
    """At weight 0 the candidate has answered nobody."""
    (shape,) = shapes(lengths("stable", of_100=5))
    assert (shape.candidate_n, shape.candidate_median, sum(shape.candidate)) == (0, None, 0.0)


def test_a_ring_is_not_nobody() -> None:
    """What a stage of weight 0 exposes is the ring that it includes."""
    ring = Stage(0, include=("ring:beta",))
    assert [words.exposed(stage) for stage in (Stage(0), ring, replace(ring, weight_bps=1000))] == [
        "0 %", "ring:beta", "10 % and ring:beta",
    ]  # fmt: skip


def row(cells: Mapping[str, int]) -> SignalReport:
    """The row of more refusals."""
    return judge(rollout(REFUSAL), cells)[0]


def test_a_drift_stands_between_zero_and_its_limit_as_it_is() -> None:
    """No drift is at zero, the limit where it always is, and what is beyond the drawing is cut at its edge."""
    calm, wild = row(pairs("refusal", same=100)), row(pairs("refusal", worse=90, same=10))
    drawn = glyph(calm, (-0.01, 0.5))
    assert drawn is not None
    assert drawn.point == drawn.zero < drawn.limits[0] < WIDTH
    assert (drawn.cut_left, drawn.cut_right, drawn.high) == (False, True, WIDTH)
    beyond = glyph(wild, (0.8, 0.95))
    assert beyond is not None
    assert (beyond.point, beyond.limits) == (WIDTH, drawn.limits)


def test_nothing_is_drawn_before_the_first_vote() -> None:
    """A point at zero would look like a measurement."""
    assert glyph(row({}), None) is None


def test_a_ceilings_scale_begins_at_nothing() -> None:
    """A rate has no negative side."""
    rows = judge(rollout(ERRORS, stage=1), {"s/errors/*/1/100/candidate/0": 50, "s/errors/*/1/100/candidate/1": 5})
    ceiling = next(each for each in rows if each.test.value == "ceiling")
    drawn = glyph(ceiling, None)
    assert drawn is not None
    assert drawn.zero == 0.0


def test_every_phase_verdict_and_hold_has_its_words() -> None:
    """A new one cannot be forgotten: it would have no words to be shown with."""
    assert {words.phase(phase)[1] for phase in Phase}
    assert len({words.verdict(verdict) for verdict in Verdict}) == len(Verdict)
    assert all(words.holding(holding) for holding in Holding)


@pytest.mark.parametrize(
    ("share", "text"), [(None, "–"), (0.0, "0 %"), (0.0001, "< 0.1 %"), (0.021, "2.1 %"), (0.5, "50 %"), (1.0, "100 %")]
)
def test_shares_are_read_as_percent(share: float | None, text: str) -> None:
    """Whole numbers without decimals; the smallest is not shown as nothing."""
    assert words.percent(share) == text
