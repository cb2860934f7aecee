"""The betting primitive: at most alpha false alarms however often one looks, and few votes wasted."""

from dataclasses import dataclass
from math import inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollback.sequential import (
    CEILING_HARM,
    PAIRED_HARM,
    PAIRED_NO_HARM,
    SPLIT_HARM,
    SPLIT_NO_HARM,
    Floats,
    Prior,
    Tally,
    edges,
    log_evidence,
    log_factors,
    lower_bound,
    prior,
    still_needed,
)

ONES = np.ones(3)

RUNS = 2000
"""Simulated rollouts per figure: a rate of 5 % is then known to ± 1 point."""


@dataclass(frozen=True)
class World:
    """What is observed, one vote after another: values, how often each comes, their range, and the claim tested."""

    values: Floats
    chances: Floats
    low: float
    high: float
    claim: float

    def bound(self, bar: float) -> float:
        """Votes that the best bet of all, known beforehand, needs on average."""
        bets = np.concatenate([np.geomspace(1e-5, 0.5, 2000), 1.0 - np.geomspace(1e-5, 0.5, 2000)])
        gains = (self.values - self.low) / (self.claim - self.low) - 1.0
        return bar / float((self.chances @ np.log1p(np.outer(gains, bets))).max())

    def mirrored(self) -> "World":
        """The same, looked at from the other side: what shows no harm."""
        return World(-self.values, self.chances, -self.high, -self.low, -self.claim)


def paired(worse: float, better: float, limit: float = 0.02) -> World:
    """Pairs in which the candidate adds and removes bad events with these chances."""
    return World(np.array([1.0, 0.0, -1.0]), np.array([worse, 1.0 - worse - better, better]), -1.0, 1.0, limit)


def split(stable: float, candidate: float, weight: float, limit: float, ratio: float = 1.0) -> World:
    """Split votes at a weight; with a ratio the claim is about candidate − ratio × stable."""
    values = np.array([1.0 / weight, 0.0, -ratio / (1.0 - weight)])
    bad = np.array([weight * candidate, 0.0, (1.0 - weight) * stable])
    bad[1] = 1.0 - bad.sum()
    return World(values, bad, float(values[2]), float(values[0]), limit)


def first_crossings(world: World, over: Prior, bar: float, horizon: int, runs: int = RUNS) -> Floats:
    """For each run the vote at which log e reaches the bar, looking after every vote; inf for never."""
    random = np.random.default_rng(20261121)
    ranges = world.low * np.ones(3), world.high * np.ones(3)
    steps = log_factors(Tally(world.values, np.ones(3), *ranges), world.claim, over)
    crossed = np.full(runs, inf)
    alive = np.arange(runs)
    wealth = np.tile(over.log_weights, (runs, 1))
    block = 100
    for start in range(0, horizon, block):
        seen = np.searchsorted(np.cumsum(world.chances), random.random((len(alive), block))).clip(0, 2)
        paths = steps[seen].cumsum(axis=1) + wealth[alive][:, None, :]
        over_bar = np.exp(paths).sum(axis=2) >= np.exp(bar)
        hit = over_bar.any(axis=1)
        crossed[alive[hit]] = start + over_bar[hit].argmax(axis=1) + 1
        wealth[alive] = paths[:, -1]
        alive = alive[~hit]
        if not len(alive):
            break
    return crossed


BOUNDARIES = {
    "pairs that only get worse": (paired(0.02, 0.0), PAIRED_HARM),
    "pairs that get better, too": (paired(0.05, 0.03), PAIRED_HARM),
    "split points at 5 %": (split(0.03, 0.05, 0.05, 0.02), SPLIT_HARM),
    "split points at 50 %": (split(0.03, 0.05, 0.5, 0.02), SPLIT_HARM),
    "split ratio at 10 %": (split(0.02, 0.05, 0.1, 0.0, 2.5), SPLIT_HARM),
    "ceiling": (World(np.array([1.0, 0.5, 0.0]), np.array([0.1, 0.0, 0.9]), 0.0, 1.0, 0.1), CEILING_HARM),
}


@pytest.mark.parametrize("name", BOUNDARIES)
def test_drift_exactly_at_the_limit_is_called_harm_in_at_most_alpha_of_all_rollouts(name: str) -> None:
    """Ville's inequality, looking after each of 1,500 votes."""
    world, over = BOUNDARIES[name]
    alpha = 0.05
    crossed = first_crossings(world, over, log(1.0 / alpha), horizon=1500)
    assert np.isfinite(crossed).mean() <= alpha


NO_HARM_BOUNDARIES = {
    "pairs": (paired(0.03, 0.01), PAIRED_NO_HARM),
    "split at 10 %": (split(0.01, 0.03, 0.1, 0.02), SPLIT_NO_HARM),
    "split at 1 %": (split(0.0, 0.03, 0.01, 0.03), SPLIT_NO_HARM),
}


@pytest.mark.parametrize("name", NO_HARM_BOUNDARIES)
def test_drift_exactly_at_the_margin_is_called_harmless_in_at_most_alpha_of_all_rollouts(name: str) -> None:
    """The mirror image keeps the same promise."""
    world, over = NO_HARM_BOUNDARIES[name]
    alpha = 0.05
    crossed = first_crossings(world.mirrored(), over, log(1.0 / alpha), horizon=1500)
    assert np.isfinite(crossed).mean() <= alpha


@pytest.mark.parametrize(("worse", "better"), [(0.04, 0.0), (0.1, 0.0), (0.11, 0.01), (0.2, 0.0), (0.25, 0.05)])
def test_paired_harm_is_found_within_a_third_of_the_information_bound(worse: float, better: float) -> None:
    """Drifts of 2, 5 and 10 times the limit, at the level that one test of a plan has."""
    bar, world = log(200.0), paired(worse, better)
    votes = first_crossings(world, PAIRED_HARM, bar, horizon=20_000, runs=300).mean()
    assert votes <= 1.35 * world.bound(bar)


@pytest.mark.parametrize("weight", [0.05, 0.5])
@pytest.mark.parametrize("ratio", [0.0, 2.5])
def test_split_harm_is_found_within_six_tenths_of_the_information_bound(weight: float, ratio: float) -> None:
    """Points (no ratio) and ratios, at a narrow and at a wide weight."""
    world = split(0.01, 0.12, weight, 0.0, ratio) if ratio else split(0.01, 0.12, weight, 0.02)
    bar = log(200.0)
    votes = first_crossings(world, SPLIT_HARM, bar, horizon=40_000, runs=200).mean()
    assert votes <= 1.6 * world.bound(bar)


@pytest.mark.parametrize("differing", [0.0, 0.002, 0.01])
def test_harmless_pairs_are_shown_so_within_four_tenths_of_the_bound(differing: float) -> None:
    """Models whose answers hardly differ are the usual case."""
    world = paired(differing, differing).mirrored()
    bar = log(20.0)
    votes = first_crossings(world, PAIRED_NO_HARM, bar, horizon=20_000, runs=300).mean()
    assert votes <= 1.4 * world.bound(bar)


def tally(counts: dict[float, int], low: float = -1.0, high: float = 1.0) -> Tally:
    """A tally of these values."""
    ones = np.ones(len(counts))
    values = np.array(list(counts), dtype=np.float64)
    return Tally(values, np.array(list(counts.values()), dtype=np.float64), low * ones, high * ones)


@pytest.mark.parametrize(("weight", "margin", "at_most"), [(0.01, 0.03, 10_700), (0.1, 0.02, 1_650), (0.5, 0.01, 680)])
def test_a_candidate_without_errors_passes_a_stage_close_to_the_least_possible(
    weight: float, margin: float, at_most: int
) -> None:
    """The number of requests that decides how long a rollout takes: log(20)/log(e at f = 1) cannot be beaten."""
    one = tally({0.0: 1}, -1.0 / (1.0 - weight), 1.0 / weight).mirrored()
    needed = still_needed(one, -margin, SPLIT_NO_HARM, log(20.0))
    assert needed is not None
    assert needed <= at_most


def test_no_observation_is_no_evidence() -> None:
    """Before the first vote nothing is claimed, bounded or forecast."""
    empty = tally({})
    assert log_evidence(empty, 0.02, PAIRED_HARM) == 0.0
    assert lower_bound(empty, PAIRED_HARM, 5.0, 0.02) is None
    assert still_needed(empty, 0.02, PAIRED_HARM, 5.0) is None


def test_an_impossible_claim_is_refuted_at_once() -> None:
    """A mean below the least possible value needs no evidence against it."""
    assert log_evidence(tally({0.0: 1}), -1.0, PAIRED_HARM) == inf


def test_a_forecast_says_when_votes_lead_away() -> None:
    """With as much drift as the limit no number of further pairs will show that there is none."""
    drifting = tally({1.0: 5, 0.0: 95}).mirrored()
    assert still_needed(drifting, -0.02, PAIRED_NO_HARM, log(20.0)) is None


def test_a_forecast_holds_for_votes_like_those_so_far() -> None:
    """100 spotless pairs forecast within a tenth how many there must be in all."""
    needed = still_needed(tally({0.0: 100}).mirrored(), -0.02, PAIRED_NO_HARM, log(20.0))
    assert needed is not None
    reached = log_evidence(tally({0.0: 100 + needed}).mirrored(), -0.02, PAIRED_NO_HARM)
    assert 0.9 * log(20.0) <= reached <= 1.1 * log(20.0)


@pytest.mark.parametrize("bet", [0.0, 1.0, 1.5])
def test_a_bet_that_can_lose_everything_cannot_be_made(bet: float) -> None:
    """At f = 1 one vote ends the test for ever."""
    with pytest.raises(ValueError, match="strictly between"):
        prior((np.array([bet]), 1.0))


@pytest.mark.parametrize("edge", [0.0, -1.0])
def test_an_edge_against_harm_cannot_be_bet_on(edge: float) -> None:
    """It would stake nothing, or on the other side."""
    with pytest.raises(ValueError, match="positive"):
        edges((np.array([edge]), 1.0))


@pytest.mark.parametrize("ratio", [1.0, 2.5])
@given(weight=st.floats(0.001, 0.999), edge=st.floats(0.05, 50.0))
def test_an_edge_is_the_fastest_bet_on_a_rate_that_many_times_the_allowed(
    ratio: float, weight: float, edge: float
) -> None:
    """At every weight no other fraction grows faster where the candidate's rate is (1 + edge) · ratio · stable's."""
    stable = 0.5 / (ratio * (1.0 + edge))
    world = split(stable, 0.5, weight, 0.0, ratio)
    seen = Tally(world.values, world.chances, np.full(3, world.low), np.full(3, world.high))
    best = float((world.chances @ log_factors(seen, 0.0, edges((np.array([edge]), 1.0)))).item())
    (fraction,) = edges((np.array([edge]), 1.0)).fractions(seen.low[:1], seen.high[:1])[0]
    assert 0.0 < fraction < 1.0
    for other in (0.9 * fraction, fraction + 0.1 * (1.0 - fraction)):
        rival = Prior(np.array([other]), np.zeros(1))
        assert best >= float((world.chances @ log_factors(seen, 0.0, rival)).item()) - 1e-12


def test_weights_that_answer_to_what_was_seen_cause_no_more_false_alarms() -> None:
    """Drift at the limit, while a hostile schedule widens after each good stretch and narrows after each bad event."""
    random, runs, votes, alpha = np.random.default_rng(20261121), RUNS, 1500, 0.05
    weights = np.array([0.01, 0.05, 0.1, 0.25, 0.5])
    worlds = [split(0.03, 0.05, weight, 0.02) for weight in weights]
    steps = np.stack(
        [log_factors(Tally(w.values, ONES, w.low * ONES, w.high * ONES), 0.02, SPLIT_HARM) for w in worlds]
    )
    chances = np.stack([np.cumsum(w.chances) for w in worlds])
    at, quiet = np.full(runs, 2), np.zeros(runs)
    wealth, crossed = np.tile(SPLIT_HARM.log_weights, (runs, 1)), np.zeros(runs, dtype=bool)
    for _ in range(votes):
        kind = (random.random(runs)[:, None] > chances[at]).sum(axis=1).clip(0, 2)
        wealth += steps[at, kind]
        crossed |= np.exp(wealth).sum(axis=1) >= 1.0 / alpha
        quiet = np.where(kind == 1, quiet + 1, 0)
        at = np.clip(at - (kind == 0) + (quiet == 40) + (kind == 2), 0, 4)
        quiet[quiet == 40] = 0
    assert crossed.mean() <= alpha


counted = st.dictionaries(st.sampled_from([-1.0, -0.5, 0.0, 0.05, 0.5, 1.0]), st.integers(0, 300), min_size=1)


@given(counted, st.floats(-0.9, 0.9))
def test_the_bound_agrees_with_the_verdict(counts: dict[float, int], limit: float) -> None:
    """The confidence bound reaches the limit exactly when harm is shown at it."""
    bar, seen = log(100.0), tally(counts)
    bound = lower_bound(seen, PAIRED_HARM, bar, limit)
    if bound is not None:
        assert (bound >= limit) == (log_evidence(seen, limit, PAIRED_HARM) >= bar)


@given(counted, st.floats(-0.9, 0.9), st.floats(-0.9, 0.9))
def test_a_weaker_claim_is_never_easier_to_refute(counts: dict[float, int], one: float, other: float) -> None:
    """Log e does not rise with the claimed mean: inverting it gives an interval."""
    low, high = sorted((one, other))
    seen = tally(counts)
    assert log_evidence(seen, low, PAIRED_HARM) >= log_evidence(seen, high, PAIRED_HARM) - 1e-9


@given(counted, st.floats(-0.9, 0.9))
def test_both_sides_are_never_shown_at_once(counts: dict[float, int], limit: float) -> None:
    """No counters are both harm and no harm at the same limit."""
    seen, bar = tally(counts), log(20.0)
    harm = log_evidence(seen, limit, PAIRED_HARM) >= bar
    no_harm = log_evidence(seen.mirrored(), -limit, PAIRED_NO_HARM) >= bar
    assert not (harm and no_harm)
