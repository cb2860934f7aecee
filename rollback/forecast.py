"""What a plan will take, before it starts: time and exposure if the candidate is harmless, exposure until it is caught.

For a harmless candidate each stage takes as long as its slowest proof, its `min_keys` or its bake, whatever is last.
For a candidate that drifts, by half the limit up to five times, the forecast says how often it is rolled back, and how
many requests it has served by then. All of it with the judge's own tests, priors and levels (`forecast_streams`), for
the traffic and the behaviour of stable that are known or supposed (`profiles`).

A plan *cannot finish* if a stage asks what nothing in it can answer, or if the stage's deadline passes first, or if it
would take longer than anybody waits. The last two depend on the rate of requests, and are said only of a rate that was
given or was seen for long enough.

Not modelled: keys that run out, a candidate that fails to answer, and fewer mirrors because an upstream is busy.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import Final

import numpy as np

from rollback.budget import Test, expand
from rollback.errors import InvalidPlan
from rollback.forecast_runs import Leaving, advance, floor_of, generator, leaving, starting
from rollback.forecast_streams import StageSetting
from rollback.plan import BudgetClass, Plan
from rollback.profiles import Profile, SignalProfile, Traffic
from rollback.sequential import Floats
from rollback.verdict import Side, Source, TestKind
from routing import wording
from routing.bucketing import WEIGHT_SCALE

DRIFTS: Final = (0.5, 1.0, 2.0, 5.0)
"""Multiples of the limit at which detection is forecast."""

LONGEST_SECONDS: Final = 90 * 86_400.0
"""A plan that would take a quarter of a year is refused: the traffic is not enough for these limits."""

TRUSTED_SECONDS: Final = 600.0
"""A rate seen for less is no reason to refuse: a gateway that has just started has seen hardly anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageForecast:
    """One stage with a harmless candidate, on average. `requests` are the endpoint's; inf: never left.

    `late_requests` is what one rollout in ten exceeds. Where fewer than that are not in sight of an end at all, the
    average is of the others. `seconds` and `late_seconds` are None without a rate.
    `waits_for` is the signal whose proof comes last, or `time`, or `keys`. `unanswerable` are signals that nothing in
    this stage can show harmless, `include` the rings that it exposes beside its weight.
    """

    weight_bps: int
    requests: float
    late_requests: float
    candidate_requests: float
    seconds: float | None
    late_seconds: float | None
    waits_for: str
    unanswerable: tuple[str, ...] = ()
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftForecast:
    """What becomes of a candidate whose `signal` drifts by `times` × a limit (reckoned from what is expected).

    The limit is that of `side` and `kind`; `drift` is in units of X, also where the limit is a ratio or a ceiling.
    `caught` is the share that is rolled back; the rest is promoted, or held for good. `candidate_requests` is what the
    candidate serves on average until it is caught, `late_candidate_requests` what one caught rollout in ten exceeds;
    None where hardly any is caught. `seconds` is None without a rate.
    """

    signal: str
    side: Side
    kind: TestKind
    times: float
    drift: float
    caught: float
    promoted: float
    candidate_requests: float | None
    late_candidate_requests: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """All that can be said of a plan beforehand. `why_not` says why it cannot finish; empty where it can."""

    plan: Plan
    traffic: Traffic
    profile: Profile
    stages: tuple[StageForecast, ...]
    drifts: tuple[DriftForecast, ...]
    why_not: str = ""

    @property
    def requests(self) -> float:
        """Requests of the endpoint until a harmless candidate has passed every stage."""
        return sum(stage.requests for stage in self.stages)

    @property
    def seconds(self) -> float | None:
        """The time that takes; None without a rate."""
        seconds = [stage.seconds for stage in self.stages if stage.seconds is not None]
        return sum(seconds) if len(seconds) == len(self.stages) else None


def forecast(plan: Plan, traffic: Traffic, profile: Profile, *, drifts: tuple[float, ...] = DRIFTS) -> Forecast:
    """The forecast of a plan. Without `drifts` only the harmless candidate's part, which is ten times quicker."""
    tests = tuple(_warning(test) if traffic.keyless else test for test in expand(plan, 1))
    settings = [StageSetting(plan, tests, index, traffic, profile) for index in range(len(plan.stages))]
    random = generator()
    left = [leaving(setting, random) for setting in settings]
    stages = tuple(_stage(setting, each) for setting, each in zip(settings, left, strict=True))
    caught = tuple(
        _drift(settings, left, limit, times)
        for budget in plan.budgets
        if budget.budget_class is BudgetClass.GUARDRAIL and profile.of(budget.signal).applies > 0.0
        for limit in _limits(settings[0], budget.signal)
        for times in drifts
        if limit.can_be(times)
    )
    return Forecast(
        plan=plan,
        traffic=traffic,
        profile=profile,
        stages=stages,
        drifts=caught,
        why_not=_why_not(plan, traffic, stages),
    )


def _warning(test: Test) -> Test:
    """The test where clients give no key: harm in pairs holds, and does not roll back."""
    paired = test.source is Source.PAIRED and test.budget_class is BudgetClass.GUARDRAIL
    return replace(test, budget_class=BudgetClass.SIGNAL) if paired else test


def ensure_it_can_be_measured(plan: Plan, traffic: Traffic, profile: Profile) -> None:
    """Raises `InvalidPlan` where a stage asks what nothing in it can answer. Draws nothing, and needs no rate."""
    tests = expand(plan, 1)
    for index in range(len(plan.stages)):
        why_not = _unmeasured(index, plan, StageSetting(plan, tests, index, traffic, profile).unanswerable())
        if why_not:
            raise InvalidPlan(f"plan {plan.name!r} cannot finish: {why_not}")


def ensure_it_can_finish(made: Forecast) -> None:
    """Raises `InvalidPlan` with the reason where the plan cannot finish."""
    if made.why_not:
        raise InvalidPlan(f"plan {made.plan.name!r} cannot finish: {made.why_not}")


def _stage(setting: StageSetting, left: Leaving) -> StageForecast:
    traffic, stage = setting.traffic, setting.stage
    at, late = left.together, _late(left.together)
    mean = float(at[np.isfinite(at)].mean()) if late < inf else inf
    rate = traffic.requests_per_second
    return StageForecast(
        weight_bps=stage.weight_bps,
        requests=mean,
        late_requests=late,
        candidate_requests=mean * stage.weight_bps / WEIGHT_SCALE if stage.weight_bps else 0.0,
        seconds=mean / rate if rate else None,
        late_seconds=late / rate if rate else None,
        waits_for=_waits_for(setting, left, mean),
        unanswerable=setting.unanswerable(),
        include=stage.include,
    )


def _waits_for(setting: StageSetting, left: Leaving, mean: float) -> str:
    floor = floor_of(setting)
    if mean <= floor * 1.05:
        baked = setting.stage.bake_seconds * (setting.traffic.requests_per_second or 0.0)
        return "time" if baked >= floor else "keys"
    return max(left.alone, key=lambda signal: _usual_and_late(left.alone[signal]), default="time")


def _usual_and_late(at: Floats) -> tuple[float, float]:
    return float(np.median(at)), _late(at)


def _late(at: Floats) -> float:
    """What one rollout in ten exceeds."""
    return float(np.sort(at)[int(0.9 * len(at))])


@dataclass(frozen=True, slots=True)
class _Limit:
    """A limit of one signal, as the drift `at` it in units of X. `wanted` is that of a candidate that does well."""

    signal: str
    side: Side
    kind: TestKind
    wanted: float
    at: float
    stable: SignalProfile

    def drift(self, times: float) -> float:
        """So many times the limit."""
        return self.wanted + times * (self.at - self.wanted)

    def can_be(self, times: float) -> bool:
        """Whether a candidate can drift so far: no rate falls below 0 or rises above 1."""
        return self.stable.spread > 0.0 or 0.0 <= self.stable.rate + self.drift(times) <= 1.0


def _limits(setting: StageSetting, signal: str) -> tuple[_Limit, ...]:
    """Each limit once, whichever sources there are for it. A tail's is left out: how it moves is not supposed."""
    stable, wanted = setting.profile.of(signal), setting.wanted(signal)
    at: dict[tuple[Side, TestKind], float] = {}
    for test in setting.tests:
        if test.signal == signal and test.kind is not TestKind.TAIL:
            at[test.side, test.kind] = _drift_at(test, stable.rate)
    return tuple(_Limit(signal, side, kind, wanted, each, stable) for (side, kind), each in at.items())


def _drift_at(test: Test, rate: float) -> float:
    if test.kind is TestKind.RATIO:
        return rate * (test.limit - 1.0)
    return test.limit - rate if test.kind is TestKind.CEILING else test.limit


def _drift(settings: list[StageSetting], left: list[Leaving], limit: _Limit, times: float) -> DriftForecast:
    drift, signal = limit.drift(times), limit.signal
    walkers, random = starting(), generator()
    for setting, stage in zip(settings, left, strict=True):
        others = np.full(len(stage.together), floor_of(setting))
        for name, at in stage.alone.items():
            others = others if name == signal else np.maximum(others, at)
        advance(setting, signal, drift, others, walkers, random)
        if not walkers.alive.any():
            break
    caught = walkers.caught
    enough = float(caught.mean()) >= 0.01  # noqa: PLR2004 - one in a hundred: nothing can be said of fewer
    served = walkers.served[caught]
    rate = settings[0].traffic.requests_per_second
    return DriftForecast(
        signal=signal,
        side=limit.side,
        kind=limit.kind,
        times=times,
        drift=drift,
        caught=float(caught.mean()),
        promoted=float(walkers.alive.mean()),
        candidate_requests=float(served.mean()) if enough else None,
        late_candidate_requests=_late(served) if enough else None,
        seconds=float(walkers.requests[caught].mean()) / rate if enough and rate else None,
    )


def _place(index: int, plan: Plan) -> str:
    return f"stage {index + 1} ({wording.weight(plan.stages[index].weight_bps)})"


def _unmeasured(index: int, plan: Plan, signals: tuple[str, ...]) -> str:
    if not signals:
        return ""
    return f"{_place(index, plan)} asks about {', '.join(signals)}, and nothing there measures it: {_ADVICE}"


def _why_not(plan: Plan, traffic: Traffic, stages: tuple[StageForecast, ...]) -> str:
    for index, stage in enumerate(stages):
        if stage.unanswerable:
            return _unmeasured(index, plan, stage.unanswerable)
        if stage.requests == inf:
            lacking = "no request there brings a vote" if stage.waits_for == "keys" else _NOT_IN_SIGHT
            return f"{_place(index, plan)} is never left: {lacking.format(stage.waits_for)}"
    if traffic.requests_per_second is None or 0.0 < traffic.seconds < TRUSTED_SECONDS:
        return ""
    for index, (stage, planned) in enumerate(zip(stages, plan.stages, strict=True)):
        seconds, deadline = stage.seconds or 0.0, planned.deadline_seconds
        if deadline is not None and seconds > deadline:
            return (
                f"{_place(index, plan)} takes about {wording.duration(seconds)} "
                f"at {_rate(traffic.requests_per_second)}, and its deadline is {wording.duration(deadline)}: "
                "give it longer, a wider margin, or wider limits"
            )
    whole = sum(stage.seconds or 0.0 for stage in stages)
    if whole > LONGEST_SECONDS:
        days = f"{whole / 86_400.0:,.0f} days"
        return f"at {_rate(traffic.requests_per_second)} it takes about {days}: mirror more, or widen limits or margins"
    return ""


_NOT_IN_SIGHT: Final = "as stable is known to answer, a proof for {} is not in sight: widen its limit or the margin"
_ADVICE: Final = "raise the endpoint's shadow sample or noise floor, make the budget optional, or switch it off"


def _rate(per_second: float) -> str:
    return f"{per_second:.3g} requests/s"
