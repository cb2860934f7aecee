"""What a rollout is said to cost, against mirrors that are drawn by the real rule."""

from dataclasses import replace

import numpy as np
import pytest

from rollback.forecast import forecast
from rollback.money import SUPPOSED, Cost, Prices, Usage, bill, mirrors, usage_of
from rollback.profiles import Profile, Traffic
from routing.arms import Arm
from routing.bucketing import bucket
from shadow.answer import Json
from shadow.sampling import MirrorKind, choose
from shadow.spending import Price
from tests.rollback import scenes
from tests.rollback.scenes import REFUSAL
from tests.shadow.making import exchange

TRAFFIC = Traffic(requests_per_second=10.0, seconds=3600.0, new_keys=1.0, sample=0.2, noise_floor=0.05)
CHEAP, DEAR = Price(1.0, 2.0), Price(10.0, 20.0)
USAGE = Usage(1_000.0, 500.0)
BODY: Json = {"model": "chat", "messages": []}


def drawn_mirrors(weight_bps: int, traffic: Traffic, requests: int) -> tuple[int, int]:
    """Mirrors to the candidate and to stable: keys with requests at random, each mirrored with the first drawn."""
    random = np.random.default_rng(5)
    to_candidate = to_stable = made = key = 0
    while made < requests:
        key += 1
        pair = triple = False
        for _ in range(int(random.geometric(traffic.new_keys))):
            made += 1
            arm = Arm.CANDIDATE if bucket("salt", str(key)) < weight_bps else Arm.STABLE
            one = exchange(request_id=f"r{made}", assigned=arm, answered=arm, weight_bps=weight_bps)
            kind = choose(one, BODY, sample=traffic.sample, noise_floor=traffic.noise_floor).kind
            new_pair, new_triple = kind is not MirrorKind.NONE and not pair, kind is MirrorKind.TRIPLE and not triple
            pair, triple = pair or new_pair, triple or new_triple
            if new_pair or new_triple:
                to_candidate += arm is Arm.STABLE
                to_stable += arm is Arm.CANDIDATE
            to_stable += new_triple
    return to_candidate, to_stable


@pytest.mark.parametrize("new_keys", [1.0, 0.4])
@pytest.mark.parametrize("weight_bps", [0, 1_000, 10_000])
def test_mirrors_are_as_many_as_are_drawn(weight_bps: int, new_keys: float) -> None:
    """Of every request that votes for itself, and where keys come back; within a tenth, or a hundredth of requests."""
    traffic, requests = replace(TRAFFIC, new_keys=new_keys), 20_000
    drawn = drawn_mirrors(weight_bps, traffic, requests)
    for told, counted in zip(mirrors(weight_bps, traffic), drawn, strict=True):
        assert told == pytest.approx(counted / requests, rel=0.1, abs=0.01)


def test_a_stage_costs_its_requests_at_their_prices() -> None:
    """The candidate's answers, stable's that they replace, and the mirrors to both; and all stages together."""
    made = forecast(scenes.plan(REFUSAL), TRAFFIC, Profile({}), drifts=())
    found = bill(made, USAGE, Prices(CHEAP, DEAR))
    for stage, cost in zip(made.stages, found.stages, strict=True):
        to_candidate, to_stable = mirrors(stage.weight_bps, TRAFFIC)
        assert cost.candidate == pytest.approx(stage.candidate_requests * 0.02)
        assert cost.saved == pytest.approx(stage.candidate_requests * 0.002)
        assert cost.shadow == pytest.approx(stage.requests * (to_candidate * 0.02 + to_stable * 0.002))
        assert cost.added == pytest.approx((cost.candidate or 0) + (cost.shadow or 0) - (cost.saved or 0))
    assert found.in_all.candidate == pytest.approx(sum(cost.candidate or 0.0 for cost in found.stages))
    assert found.in_all.shadow == pytest.approx(sum(cost.shadow or 0.0 for cost in found.stages))


def test_without_a_price_there_is_no_half_of_a_sum() -> None:
    """At 0 % without a noise floor only the candidate is mirrored to; else stable's price is needed too."""
    shadowing = replace(TRAFFIC, noise_floor=0.0)
    made = forecast(scenes.plan(REFUSAL), shadowing, Profile({}), drifts=())
    first, *later = bill(made, USAGE, Prices(None, DEAR)).stages
    assert (first.candidate, first.saved) == (0.0, 0.0)
    assert first.shadow is not None
    assert all(cost.shadow is None and cost.saved is None and cost.candidate is not None for cost in later)
    assert bill(made, USAGE, Prices(None, None)).in_all == Cost(None, None, None)


def test_a_budget_of_tokens_bounds_what_mirrors_cost() -> None:
    """Half the tokens, half the money; a budget that is not reached changes nothing."""
    made = forecast(scenes.plan(REFUSAL), TRAFFIC, Profile({}), drifts=())
    wanted = sum(mirrors(0, TRAFFIC)) * 10.0 * 60.0 * 1_500.0
    whole, half, ample = (
        bill(made, USAGE, Prices(CHEAP, DEAR, most)).stages[0].shadow for most in (None, round(wanted / 2), 10**9)
    )
    assert half == pytest.approx((whole or 0.0) / 2)
    assert ample == whole


def test_tokens_are_those_of_the_last_rollout_where_enough_were_counted() -> None:
    """Else they are supposed, and say so."""
    counts = {"metered.stable": 200, "prompted.stable": 40_000, "completed.stable": 10_000}
    assert usage_of(counts) == Usage(200.0, 50.0, measured=True)
    assert usage_of({**counts, "metered.stable": 20}) is SUPPOSED
