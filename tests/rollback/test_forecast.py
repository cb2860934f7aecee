"""What a plan is said to take, against supposed rollouts judged by the real judge."""

from collections import Counter
from dataclasses import replace
from math import inf

import numpy as np
import pytest

from rollback.decision import DecisionKind, decide
from rollback.errors import InvalidPlan
from rollback.forecast import DriftForecast, ensure_it_can_finish, forecast
from rollback.plan import Budget, Plan, Stage
from rollback.profiles import Profile, SignalProfile, Traffic, is_keyless, new_keys_of, profile_of
from rollback.rollout import Rollout
from rollback.verdict import Side, TestKind
from tests.rollback import scenes
from tests.rollback.scenes import AGREEMENT, ERRORS, LENGTH, REFUSAL, SCHEMA

ROLLOUTS = 48
NORMAL = SignalProfile(rate=0.03, differing=0.012, measured=True)
PROFILE = Profile({"refusal": NORMAL, "errors": SignalProfile(rate=0.005, differing=0.002, measured=True)})
TRAFFIC = Traffic(requests_per_second=10.0, seconds=3600.0, new_keys=0.5, sample=0.4, noise_floor=0.02)
SHADOW_THEN_TENTH = (Stage(0, min_keys=100), Stage(1000, min_keys=100, bake_seconds=60.0, margin=2.0))
TENTH_ONLY = (Stage(1000, min_keys=100),)


class Simulated:
    """One rollout whose requests are drawn: counters as shadow workers would write them, judged by `decide`."""

    def __init__(self, plan: Plan, drift: float, seed: int, profile: Profile = PROFILE) -> None:
        self.rollout: Rollout = scenes.rollout(*plan.budgets, stages=plan.stages)
        self.cells: Counter[str] = Counter()
        self.left_after: list[float] = []
        self.served = 0.0
        self.kind = DecisionKind.HOLD
        self._drift = drift
        self._profile = profile
        self._random = np.random.default_rng(seed)

    def run(self, most: float) -> "Simulated":
        """Until it is promoted, rolled back, or `most` requests have come in one stage."""
        requests, now = 0.0, 0.0
        while requests < most:
            fresh = max(10.0, 0.05 * requests)
            requests += fresh
            now += fresh / 10.0
            self._observe(fresh)
            decision = decide(self.rollout, scenes.facts(self.cells), now)
            self.kind = decision.kind
            if not decision.changed:
                continue
            self.left_after.append(requests)
            if not decision.after.is_running:
                return self
            self.rollout, requests = decision.after, 0.0
        return self

    def _observe(self, requests: float) -> None:
        stage, weight = self.rollout.stage, self.rollout.plan.stages[self.rollout.stage].weight_bps
        w = weight / 10_000
        self.served += requests * w
        votes = round(requests * TRAFFIC.new_keys)
        pairs = self._random.binomial(votes, TRAFFIC.sample)
        for signal, at in self._profile.signals.items():
            drift = self._drift if signal == "refusal" else 0.0
            if signal == "refusal" or weight == 0:
                better, worse = at.differing + max(-drift, 0.0), at.differing + max(drift, 0.0)
                drawn = self._random.multinomial(pairs, [better, 1 - better - worse, worse])
                for index, count in zip((-20, 0, 20), drawn, strict=True):
                    self.cells[f"p/{signal}/*/{stage}/{index}"] += int(count)
            if weight:
                own = self._random.binomial(votes, w)
                for arm, n, rate in (("stable", votes - own, at.rate), ("candidate", own, at.rate + drift)):
                    bad = self._random.binomial(n, rate)
                    self.cells[f"s/{signal}/*/{stage}/{weight}/{arm}/1"] += int(bad)
                    self.cells[f"s/{signal}/*/{stage}/{weight}/{arm}/0"] += int(n - bad)
                if signal == "refusal":
                    self.cells[f"k/{stage}/split/candidate"] += int(own)
        self.cells[f"k/{stage}/paired/stable"] += int(pairs)


def test_a_harmless_candidate_takes_as_long_as_forecast() -> None:
    """Each stage's mean length, in rollouts judged by the real judge, is within a quarter of the forecast."""
    plan = scenes.plan(REFUSAL, replace(ERRORS, max_increase=0.02), stages=SHADOW_THEN_TENTH)
    said = forecast(plan, TRAFFIC, PROFILE, drifts=())
    runs = [Simulated(plan, 0.0, seed).run(50_000) for seed in range(ROLLOUTS)]
    assert [run.kind for run in runs].count(DecisionKind.PROMOTE) >= ROLLOUTS - 1
    whole = [run.left_after for run in runs if run.kind is DecisionKind.PROMOTE]
    for stage, seen in zip(said.stages, np.mean(whole, axis=0), strict=True):
        assert stage.requests == pytest.approx(seen, rel=0.25)
        assert stage.candidate_requests == pytest.approx(seen * stage.weight_bps / 10_000, rel=0.25)
    assert said.seconds == pytest.approx(said.requests / 10.0)


@pytest.mark.parametrize("times", [2.0, 5.0])
def test_a_drift_is_caught_after_as_many_requests_as_forecast(times: float) -> None:
    """The candidate's mean number of requests before it is rolled back is within a quarter of the forecast."""
    plan = scenes.plan(REFUSAL, stages=TENTH_ONLY)
    said = drift_of(forecast(plan, TRAFFIC, PROFILE, drifts=(times,)).drifts, times)
    runs = [Simulated(plan, 0.02 * times, seed).run(50_000) for seed in range(ROLLOUTS)]
    assert said.caught == pytest.approx(1.0, abs=0.02)
    assert all(run.kind is DecisionKind.ROLL_BACK for run in runs)
    assert said.candidate_requests == pytest.approx(np.mean([run.served for run in runs]), rel=0.25)


def drift_of(
    drifts: tuple[DriftForecast, ...], times: float, side: Side = Side.UPPER, kind: TestKind = TestKind.POINTS
) -> DriftForecast:
    """The forecast for refusal at this multiple of this limit."""
    return next(
        each for each in drifts if (each.signal, each.times, each.side, each.kind) == ("refusal", times, side, kind)
    )


OTHER_LIMITS = {
    "fewer refusals than are allowed": (Budget("refusal", max_decrease=0.04), Side.LOWER, TestKind.POINTS, 0.2),
    "a ratio": (Budget("refusal", max_increase=0.5, max_ratio=2.5), Side.UPPER, TestKind.RATIO, 0.03),
    "a ceiling": (Budget("refusal", max_increase=0.5, ceiling=0.08), Side.UPPER, TestKind.CEILING, 0.03),
}


@pytest.mark.parametrize("name", OTHER_LIMITS)
def test_a_drift_beyond_another_limit_is_caught_as_forecast(name: str) -> None:
    """Downwards, and where only users show it: within a quarter, in rollouts judged by the real judge."""
    budget, side, kind, rate = OTHER_LIMITS[name]
    times = 4.0
    profile = Profile({"refusal": SignalProfile(rate=rate, differing=0.012, measured=True)})
    plan = scenes.plan(budget, stages=TENTH_ONLY)
    said = drift_of(forecast(plan, TRAFFIC, profile, drifts=(times,)).drifts, times, side, kind)
    runs = [Simulated(plan, said.drift, seed, profile).run(50_000) for seed in range(ROLLOUTS)]
    caught = [run.served for run in runs if run.kind is DecisionKind.ROLL_BACK]
    assert said.caught == pytest.approx(len(caught) / ROLLOUTS, abs=0.15)
    assert said.candidate_requests == pytest.approx(np.mean(caught), rel=0.25)


def test_no_rate_is_supposed_to_fall_below_nothing() -> None:
    """Of three refusals in a hundred four cannot go: of that drift there is no forecast."""
    plan = scenes.plan(Budget("refusal", max_increase=0.02, max_decrease=0.01), stages=TENTH_ONLY)
    drifts = forecast(plan, TRAFFIC, PROFILE).drifts
    assert [each.times for each in drifts if each.side is Side.LOWER] == [0.5, 1.0, 2.0]
    assert [each.times for each in drifts if each.side is Side.UPPER] == [0.5, 1.0, 2.0, 5.0]


def test_length_is_forecast_both_ways() -> None:
    """Longer and shorter answers have limits of their own."""
    plan = scenes.plan(LENGTH, stages=SHADOW_THEN_TENTH)
    found = {each.side: each for each in forecast(plan, TRAFFIC, PROFILE, drifts=(2.0,)).drifts}
    assert {side: each.drift > 0.0 for side, each in found.items()} == {Side.UPPER: True, Side.LOWER: False}
    assert all(each.caught > 0.95 for each in found.values())


def test_within_the_limit_hardly_any_candidate_is_rolled_back() -> None:
    """At half the limit and at the limit itself the chance is at most alpha; the larger the drift, the fewer served."""
    said = forecast(scenes.plan(REFUSAL, stages=TENTH_ONLY), TRAFFIC, PROFILE).drifts
    assert drift_of(said, 0.5).caught <= 0.05
    assert drift_of(said, 1.0).caught <= 0.05
    assert drift_of(said, 0.5).promoted > drift_of(said, 1.0).promoted
    served = [drift_of(said, times).candidate_requests or inf for times in (2.0, 5.0)]
    assert served[0] > served[1] > 0.0


def test_a_forecast_is_repeatable() -> None:
    """The same plan and traffic give the same numbers: nothing is left to chance between `plan` and `start`."""
    plan = scenes.plan(REFUSAL, stages=TENTH_ONLY)
    assert forecast(plan, TRAFFIC, PROFILE).drifts == forecast(plan, TRAFFIC, PROFILE).drifts


def test_a_question_that_nothing_answers_makes_a_plan_unfinishable() -> None:
    """Agreement without a noise floor; refusals at 100 % without mirrors."""
    blind = replace(TRAFFIC, noise_floor=0.0, sample=0.2)
    said = forecast(scenes.plan(REFUSAL, AGREEMENT), blind, PROFILE, drifts=())
    with pytest.raises(InvalidPlan, match=r"stage 1 \(0 %\) asks about agreement, and nothing there measures it"):
        ensure_it_can_finish(said)
    unmirrored = replace(blind, sample=0.0)
    stages = (Stage(1000), Stage(10_000))
    said = forecast(scenes.plan(REFUSAL, stages=stages), unmirrored, PROFILE, drifts=())
    assert said.why_not.startswith("stage 2 (100 %) asks about refusal")
    assert said.stages[1].requests == inf


def test_a_deadline_before_the_proof_makes_a_plan_unfinishable() -> None:
    """With both durations; of a rate that was hardly seen, nothing is refused."""
    plan = scenes.plan(ERRORS, stages=(Stage(100, deadline_seconds=600.0),))
    said = forecast(plan, TRAFFIC, PROFILE, drifts=())
    assert said.why_not.startswith("stage 1 (1 %) takes about ")
    assert "deadline is 10 min" in said.why_not
    just_started = replace(TRAFFIC, seconds=30.0)
    assert forecast(plan, just_started, PROFILE, drifts=()).why_not == ""


def test_traffic_that_would_take_months_is_refused() -> None:
    """A request a minute cannot show a point of errors at 1 %."""
    slow = replace(TRAFFIC, requests_per_second=1 / 600.0)
    said = forecast(scenes.plan(ERRORS), slow, PROFILE, drifts=())
    assert "days" in said.why_not
    assert (said.seconds or 0.0) > 90 * 86_400


def test_without_traffic_stages_are_told_in_requests() -> None:
    """No rate, no durations, and no refusal of the plan."""
    said = forecast(
        scenes.plan(REFUSAL, LENGTH, SCHEMA), replace(TRAFFIC, requests_per_second=None), PROFILE, drifts=()
    )
    assert (said.seconds, said.why_not) == (None, "")
    assert all(stage.requests < inf and stage.seconds is None for stage in said.stages)


def test_a_wish_that_makes_an_optional_budget_lets_the_plan_finish() -> None:
    """An optional guardrail is not waited for."""
    optional = replace(AGREEMENT, optional=True)
    blind = replace(TRAFFIC, noise_floor=0.0)
    assert forecast(scenes.plan(REFUSAL, optional), blind, PROFILE, drifts=()).why_not == ""


def test_stables_own_rates_come_from_an_earlier_rollout() -> None:
    """Rates of split votes, differing pairs on their smaller side, spreads; what is not there stays assumed."""
    cells = scenes.split("refusal", 2, (40, 1000), (90, 1000)) + scenes.pairs("refusal", worse=70, same=920, better=10)
    cells += scenes.differences("length", 0, {-10: 50, 10: 50})
    profile = profile_of(cells)
    refusal, length = profile.of("refusal"), profile.of("length")
    assert refusal.rate == pytest.approx(0.04, abs=0.001)
    assert refusal.differing == pytest.approx(0.01, abs=0.001)
    assert length.spread == pytest.approx(0.5)
    assert length.measured
    assert (profile.of("schema").measured, profile_of({}).of("refusal").measured) == (False, False)


def test_a_signal_that_never_applied_is_not_waited_for() -> None:
    """Nobody asks this endpoint for a structure."""
    cells = {"n/schema/*/0/paired/candidate/not_applicable": 500}
    assert profile_of(cells).of("schema") == SignalProfile(applies=0.0, measured=True)
    said = forecast(scenes.plan(SCHEMA, REFUSAL, stages=TENTH_ONLY), TRAFFIC, profile_of(cells))
    assert (said.why_not, said.stages[0].waits_for) == ("", "refusal")
    assert {drift.signal for drift in said.drifts} == {"refusal"}


def test_the_share_of_new_keys_comes_from_an_earlier_rollout() -> None:
    """Votes over requests; None where there were too few."""
    votes = scenes.votes(1, "split", 30) + scenes.votes(1, "split", 270, "stable")
    assert new_keys_of(votes, {"assigned.stable": 1100, "assigned.candidate": 100}) == pytest.approx(0.25)
    assert new_keys_of(scenes.votes(1, "split", 30), {"assigned.stable": 1100}) is None


def test_a_rollout_that_never_left_the_shadow_has_measured_new_keys_too() -> None:
    """At weight 0 a key's first answer is read once, for stable's own quantities; later it votes anew."""
    shadow = {"s/ttft/*/0/0/stable/b40": 150, "s/ttft/*/0/0/stable/b41": 50}
    assert new_keys_of(shadow, {"assigned.stable": 800}) == pytest.approx(0.25)
    both = Counter(shadow) + scenes.votes(1, "split", 100)
    assert new_keys_of(both, {"assigned.stable": 1000, "assigned.candidate": 200}) == pytest.approx(0.25)


def test_where_clients_give_no_key_only_what_users_get_is_forecast_to_roll_back() -> None:
    """Pairs of them hold: a drift that they show is neither rolled back nor let out of the shadow."""
    assert is_keyless(scenes.votes(0, "paired", 200, "stable") + Counter({"n/pairs/*/0/paired/stable/keyless": 11}))
    keyless = replace(TRAFFIC, keyless=True)
    shadow_first = scenes.plan(REFUSAL, stages=(Stage(0, min_keys=300), Stage(1000)))
    held = drift_of(forecast(shadow_first, keyless, PROFILE, drifts=(5.0,)).drifts, 5.0)
    assert (held.caught, held.promoted) == (0.0, 0.0)
    exposed = scenes.plan(REFUSAL, stages=TENTH_ONLY)
    assert drift_of(forecast(exposed, keyless, PROFILE, drifts=(5.0,)).drifts, 5.0).caught > 0.9


def test_an_expected_change_is_forecast_at_its_centre() -> None:
    """A candidate that does what is wanted passes; the forecast does not suppose that nothing changes."""
    wanted = Budget("length", expected=(-0.30, -0.10))
    said = forecast(scenes.plan(wanted, stages=SHADOW_THEN_TENTH), TRAFFIC, PROFILE, drifts=())
    assert all(stage.requests < 5000 for stage in said.stages)


def test_a_few_supposed_rollouts_without_an_end_do_not_make_a_plan_impossible() -> None:
    """One of the supposed rollouts is not in sight of its proof here; the others say what the stage takes."""
    rare = Profile({"length": SignalProfile(spread=0.3, applies=0.01, measured=True)})
    busy = replace(TRAFFIC, requests_per_second=12.5, new_keys=1.0, sample=0.2)
    made = forecast(scenes.plan(LENGTH, stages=(Stage(5000),)), busy, rare, drifts=())
    ensure_it_can_finish(made)
    assert made.stages[0].requests < made.stages[0].late_requests < inf


def test_a_stage_whose_proof_is_not_in_sight_names_the_signal() -> None:
    """Stable fails a third of its requests: no candidate can be shown below the ceiling, and votes are not lacking."""
    failing = Profile({"errors": SignalProfile(rate=0.3, differing=0.2, measured=True)})
    made = forecast(scenes.plan(ERRORS, stages=(Stage(5000),)), TRAFFIC, failing, drifts=())
    with pytest.raises(InvalidPlan, match=r"stage 1 \(50 %\) is never left: .* a proof for errors is not in sight"):
        ensure_it_can_finish(made)
