"""Supposed rollouts, drawn many at a time: when a stage would be left, and when a drift would be caught.

The number of votes that a proof needs varies from rollout to rollout by half of itself, and a stage waits for the
slowest of several proofs, so a formula for the mean is wrong by more than a forecast may be. Drawing is short (a few
hundred rollouts, looked at after geometrically growing numbers of requests, from the first at which a stage may be left
until none is waited for), and repeatable: the generator's seed is fixed, so the same plan and traffic give the same
forecast.

Not here: what is observed (`rollback.forecast_streams`), and what is made of it (`rollback.forecast`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, inf, log
from typing import Final

import numpy as np
import numpy.typing as npt

from rollback.budget import Test, question
from rollback.decision import HOLDING_BURN
from rollback.forecast_streams import StageSetting, Stream
from rollback.plan import BudgetClass
from rollback.sequential import Floats, Prior
from routing.bucketing import WEIGHT_SCALE

RUNS: Final = 200
"""A mean is then known to about 4 %."""

APART: Final = 1.08
"""Each look is so many times later than the one before: what happens between two of them is known to 4 %."""

LOOKS: Final = 96
"""No stage has more of them: what begins with three votes and goes on for long is looked at less often."""

AT_ONCE: Final = 8
"""So many looks are drawn together; when nothing is left to wait for, no more are."""

AS_LONG: Final = 6.0
"""A stage is followed for so many times its expected length; hardly any proof needs longer."""

_SEED: Final = 20_261_121

Flags = npt.NDArray[np.bool_]


@dataclass(slots=True, eq=False)
class Walkers:
    """Supposed rollouts on their way: the log wealth of each harm test's bets, and what has been served.

    `alive` are those that are still under way, neither caught nor kept in a stage for good.
    """

    wealth: dict[Test, Floats]
    requests: Floats
    served: Floats
    caught: Flags
    alive: Flags


@dataclass(frozen=True, slots=True, eq=False)
class Leaving:
    """When each rollout of a harmless candidate leaves a stage, in requests of the endpoint (inf: not in sight).

    `alone` says by signal when that signal would let it, were it the only one; not before the stage's floor.
    """

    together: Floats
    alone: Mapping[str, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class _Followed:
    """One signal through one stage: flags by rollout and look, and the harm tests' log wealth there."""

    harm: Flags
    burning: Flags
    answered: Flags
    wealth: Mapping[Test, Floats]


def starting() -> Walkers:
    """All at the beginning."""
    return Walkers({}, np.zeros(RUNS), np.zeros(RUNS), np.zeros(RUNS, bool), np.ones(RUNS, bool))


def generator() -> np.random.Generator:
    """The one source of chance, always the same."""
    return np.random.default_rng(_SEED)


def needed(setting: StageSetting, signal: str, drift: float) -> float:
    """About how many requests until the signal's slowest question is answered; inf where evidence leads away."""
    fastest: dict[object, float] = {}
    for stream in setting.streams(signal, drift):
        for bets in stream.bets:
            if bets.no_harm is not None:
                gain = _growth(stream, bets.no_harm)
                key = question(bets.test)
                fastest[key] = min(fastest.get(key, inf), bets.no_harm_bar / gain if gain > 0.0 else inf)
    return max(fastest.values(), default=0.0)


def floor_of(setting: StageSetting) -> float:
    """Requests before which the stage may not be left: its `min_keys`, and its bake time at the present rate."""
    stage, traffic = setting.stage, setting.traffic
    w = stage.weight_bps / WEIGHT_SCALE
    per_request = traffic.new_keys * (w if stage.weight_bps else max(traffic.sample, traffic.noise_floor))
    keys = stage.min_keys / per_request if per_request > 0.0 else (inf if stage.min_keys else 0.0)
    return max(1.0, keys, stage.bake_seconds * (traffic.requests_per_second or 0.0))


def leaving(setting: StageSetting, random: np.random.Generator) -> Leaving:
    """When rollouts of a harmless candidate leave the stage."""
    floor = floor_of(setting)
    slowest = max((needed(setting, signal, setting.wanted(signal)) for signal in setting.guardrails), default=0.0)
    if setting.unanswerable() or not np.isfinite(floor) or not np.isfinite(slowest):
        never = np.full(RUNS, inf)
        return Leaving(never, dict.fromkeys(setting.guardrails, never))
    grid = _looks(floor, AS_LONG * slowest)
    drawn = {signal: _Drawn(setting.streams(signal, setting.wanted(signal))) for signal in setting.guardrails}
    shown: dict[str, list[Flags]] = {signal: [] for signal in drawn}
    together: list[Flags] = []
    for at in range(0, len(grid), AT_ONCE):
        looks = grid[at : at + AT_ONCE]
        for signal, streams in drawn.items():
            shown[signal].append(_followed(streams.until(looks, random), None, len(looks)).answered)
        everything = [flags[-1] for flags in shown.values()]
        together.append(np.logical_and.reduce(everything) if everything else np.ones((RUNS, len(looks)), bool))
        if np.logical_or.reduce([flags.any(axis=1) for flags in together]).all():
            break
    alone = {signal: _first(np.concatenate(flags, axis=1), grid) for signal, flags in shown.items()}
    return Leaving(_first(np.concatenate(together, axis=1), grid), alone)


def advance(
    setting: StageSetting, signal: str, drift: float, others: Floats, walkers: Walkers, random: np.random.Generator
) -> None:
    """Take the rollouts that are under way through the stage: each is caught there, leaves it, or stays for good.

    `others` says for each rollout when everything but this signal would let it leave. What is gathered in one stage is
    carried to the next, since harm is judged on all stages.
    """
    streams = setting.streams(signal, drift)
    grid = _grid(setting, signal, drift, streams, others)
    drawn, parts, may_leave = _Drawn(streams), list[_Followed](), list[Flags]()
    undecided = walkers.alive
    for at in range(0, len(grid), AT_ONCE):
        looks = grid[at : at + AT_ONCE]
        seen = _followed(drawn.until(looks, random), walkers.wealth, len(looks))
        parts.append(seen)
        may_leave.append(seen.answered & ~seen.burning & (looks >= others[:, None]))
        undecided = undecided & ~seen.harm.any(axis=1) & ~may_leave[-1].any(axis=1)
        if not undecided.any():
            break
    leaves = np.concatenate(may_leave, axis=1)
    caught_at = _first(np.concatenate([seen.harm for seen in parts], axis=1), grid)
    left_at = np.maximum(others, _first(leaves, grid))
    caught = walkers.alive & np.isfinite(caught_at) & (caught_at <= left_at)
    passed = walkers.alive & ~caught & np.isfinite(left_at)
    spent = np.where(caught, caught_at, np.where(passed, left_at, 0.0))
    walkers.requests += spent
    walkers.served += spent * setting.stage.weight_bps / WEIGHT_SCALE
    walkers.caught |= caught
    walkers.alive = passed
    last = leaves.argmax(axis=1)
    for test in parts[0].wealth:
        path = np.concatenate([seen.wealth[test] for seen in parts], axis=1)
        walkers.wealth[test] = path[np.arange(RUNS), last]


def _growth(stream: Stream, steps: Floats) -> float:
    """How much log evidence the best single bet gains per request."""
    return float((stream.chances @ steps).max()) * stream.per_request


def _looks(first: float, last: float) -> Floats:
    """Numbers of requests at which a stage is looked at, from the first on."""
    last = max(last, first * 4.0)
    return np.geomspace(first, last, min(LOOKS, 1 + ceil(log(last / first, APART))))


def _grid(setting: StageSetting, signal: str, drift: float, streams: Sequence[Stream], others: Floats) -> Floats:
    """Fine enough for what is caught after a few votes, and long enough for what is left last."""
    known = others[np.isfinite(others)]
    last = [2.0 * float(known.max(initial=1.0))]
    for about in (
        needed(setting, signal, setting.wanted(signal)),
        needed(setting, signal, drift),
        _until_harm(streams),
    ):
        last += [AS_LONG * about] if np.isfinite(about) else []
    densest = max((stream.per_request for stream in streams), default=1.0)
    return _looks(3.0 / densest, max(last))


def _until_harm(streams: Sequence[Stream]) -> float:
    gains = [(bets.test.bar, _growth(stream, bets.harm)) for stream in streams for bets in stream.bets]
    return min((bar / gain for bar, gain in gains if gain > 0.0), default=inf)


@dataclass(slots=True, eq=False)
class _Drawn:
    """What was seen so far of some streams, by rollout and value."""

    streams: Sequence[Stream]
    votes: list[int] = field(init=False)
    counts: list[Floats] = field(init=False)

    def __post_init__(self) -> None:
        self.votes = [0] * len(self.streams)
        self.counts = [np.zeros((RUNS, len(stream.chances))) for stream in self.streams]

    def until(self, looks: Floats, random: np.random.Generator) -> list[tuple[Stream, Floats]]:
        """Draw on; how often each value was seen by each of the next looks: rollouts × looks × values."""
        found = []
        for index, stream in enumerate(self.streams):
            votes = np.round(looks * stream.per_request).astype(np.int64)
            fresh = np.broadcast_to(np.diff(votes, prepend=self.votes[index]), (RUNS, len(looks)))
            drawn = random.multinomial(fresh, stream.chances).cumsum(axis=1) + self.counts[index][:, None, :]
            self.votes[index], self.counts[index] = int(votes[-1]), drawn[:, -1]
            found.append((stream, drawn))
        return found


def _followed(drawn: Iterable[tuple[Stream, Floats]], before: Mapping[Test, Floats] | None, looks: int) -> _Followed:
    """Judge what was drawn at every look.

    `before` is the harm tests' log wealth from earlier stages; with None nobody asks about harm.
    """
    shape = (RUNS, looks)
    harm, burning = np.zeros(shape, bool), np.zeros(shape, bool)
    shown: dict[object, Flags] = {}
    wealth = {}
    for stream, counts in drawn:
        for bets in stream.bets:
            test = bets.test
            if before is not None and test.budget_class is BudgetClass.GUARDRAIL:
                earlier = before.get(test)
                path = counts @ bets.harm + (0.0 if earlier is None else earlier[:, None, :])
                log_e = _log_mean(path, bets.harm_prior)
                harm |= log_e >= test.bar
                burning |= log_e >= HOLDING_BURN * test.bar
                wealth[test] = path
            if bets.no_harm is not None:
                flags = _log_mean(counts @ bets.no_harm, bets.no_harm_prior) >= bets.no_harm_bar
                shown[question(test)] = flags | shown.get(question(test), False)
    answered = np.ones(shape, bool)
    for flags in shown.values():
        answered &= flags
    return _Followed(harm, burning, answered, wealth)


def _log_mean(log_wealth: Floats, over: Prior) -> Floats:
    """The log evidence of each rollout and look, from the log wealth of each bet."""
    total = log_wealth + over.log_weights
    top = total.max(axis=-1)
    out: Floats = top + np.log(np.exp(total - top[..., None]).sum(axis=-1))
    return out


def _first(flags: Flags, grid: Floats) -> Floats:
    """For each rollout when it became true: between the looks around it, at the first one if by then; inf: never."""
    index = flags.argmax(axis=1)
    at = np.sqrt(grid[np.maximum(index - 1, 0)] * grid[index])
    return np.where(flags.any(axis=1), at, inf)
