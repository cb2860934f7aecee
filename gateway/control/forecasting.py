"""What a plan will take on an endpoint: gathers what the forecast needs, has it made, and puts it into words.

The rate is what this gateway's own workers count; stable's behaviour is that of the endpoint's last rollout. Forecasts
are drawn in a thread: they take a second or two, and the admin plane goes on answering.

Not here: the forecast itself (`rollback.forecast`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isfinite
from typing import Protocol

import anyio

from gateway.config.fields import KeyKind
from gateway.config.model import Config
from gateway.control.rates import Rates
from gateway.control.views import View
from rollback.forecast import (
    DRIFTS,
    DriftForecast,
    Forecast,
    StageForecast,
    ensure_it_can_be_measured,
    ensure_it_can_finish,
    forecast,
)
from rollback.money import Bill, Cost, Prices, bill, usage_of
from rollback.plan import BudgetClass, Plan
from rollback.profiles import Profile, Traffic, is_keyless, new_keys_of, profile_of
from rollback.rollout import Rollout
from rollback.store import Loaded
from routing import wording
from routing.errors import MalformedState, StoreUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """What the caller wants supposed in the place of what is known: requests per second, share of new keys."""

    rate: float | None = None
    new_keys: float | None = None


@dataclass(frozen=True, slots=True)
class Arms:
    """The two models of a rollout, by name."""

    stable: str
    candidate: str


class Earlier(Protocol):
    """What is needed of `RolloutStore`: the endpoint's last rollout, and its counters."""

    async def load(self, endpoint: str) -> Loaded:
        """The endpoint's present state."""

    async def evidence(self, rollout: Rollout) -> tuple[dict[str, int], dict[str, int]]:
        """Cells and counts."""


class Forecasting:
    """Forecasts for the endpoints of `config`."""

    def __init__(self, config: Config, store: Earlier, rates: Rates) -> None:
        self._config = config
        self._store = store
        self._rates = rates

    async def made(
        self, endpoint: str, plan: Plan, supposed: Supposed, *, drifts: tuple[float, ...] = DRIFTS
    ) -> Forecast:
        """The forecast of `plan` on the endpoint. Without Redis nothing of earlier rollouts is known."""
        traffic, profile = await self._known(endpoint)
        if supposed.rate is not None:
            traffic = replace(traffic, requests_per_second=supposed.rate or None, seconds=0.0)
        if supposed.new_keys is not None:
            traffic = replace(traffic, new_keys=supposed.new_keys, new_keys_measured=True)
        return await anyio.to_thread.run_sync(lambda: forecast(plan, traffic, profile, drifts=drifts))

    async def bill(self, endpoint: str, arms: Arms, made: Forecast) -> Bill:
        """What the forecast costs at the configured prices, with the tokens of the endpoint's last rollout."""
        models, shadow = self._config.models, self._config.endpoints[endpoint].shadow
        prices = Prices(models[arms.stable].worth(), models[arms.candidate].worth(), shadow.max_tokens_per_minute)
        try:
            last = (await self._store.load(endpoint)).rollout
            counts = {} if last is None else (await self._store.evidence(last))[1]
        except (StoreUnavailable, MalformedState):
            counts = {}
        return bill(made, usage_of(counts), prices)

    async def before_start(self, endpoint: str, plan: Plan, arms: Arms) -> tuple[str, ...]:
        """Sentences for whoever starts a rollout; raises `InvalidPlan` where the plan cannot finish.

        Without a rate there is nothing to say but that, and only what needs no traffic to be known is refused.
        """
        if self._rates.of(endpoint).per_second is None:
            ensure_it_can_be_measured(plan, *await self._known(endpoint))
            return ()
        made = await self.made(endpoint, plan, Supposed(), drifts=())
        ensure_it_can_finish(made)
        return (*notes(made), *cost_notes(await self.bill(endpoint, arms, made)))

    async def _known(self, endpoint: str) -> tuple[Traffic, Profile]:
        shadow = self._config.endpoints[endpoint].shadow
        rate = self._rates.of(endpoint)
        traffic = Traffic(
            requests_per_second=rate.per_second,
            seconds=rate.seconds,
            sample=shadow.sample,
            noise_floor=shadow.noise_floor,
        )
        if self._votes_per_request(endpoint):
            traffic = replace(traffic, new_keys=1.0, new_keys_measured=True)
        try:
            loaded = await self._store.load(endpoint)
            last = loaded.rollout
            own = replace(last, epoch=last.own_epoch) if last is not None else None
            cells, counts = await self._store.evidence(own) if own is not None else ({}, {})
        except (StoreUnavailable, MalformedState):
            return traffic, profile_of({})
        traffic = replace(traffic, keyless=is_keyless(cells))
        new_keys = new_keys_of(cells, counts)
        if new_keys is not None and not traffic.new_keys_measured:
            traffic = replace(traffic, new_keys=new_keys, new_keys_measured=True)
        return traffic, profile_of(cells)

    def _votes_per_request(self, endpoint: str) -> bool:
        return self._config.endpoints[endpoint].vote_by.kind is KeyKind.REQUEST


def notes(made: Forecast) -> Iterator[str]:
    """The forecast in a few sentences, for whoever starts a rollout."""
    if made.seconds is not None:
        whole, rate = wording.duration(made.seconds), f"{made.traffic.requests_per_second:.3g} requests/s"
        steps = ", ".join(_step(stage) for stage in made.stages)
        yield f"harmless, it takes about {whole} at {rate}: {steps}"
    served = sum(stage.candidate_requests for stage in made.stages)
    yield f"by then the candidate has served about {wording.count(served)} requests"
    if made.traffic.keyless:
        yield "clients give no key to vote by: harm in pairs only holds, and what rolls back is what users get"
    supposed = assumed(made)
    if supposed:
        yield f"supposed, not measured: {'; '.join(supposed)}"


def cost_notes(foretold: Bill) -> Iterator[str]:
    """What it costs, in a sentence; nothing where a price is not configured."""
    cost = foretold.in_all
    if cost.candidate is None or cost.shadow is None or cost.saved is None or cost.added is None:
        return
    mirrors, own, instead = (wording.money(value) for value in (cost.shadow, cost.candidate, cost.saved))
    change = f"{wording.money(abs(cost.added))} {'more' if cost.added >= 0.0 else 'less'}"
    tokens = foretold.usage
    known = "as counted in the last rollout" if tokens.measured else "supposed, not measured"
    yield (
        f"it costs about {change} in all: mirrors {mirrors}, the candidate's answers {own} in place of {instead} for "
        f"stable's, at {tokens.prompt:.0f} prompt and {tokens.completion:.0f} completion tokens a request ({known})"
    )


def _step(stage: StageForecast) -> str:
    taken = (
        wording.duration(stage.seconds) if stage.seconds is not None else f"{wording.count(stage.requests)} requests"
    )
    return f"{wording.whom(stage.weight_bps, stage.include)} {taken} ({stage.waits_for})"


def assumed(made: Forecast) -> list[str]:
    """What stands on no measurement."""
    guarded = [budget.signal for budget in made.plan.budgets if budget.budget_class is not BudgetClass.OBSERVE]
    unknown = [signal for signal in guarded if not made.profile.of(signal).measured]
    found = [f"stable's own {', '.join(unknown)}"] if unknown else []
    if not made.traffic.new_keys_measured:
        found.append(f"{100 * made.traffic.new_keys:.0f} % of requests bring a key that has not voted yet")
    return found


def view(endpoint: str, arms: Arms, made: Forecast, foretold: Bill) -> View:
    """The forecast as the API shows it. Numbers that are not in sight are null."""
    traffic = made.traffic
    return {
        "endpoint": endpoint,
        "stable": arms.stable,
        "candidate": arms.candidate,
        "plan": made.plan.name,
        "can_finish": not made.why_not,
        "why_not": made.why_not,
        "seconds": _finite(made.seconds),
        "requests": _finite(made.requests),
        "traffic": {
            "requests_per_second": traffic.requests_per_second,
            "seen_for_seconds": traffic.seconds,
            "new_keys": traffic.new_keys,
            "keyless": traffic.keyless,
            "sample": traffic.sample,
            "noise_floor": traffic.noise_floor,
        },
        "assumed": assumed(made),
        "cost": _cost_view(foretold.in_all)
        | {
            "prompt_tokens": foretold.usage.prompt,
            "completion_tokens": foretold.usage.completion,
            "measured": foretold.usage.measured,
        },
        "stages": [
            _stage_view(stage) | {"cost": _cost_view(cost)}
            for stage, cost in zip(made.stages, foretold.stages, strict=True)
        ],
        "drifts": [_drift_view(drift) for drift in made.drifts],
    }


def _stage_view(stage: StageForecast) -> View:
    return {
        "weight_bps": stage.weight_bps,
        "include": list(stage.include),
        "requests": _finite(stage.requests),
        "late_requests": _finite(stage.late_requests),
        "candidate_requests": _finite(stage.candidate_requests),
        "seconds": _finite(stage.seconds),
        "late_seconds": _finite(stage.late_seconds),
        "waits_for": stage.waits_for,
    }


def _cost_view(cost: Cost) -> View:
    """In the currency of the prices; null where one is missing, or the stage is never left."""
    sums = {"candidate": cost.candidate, "shadow": cost.shadow, "saved": cost.saved, "added": cost.added}
    return {name: _finite(value) for name, value in sums.items()}


def _drift_view(drift: DriftForecast) -> View:
    return {
        "signal": drift.signal,
        "side": drift.side.value,
        "limit": drift.kind.value,
        "times": drift.times,
        "rolled_back": drift.caught,
        "promoted": drift.promoted,
        "candidate_requests": drift.candidate_requests,
        "late_candidate_requests": drift.late_candidate_requests,
        "seconds": drift.seconds,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None
