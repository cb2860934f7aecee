"""The benchmark of the judge, in its quick form: it must judge the product, and its claims must hold."""

import re
from math import log

import numpy as np
import pytest

from loadtest.evidence import combining, contest, figures, others, page, scenes
from loadtest.evidence.__main__ import QUICK, run
from loadtest.evidence.page import Results
from loadtest.evidence.streams import claim, crossings, highest
from loadtest.evidence.tilted import NoMartingaleError, at_most


@pytest.fixture(scope="module")
def results() -> Results:
    """Everything, from few runs."""
    return run(QUICK)


@pytest.mark.timeout(300)
def test_no_promise_of_the_mathematics_is_contradicted(results: Results) -> None:
    """False rollbacks and false passes stay at alpha or within the error of the runs, in every scene."""
    assert results.broken() == []


def test_counting_every_request_of_a_session_would_break_the_promise(results: Results) -> None:
    """The benchmark can see a broken guarantee: this is the one that one vote for each key prevents."""
    assert all(row.kept == "NO" for row in results.by_request)


def test_votes_stay_near_the_information_bound(results: Results) -> None:
    """Within half of it above, with few runs; the page has the bars and what is missed."""
    assert {
        row.name: row.ratio for row in (*results.paired, *results.split, *results.harmless) if row.ratio > 1.75
    } == {}


def test_a_late_onset_is_not_slowed_down_by_a_long_good_history(results: Results) -> None:
    """After 30,000 good votes it takes the search about two or three times as long; plain evidence far more."""
    late = [row for row in results.late if row.after == 30_000]
    assert all(row.ratio < 3.5 for row in late if row.decides)
    assert all(row.ratio > 5.0 for row in late if not row.decides)


def test_driftgate_alone_is_seldom_wrong_and_sees_every_weight(results: Results) -> None:
    """Without drift it rolls back at most 2 % of rollouts, where fixed ranges roll back most of them."""
    without = {
        method: max(row.rate for row in rows if row.name.endswith("no drift"))
        for method, rows in results.documented.items()
    }
    assert without["driftgate"] <= 0.02
    assert min(without[name] for name in without if name.startswith(("Flagger", "Argo"))) > 0.5


def test_far_fewer_users_are_exposed_than_by_checks_of_intervals(results: Results) -> None:
    """At 5 and 10 × the limit in every traffic, with both tuned to the same false rollbacks."""
    for row in results.exposures:
        if row.times >= 5:
            assert row.exposed["driftgate"] < row.exposed["failed checks"]
            assert row.exposed["driftgate"] < row.exposed["Mann–Whitney"]


def test_the_page_has_every_table_and_no_empty_figure(results: Results) -> None:
    """Every row of every table has a number, and what is missed says so."""
    text = page.tables(results)
    assert text.count("| --- |") >= 9
    assert not re.search(r"\b(nan|inf)\b", text)


def test_a_run_looked_at_by_events_is_a_run_looked_at_after_every_vote() -> None:
    """Of runs simulated vote by vote the same share crosses as of runs that jump from event to event."""
    scene = scenes.paired("short", scenes.steady(800, 0.06), scenes.steady(800, 0.03))
    over, bar, runs = claim(scene), log(20), 4000
    random = np.random.default_rng(5)
    drawn = random.random((runs, scene.votes))
    kinds = np.where(drawn < 0.06, 0, np.where(drawn < 0.09, 1, 2))
    counts = np.stack([(kinds == kind).cumsum(axis=1) for kind in range(3)], axis=2).astype(np.float64)
    each = np.stack([over.log_e(counts[:, vote]) for vote in range(scene.votes)], axis=1)
    by_vote = (each.max(axis=1) >= bar).mean()
    by_event = (highest(over, runs, 6) >= bar).mean()
    assert by_event == pytest.approx(by_vote, abs=4.0 * (2 * by_vote * (1 - by_vote) / runs) ** 0.5)


def test_a_harmless_run_is_found_at_the_very_vote() -> None:
    """Without events the crossing is where the log e-value of so many spotless votes reaches the bar."""
    over = claim(scenes.paired("spotless", scenes.steady(400, 0.0), scenes.steady(400, 0.0)), is_harm=False)
    (vote,) = crossings(over, log(20), 1, 1)
    reached = over.log_e(np.array([[0.0, 0.0, vote - 1], [0.0, 0.0, vote]]))
    assert reached[0] < log(20) <= reached[1]


def test_the_bound_of_a_false_pass_is_just_above_what_simulation_sees() -> None:
    """Pairs at the margin, 2,000 votes: within the error of 20,000 runs, and below alpha."""
    n = 2000
    scene = scenes.paired("margin", scenes.steady(n, 0.03), scenes.steady(n, 0.01))
    over = claim(scene, is_harm=False)
    seen = figures.Share("margin", 0.05, int((highest(over, 20_000, 3) >= log(20)).sum()), 20_000)
    assert seen.limits[0] <= at_most(over, 0.05, 4000, 3) <= 0.05


def test_a_factor_that_is_no_martingale_is_refused() -> None:
    """Votes that drift less than the margin let every bet on no harm grow: nothing is bounded then."""
    scene = scenes.paired("harmless", scenes.steady(100, 0.01), scenes.steady(100, 0.01))
    with pytest.raises(NoMartingaleError, match=r"has mean 1\.0"):
        at_most(claim(scene, is_harm=False), 0.05, 100, 1)


@pytest.mark.parametrize("way", combining.WAYS)
def test_no_way_of_combining_both_sources_is_wrong_more_often_than_it_may(way: str) -> None:
    """Drift at the limit in pairs and among users, 40,000 requests, alpha 1 %."""
    random = np.random.default_rng(11)
    shown = combining._requests(0.2, 0.1, scenes.LIMIT, 400, random)[way] < combining._MOST
    assert figures.Share(way, combining.ALPHA, int(shown.sum()), 400).kept != "NO"


def test_failed_checks_are_counted_in_total() -> None:
    """Two intervals above the range, one below, one above: three failures."""
    bad = np.array([[30.0, 30.0, 10.0, 30.0]])
    n = np.full((1, 4), 500.0)
    assert others.failed_checks(others.Counts(n, bad, n, bad), 0.05).tolist() == [[1.0, 2.0, 2.0, 3.0]]


def test_the_rank_test_sees_a_clear_shift_and_no_difference_as_none() -> None:
    """Thirty points of each arm: once apart, once the same."""
    stable = np.tile(np.arange(30.0), (1, 1))
    n = np.full((1, 30), 500.0)
    apart = others.kayenta(others.Counts(n, stable, n, stable + 60.0))[1]
    same = others.kayenta(others.Counts(n, stable, n, stable))[1]
    assert apart.all()
    assert not same.any()


def test_a_confidence_sequence_narrows_as_votes_come_in() -> None:
    """Ten points over the limit are not seen in 100 requests and seen in 100,000."""
    few, many = (
        others.Counts(*(np.array([[part * size]]) for part in (1.0, 0.03, 1.0, 0.15))) for size in (50.0, 50_000.0)
    )
    assert not others.growthbook(few, 0.02, 0.05).any()
    assert others.growthbook(many, 0.02, 0.05).all()


def test_wilsons_limits_hold_the_share() -> None:
    """Fifty of a thousand are 5 %, known to about ± 1.4 points."""
    share = figures.Share("half", 0.05, 50, 1000)
    low, high = share.limits
    assert low == pytest.approx(0.038, abs=0.001)
    assert high == pytest.approx(0.065, abs=0.001)
    assert share.kept == "yes"


def test_exposure_counts_from_the_onset() -> None:
    """A rollback 1,000 votes after it, at 10 %, has exposed 100 users."""
    ground = contest.grounds()[-1]
    scene = ground.scene(0.1)
    at = np.array([ground.onset + 1000.0, np.inf])
    assert contest._exposed(scene, ground.onset, at).round().tolist() == [100.0, 2000.0]
