"""Forecasts of the admin API, and plans that `start` refuses, over real sockets."""

from collections.abc import AsyncIterator
from math import inf
from pathlib import Path

import pytest

from gateway.config.load import load_text
from gateway.control.forecasting import Arms, Forecasting, Supposed, notes, view
from gateway.control.rates import Rates
from rollback.errors import InvalidPlan
from rollback.profiles import ASSUMED_NEW_KEYS
from rollback.rollout import Rollout
from rollback.store import Loaded
from routing.errors import StoreUnavailable
from tests.gateway.control.gateways import Gateway, own_redis, running
from tests.gateway.control.test_rates import counters
from tests.rollback import scenes

pytestmark = pytest.mark.anyio

ARMS = Arms("a", "b")
PLAN = "/admin/v1/endpoints/chat/plan"
CONFIG = """
models: {a: {base_url: "http://h/v1"}, b: {base_url: "http://h/v1"}}
endpoints:
  chat: {stable: a, shadow: {noise_floor: 0%}}
  jobs: {stable: a, vote_by: request}
"""


class Store:
    """A store that knows one ended rollout, or does not answer."""

    def __init__(self, cells: dict[str, int] | None = None, *, away: bool = False) -> None:
        self._cells, self._away = cells, away

    async def load(self, endpoint: str) -> Loaded:
        """The endpoint's state."""
        del endpoint
        if self._away:
            raise StoreUnavailable("gone")
        return Loaded(rollout=scenes.rollout() if self._cells is not None else None, generation=None, now=0.0)

    async def evidence(self, rollout: Rollout) -> tuple[dict[str, int], dict[str, int]]:
        """Its counters."""
        del rollout
        return self._cells or {}, {"assigned.stable": 2000}


def forecasting(store: Store | None = None, rates: Rates | None = None, config: str = CONFIG) -> Forecasting:
    """A forecaster."""
    return Forecasting(load_text(config, env={}), store or Store(), rates or Rates())


def busy(seconds: float = 3600.0, per_second: float = 20.0) -> Rates:
    """Readings of a busy endpoint."""
    rates = Rates()
    for at in (0.0, seconds):
        rates.add(at, counters(10 + per_second * at))
    return rates


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    """A control process without keys."""
    async with own_redis() as redis, running(tmp_path, redis) as found:
        yield found


async def test_a_plan_is_forecast_for_a_supposed_rate(gateway: Gateway) -> None:
    """Stages with time and exposure, drifts with what they cost; nothing is started by it."""
    asked = {"candidate": "new", "rate": "20", "new_keys": "0.5"}
    answer = (await gateway.http.get(PLAN, params=asked)).json()
    assert (answer["stable"], answer["candidate"], answer["plan"]) == ("old", "new", "default")
    assert [stage["weight_bps"] for stage in answer["stages"]] == [0, 1_000, 10_000]
    assert answer["stages"][1]["seconds"] == pytest.approx(3600.0)
    assert answer["stages"][1]["waits_for"] == "time"
    assert {(drift["signal"], drift["times"]) for drift in answer["drifts"]} >= {("refusal", 2.0), ("errors", 0.5)}
    assert answer["can_finish"] is True
    assert "stable's own refusal" in answer["assumed"][0]
    assert (await gateway.http.get("/admin/v1/endpoints/chat")).json()["rollout"] is None


async def test_without_traffic_a_plan_is_told_in_requests(gateway: Gateway) -> None:
    """No durations; and what makes no sense is refused with a sentence."""
    answer = (await gateway.http.get(PLAN, params={"candidate": "new"})).json()
    assert (answer["seconds"], answer["stages"][0]["seconds"]) == (None, None)
    assert answer["stages"][0]["requests"] > 0
    for asked, status in (({"candidate": "nobody"}, 409), ({"candidate": "new", "plan": "no"}, 422), ({}, 400)):
        assert (await gateway.http.get(PLAN, params=asked)).status_code == status
    assert (await gateway.http.get(PLAN, params={"candidate": "new", "rate": "-1"})).status_code == 400


async def test_what_an_operator_did_cannot_be_exported(gateway: Gateway) -> None:
    """There is nothing to judge again; and an entry that is not there is not found."""
    await gateway.start()
    audit = "/admin/v1/endpoints/chat/audit"
    (entry,) = (await gateway.http.get(audit)).json()["entries"]
    refused = await gateway.http.get(f"{audit}/{entry['id']}/export")
    assert (refused.status_code, "not by the judge" in refused.json()["detail"]) == (409, True)
    assert (await gateway.http.get(f"{audit}/0-1/export")).status_code == 404


async def test_start_refuses_what_the_endpoint_cannot_measure() -> None:
    """Agreement without a noise floor, before any traffic."""
    plan = load_text(CONFIG, env={}).plan_for("chat")
    with pytest.raises(InvalidPlan, match="asks about agreement, and nothing there measures it"):
        await forecasting().before_start("chat", plan, ARMS)
    assert await forecasting().before_start("jobs", plan, ARMS) == ()


async def test_start_says_what_the_plan_will_take() -> None:
    """Time at the present rate, by stage with what it waits for, the exposure, and what is only supposed."""
    plan = scenes.plan(scenes.REFUSAL)
    time, served, supposed = await forecasting(rates=busy()).before_start("chat", plan, ARMS)
    assert time.startswith("harmless, it takes about 3.")
    assert "h at 20 requests/s: 0 % " in time
    assert "10 % 15 min (time)" in time
    assert served.startswith("by then the candidate has served about 1")
    assert (
        supposed == "supposed, not measured: stable's own refusal; 50 % of requests bring a key that has not voted yet"
    )


async def test_an_earlier_rollout_replaces_what_was_supposed() -> None:
    """Rates and the share of new keys; where requests vote for themselves, that share is known anyway."""
    cells = scenes.split("refusal", 2, (90, 900), (10, 100)) + scenes.votes(2, "split", 500, "stable")
    plan = scenes.plan(scenes.REFUSAL)
    made = await forecasting(Store(dict(cells)), busy()).made("chat", plan, Supposed(), drifts=())
    assert (made.traffic.new_keys, made.profile.of("refusal").measured) == (0.25, True)
    assert list(notes(made))[-1].startswith("by then")
    jobs = await forecasting(Store(dict(cells))).made("jobs", plan, Supposed(), drifts=())
    assert jobs.traffic.new_keys == 1.0


async def test_without_redis_a_plan_is_still_forecast() -> None:
    """Nothing is known of earlier rollouts then, and it is said."""
    made = await forecasting(Store(away=True), busy()).made("chat", scenes.plan(), Supposed(), drifts=())
    assert (made.traffic.new_keys, made.profile.of("refusal").measured) == (ASSUMED_NEW_KEYS, False)


async def test_what_is_not_in_sight_is_null() -> None:
    """JSON has no infinity."""
    plan = load_text(CONFIG, env={}).plan_for("chat")
    forecaster = forecasting(rates=busy())
    made = await forecaster.made("chat", plan, Supposed(), drifts=())
    shown = view("chat", ARMS, made, await forecaster.bill("chat", ARMS, made))
    assert (shown["can_finish"], shown["requests"], shown["seconds"]) == (False, None, None)
    assert inf not in [value for stage in shown["stages"] for value in stage.values()]


PRICED = """
models:
  a: {base_url: "http://h/v1", price: {input: 1, output: 2}}
  b: {base_url: "http://h/v1", price: {input: 10, output: 20}}
endpoints: {chat: {stable: a}}
"""


async def test_where_prices_are_configured_start_and_plan_say_what_it_costs() -> None:
    """Per stage and in all: mirrors, the candidate's answers, stable's in their place; and on what tokens it stands."""
    forecaster, plan = forecasting(rates=busy(), config=PRICED), scenes.plan(scenes.REFUSAL)
    made = await forecaster.made("chat", plan, Supposed(), drifts=())
    shown = view("chat", ARMS, made, await forecaster.bill("chat", ARMS, made))
    stages, whole = shown["stages"], shown["cost"]
    for name in ("candidate", "shadow", "saved", "added"):
        assert sum(stage["cost"][name] for stage in stages) == pytest.approx(whole[name])
    assert [stage["cost"]["candidate"] for stage in stages] == [
        pytest.approx(stage["candidate_requests"] * 0.01) for stage in stages
    ]
    assert (whole["prompt_tokens"], whole["completion_tokens"], whole["measured"]) == (500.0, 250.0, False)
    *_, money = await forecaster.before_start("chat", plan, ARMS)
    assert money.startswith("it costs about ")
    assert money.endswith("at 500 prompt and 250 completion tokens a request (supposed, not measured)")


async def test_without_prices_nothing_is_said_of_money() -> None:
    """Sums are null, and `start` has no sentence on them."""
    forecaster, plan = forecasting(rates=busy()), scenes.plan(scenes.REFUSAL)
    made = await forecaster.made("chat", plan, Supposed(), drifts=())
    cost = view("chat", ARMS, made, await forecaster.bill("chat", ARMS, made))["cost"]
    assert (cost["candidate"], cost["shadow"], cost["saved"], cost["added"]) == (None, None, None, None)
    assert not any("costs" in note for note in await forecaster.before_start("chat", plan, ARMS))
