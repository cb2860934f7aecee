"""What a rollout will cost, before it starts: the forecast's requests, with known tokens, at the configured prices.

Three sums for each stage: what the candidate's answers to users cost, what the mirrors cost, and what stable would have
cost in the candidate's place. How many tokens an answer takes comes from the counters of an earlier rollout on the
endpoint, else it is supposed, and named as supposed; the candidate is supposed to say as much as stable. A sum that
needs a price which is not configured is None: half a sum would look like a whole one.

Not here: what a judge model costs, which has a bound of its own in calls per minute.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from rollback.forecast import Forecast, StageForecast
from rollback.profiles import LEAST_COUNTS, Traffic
from routing.bucketing import WEIGHT_SCALE
from shadow.spending import Price

_MILLION: Final = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request and its answer, on average; `measured` says whether counters stand behind them."""

    prompt: float
    completion: float
    measured: bool = True

    def cost(self, price: Price) -> float:
        """Of one answer, in the currency of the prices."""
        return (self.prompt * price.input + self.completion * price.output) / _MILLION


SUPPOSED: Final = Usage(500.0, 250.0, measured=False)
"""A paragraph or two about a page of text: what a chat application without long documents has."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Of the two arms; None where the configuration has none. `max_tokens_per_minute` bounds the mirrors."""

    stable: Price | None
    candidate: Price | None
    max_tokens_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What one stage costs, or all: None where a price is missing, inf where the stage is never left.

    `candidate`: the candidate's answers to users. `shadow`: mirrors. `saved`: stable's answers that these users would
    have had instead.
    """

    candidate: float | None
    shadow: float | None
    saved: float | None

    @property
    def added(self) -> float | None:
        """What the rollout adds to the bill."""
        if self.candidate is None or self.shadow is None or self.saved is None:
            return None
        return self.candidate + self.shadow - self.saved


def usage_of(counts: Mapping[str, int]) -> Usage:
    """Stable's tokens in an earlier rollout's counters; supposed where they hold too few answers."""
    answers = counts.get("metered.stable", 0)
    if answers < LEAST_COUNTS:
        return SUPPOSED
    return Usage(counts.get("prompted.stable", 0) / answers, counts.get("completed.stable", 0) / answers)


def stage_cost(stage: StageForecast, traffic: Traffic, usage: Usage, prices: Prices) -> Cost:
    """What one stage costs with a harmless candidate, on average."""
    stable = None if prices.stable is None else usage.cost(prices.stable)
    candidate = None if prices.candidate is None else usage.cost(prices.candidate)
    to_candidate, to_stable = mirrors(stage.weight_bps, traffic)
    passed = _passed(to_candidate + to_stable, traffic, usage, prices.max_tokens_per_minute)
    mirrored = _sum((_times(to_candidate * passed, candidate), _times(to_stable * passed, stable)))
    return Cost(
        candidate=_times(stage.candidate_requests, candidate),
        shadow=_times(stage.requests, mirrored),
        saved=_times(stage.candidate_requests, stable),
    )


@dataclass(frozen=True, slots=True)
class Bill:
    """A forecast in money: each stage's part, and the tokens that it is reckoned with."""

    stages: tuple[Cost, ...]
    usage: Usage

    @property
    def in_all(self) -> Cost:
        """Of all stages together."""
        return Cost(
            _sum(stage.candidate for stage in self.stages),
            _sum(stage.shadow for stage in self.stages),
            _sum(stage.saved for stage in self.stages),
        )


def bill(made: Forecast, usage: Usage, prices: Prices) -> Bill:
    """What a forecast costs."""
    return Bill(tuple(stage_cost(stage, made.traffic, usage, prices) for stage in made.stages), usage)


def mirrors(weight_bps: int, traffic: Traffic) -> tuple[float, float]:
    """Mirrors of one request to the candidate and to stable, by the rule of `shadow.sampling`."""
    share, floor = weight_bps / WEIGHT_SCALE, traffic.noise_floor
    pairs = _each_key_once(floor + (1.0 - floor) * traffic.sample, traffic.new_keys)
    return pairs * (1.0 - share), pairs * share + _each_key_once(floor, traffic.new_keys)


def _each_key_once(drawn: float, new_keys: float) -> float:
    """The share of requests that are mirrored: of each key the first that is drawn, if a key's requests end by chance.

    Chances q of a new key and s of being drawn: q · s / (1 − (1 − q)(1 − s)).
    """
    return new_keys * drawn / (new_keys + drawn - new_keys * drawn) if drawn and new_keys else 0.0


def _passed(mirrored: float, traffic: Traffic, usage: Usage, most: int | None) -> float:
    """The share of mirrors that the budget of tokens lets through; all of them where no rate is known."""
    wanted = 60.0 * (traffic.requests_per_second or 0.0) * mirrored * (usage.prompt + usage.completion)
    return min(1.0, most / wanted) if most is not None and wanted else 1.0


def _times(count: float, each: float | None) -> float | None:
    """Nothing costs nothing, whatever the price; and what is free is free, however often."""
    return 0.0 if not count or each == 0.0 else None if each is None else count * each


def _sum(values: Iterable[float | None]) -> float | None:
    known = tuple(values)
    return None if None in known else sum(value for value in known if value is not None)
