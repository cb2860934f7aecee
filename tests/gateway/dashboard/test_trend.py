"""The series behind the charts: all of a rollout, in bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.dashboard.charts import charts
from gateway.dashboard.recording import look, trend_of
from gateway.dashboard.trend import Sample, Trend, followed, readings, row_of
from rollback.audit import entry_of
from rollback.evidence import judge
from rollback.verdict import TestKind
from tests.rollback.scenes import LENGTH, REFUSAL, differences, pairs, rollout

CELLS = pairs("refusal", worse=40, same=300, better=2) + differences("length", 0, {1: 300, -1: 20})


def sample(at: float, target: float = 0.0) -> Sample:
    """A moment without readings."""
    return Sample(at, target, 0.0, {})


@given(st.lists(st.floats(0.01, 500.0), max_size=400), st.integers(3, 20))
def test_a_trend_spans_the_rollout_in_bounded_memory(gaps: list[float], most: int) -> None:
    """Whatever the times between samples, the first and the last stay, in order, and never more than `most`."""
    trend, at, times = Trend("r", most=most), 0.0, [0.0]
    trend.add(sample(0.0))
    for gap in gaps:
        at += gap
        trend.add(sample(at))
        times.append(at)
    kept = [each.at for each in trend.samples]
    assert (kept[0], kept[-1]) == (times[0], times[-1])
    assert kept == sorted(kept)
    assert len(kept) <= most + 1


def test_a_widening_is_kept_however_soon_the_next_sample_comes() -> None:
    """The step in exposure stands where it was, not where the next sample of the grid is."""
    trend = Trend("r", step_seconds=60.0)
    for at, target in ((0.0, 0.0), (60.0, 0.0), (61.0, 0.01), (62.0, 0.01), (63.0, 0.01)):
        trend.add(sample(at, target))
    assert [(each.at, each.target) for each in trend.samples][-2:] == [(61.0, 0.01), (63.0, 0.01)]


def test_a_sample_that_is_not_newer_changes_nothing() -> None:
    """Two looks at one tick are one sample."""
    trend = Trend("r")
    trend.add(sample(5.0))
    trend.add(sample(5.0, 0.5))
    trend.add(sample(4.0, 0.5))
    assert trend.samples == [sample(5.0)]


def test_intervals_are_those_that_the_sentence_of_a_decision_has() -> None:
    """Every row that is followed has its estimate within its bounds."""
    running = rollout(REFUSAL, LENGTH)
    rows = followed(judge(running, CELLS))
    bounds = look(running, CELLS, rows, 0.0).bounds
    assert {row.signal for row in rows} == {"refusal", "length"}
    for row in rows:
        low, high = bounds.get(row_of(row), (None, None))
        if row.test is TestKind.POINTS:
            assert None not in (low, high, row.estimate)
            assert (low or 0.0) <= (row.estimate or 0.0) <= (high or 0.0)


def test_what_is_only_observed_is_followed_once_it_is_warm() -> None:
    """A chart of thirty flat lines shows nothing; one that moved belongs on it."""
    rows = judge(rollout(REFUSAL), CELLS + pairs("empty", worse=200, same=200))
    assert "empty" not in {row.signal for row in followed(rows) if row.burn < 0.5}


def test_the_audit_stands_in_for_what_nobody_recorded() -> None:
    """One sample for each entry, with its weight; an operator's entry has no readings."""
    running = rollout(REFUSAL)
    began = entry_of(None, running, at=10.0, actor="ci", action="start")
    held = entry_of(running, running, at=20.0, actor="driftgate", action="widen", signals=judge(running, CELLS))
    trend = trend_of(running.id, [began, held])
    assert [each.at for each in trend.samples] == [10.0, 20.0]
    assert not trend.samples[0].readings
    assert {row[0] for row in trend.latest} == {"refusal"}


def test_charts_get_what_came_after_and_the_whole_when_it_was_thinned() -> None:
    """A page asks for what is new; once every second sample is gone it gets all that is left."""
    running = rollout(REFUSAL)
    rows = judge(running, CELLS)
    trend = Trend(running.id)
    for at in range(10):
        trend.add(Sample(float(at), 0.0, 0.0, readings(rows, look(running, CELLS, rows, float(at)).bounds)), rows)
    whole = charts(trend, ())
    assert (whole["whole"], len(whole["at"])) == (True, 10)
    later = charts(trend, (), after=7.0, step=trend.step_seconds)
    assert (later["whole"], later["at"]) == (False, [8.0, 9.0])
    assert all(len(test["estimate"]) == 2 for test in later["tests"])
    assert charts(trend, (), after=7.0, step=0.5)["whole"] is True


def test_numbers_go_out_in_the_unit_that_they_are_shown_in() -> None:
    """Points for a rate, percent for a length: the script knows nothing of units."""
    running = rollout(REFUSAL, LENGTH)
    rows = judge(running, CELLS)
    trend = Trend(running.id)
    trend.add(Sample(1.0, 0.01, None, readings(rows, {})), rows)
    sent = charts(trend, ())
    upper = {test["signal"]: test for test in sent["tests"] if test["key"].endswith("points/upper")}
    assert (upper["refusal"]["unit"], upper["refusal"]["limit"]) == ("pp", 2.0)
    assert (upper["length"]["unit"], upper["length"]["limit"]) == ("%", 15.0)
    assert (sent["target"], sent["actual"], upper["refusal"]["low"]) == ([1.0], [None], [None])
