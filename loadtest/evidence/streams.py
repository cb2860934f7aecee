"""Simulated rollouts for the benchmark of the judge: many runs of 30,000 votes, looked at after every one of them.

A run is a list of its *events*, the votes on which the arms differ; everything else is a vote of value 0. Between two
events that speak for harm the log e-value can only fall, so looking at those events alone is looking after every
request, at a fiftieth of the cost. To show no harm it can only rise between them, so there the look is at the vote
before each event that speaks against it, and at the last vote.

What a vote is worth is not written here: each kind of vote is a counter's name, and the product says, through
`case_of`, `log_evidence` and its own priors, by what factor that counter multiplies each bet. `Claim.check` hands the
counters of drawn moments to the product's `judge` and demands the same number.

Not here: which runs are simulated (`scenes`), and what is made of them (`figures`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, log
from typing import Final

import numpy as np
import numpy.typing as npt

from rollback import commands
from rollback.budget import Test, expand, no_harm_alpha
from rollback.cases import Case, case_of, harm_prior
from rollback.evidence import judge
from rollback.ledger import read
from rollback.plan import Budget, Plan, Stage
from rollback.rollout import Rollout
from rollback.sequential import Floats, Prior, log_evidence
from rollback.verdict import Side, SignalReport, Source, TestKind, Verdict

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
CHUNK: Final = 250
"""Runs simulated at once: some hundred megabytes."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Votes as they come. `up` and `down` are the chances, by vote, of an event for and against harm; `stage` is the
    index into `weights_bps` (0 for pairs) by vote.
    """

    name: str
    up: Floats
    down: Floats
    stage: Ints
    weights_bps: tuple[int, ...]
    budget: Budget
    source: Source
    kind: TestKind = TestKind.POINTS
    margin: float = 1.0

    @property
    def votes(self) -> int:
        """Votes in each run."""
        return len(self.up)

    def exposed(self) -> Floats:
        """Requests served by the candidate up to each vote, on average."""
        weights = np.array(self.weights_bps, dtype=np.float64) / 10_000
        return np.cumsum(weights[self.stage])


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """One test of the product, as the simulation needs it: `steps[3 · stage + kind]` is the log factor of each bet for
    an event up, an event down and a vote of value 0, and `gains` is what each returns on a stake of 1, less the stake.
    """

    scene: Scene
    rollout: Rollout
    test: Test
    over: Prior
    steps: Floats
    gains: Floats
    is_harm: bool

    def log_e(self, counts: Floats) -> Floats:
        """Log e-values for rows of counts, ordered as `steps`."""
        log_wealth = counts @ self.steps + self.over.log_weights
        top = log_wealth.max(axis=1)
        found: Floats = top + np.log(np.exp(log_wealth - top[:, None]).sum(axis=1))
        return found

    def cells(self, counts: Floats) -> dict[str, int]:
        """One row of counts as the product keeps them."""
        return {name: int(count) for name, count in zip(names_of(self.scene), counts, strict=True) if count}

    def judged(self, cells: Mapping[str, int]) -> SignalReport:
        """What the product's own judge says of this test."""
        test = self.test
        (row,) = (
            each
            for each in judge(self.rollout, cells)
            if (each.signal, each.source, each.test, each.side) == (test.signal, test.source, test.kind, test.side)
        )
        return row

    def check(self, counts: Floats) -> None:
        """The product's own judge sees the same log e-value in these counts; raises `AssertionError`."""
        row, mine = self.judged(self.cells(counts)), float(self.log_e(counts[None, :])[0])
        if self.is_harm:
            assert abs(row.burn - min(1.0, max(0.0, mine / self.test.bar))) < 1e-9, (row, mine)
            assert (row.verdict is Verdict.HARM) == (mine >= self.test.bar), (row, mine)
        elif row.stage_n:
            plan = self.rollout.plan
            alpha = no_harm_alpha(self.test, expand(plan, 1), plan.alpha, self.rollout.weight_bps)
            assert row.harmless == (mine >= log(1.0 / alpha)), (row, mine)


def claim(scene: Scene, *, is_harm: bool = True) -> Claim:
    """The test that judges the scene, with the factors that the product gives each kind of vote."""
    stages = tuple(Stage(weight, margin=scene.margin) for weight in scene.weights_bps)
    rollout = new_rollout(Plan("simulated", 0.05, 10.0, 900.0, stages, (scene.budget,)))
    found = [
        test
        for test in expand(rollout.plan, 1)
        if (test.source, test.kind, test.side) == (scene.source, scene.kind, Side.UPPER)
    ]
    (test,) = found
    probe = _probe(rollout, test, names_of(scene)[2])
    over = harm_prior(test) if is_harm else probe.no_harm_prior
    names = names_of(scene)
    singles = [replace(over, bets=over.bets[k : k + 1], log_weights=np.zeros(1)) for k in range(len(over.bets))]
    steps = [_factors(rollout, test, name, singles, is_harm=is_harm) for name in names]
    half = [Prior(np.array([0.5]), np.zeros(1))]
    gains = np.expm1([_factors(rollout, test, name, half, is_harm=is_harm)[0] for name in names]) / 0.5
    return Claim(scene, rollout, test, over, np.array(steps), gains, is_harm)


def new_rollout(plan: Plan) -> Rollout:
    """A rollout of this plan at its first stage."""
    return commands.start(
        id="simulated-1",
        endpoint="simulated",
        stable="old",
        candidate="new",
        plan=plan,
        salt="salt",
        revision=1,
        epoch=1,
        actor="benchmark",
        reason="simulation",
        now=0.0,
        signal_versions={},
    )


def names_of(scene: Scene) -> list[str]:
    """The counter of each kind of vote, by stage: for harm, against it, neither."""
    signal = scene.budget.signal
    names: list[str] = []
    for stage, weight in enumerate(scene.weights_bps):
        if scene.source is Source.PAIRED:
            names += [f"p/{signal}/*/{stage}/{index}" for index in (20, -20, 0)]
            continue
        place = f"s/{signal}/*/{stage}/{weight}"
        names += [f"{place}/candidate/1", f"{place}/stable/1", f"{place}/candidate/0"]
    return names


def _probe(rollout: Rollout, test: Test, name: str) -> Case:
    return case_of(rollout, read({name: 1}), test, "*")


def _factors(rollout: Rollout, test: Test, name: str, priors: Sequence[Prior], *, is_harm: bool) -> list[float]:
    """What the product's `log_evidence` says of one vote, prior by prior."""
    case = _probe(rollout, test, name)
    mean = 0.0 if test.kind is TestKind.RATIO else test.limit
    tally = case.harm
    if not is_harm:
        tally, mean = case.own.mirrored(), -test.limit_at(rollout.plan.stages[rollout.stage].margin)
    return [log_evidence(tally, mean, each) for each in priors]


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Moments of some runs: which run, after how many votes, the counts then, and whether harm's side just rose."""

    run: Ints
    vote: Ints
    counts: Floats


def looks(scene: Scene, runs: int, seed: int, *, is_harm: bool) -> Iterator[tuple[int, Looks]]:
    """Chunks of runs, each with every moment at which its log e-value may be at its highest."""
    random = np.random.default_rng(seed)
    for start in range(0, runs, CHUNK):
        size = min(CHUNK, runs - start)
        found = events(scene, size, random)
        yield size, rises(scene, found) if is_harm else _falls(scene, found)


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Events of some runs, in order: `at` is the vote's index, `up` and `down` say which of them count."""

    at: Ints
    up: Bools
    down: Bools


def events(scene: Scene, runs: int, random: np.random.Generator) -> Events:
    """By thinning: as many as the busiest moment would have, each kept with the chance of its own moment."""
    chance = scene.up + scene.down
    most = max(float(chance.max()), 1e-9)
    expected = scene.votes * most
    columns = int(expected + 7.0 * expected**0.5 + 12.0)
    votes = random.geometric(most, (runs, columns)).cumsum(axis=1)
    inside = votes <= scene.votes
    at = np.where(inside, votes, 1) - 1
    drawn = random.random((runs, columns)) * most
    up = inside & (drawn < scene.up[at])
    return Events(at, up, inside & ~up & (drawn < chance[at]))


def rises(scene: Scene, found: Events) -> Looks:
    """The moments just after each event for harm."""
    return _counted(scene, found.up, found.at + 1, found.up, found.down, including=True)


def _falls(scene: Scene, found: Events) -> Looks:
    """The moments just before each event of either kind, and the last vote, as if an event followed it."""
    runs = len(found.at)
    never = np.zeros((runs, 1), dtype=bool)
    at = np.hstack([found.at, np.full((runs, 1), scene.votes, dtype=np.int64)])
    up, down = np.hstack([found.up, never]), np.hstack([found.down, never])
    where = up | down
    where[:, -1] = True
    return _counted(scene, where, at, up, down, including=False)


def _counted(
    scene: Scene,
    where: Bools,
    vote: Ints,
    up: Bools,
    down: Bools,
    *,
    including: bool,
) -> Looks:
    """Counts at the chosen moments, `vote` votes in, with or without the event there."""
    run = np.nonzero(where)[0]
    then = vote[where]
    stages = len(scene.weights_bps)
    counts = np.empty((len(run), 3 * stages))
    event_stage = scene.stage[np.minimum(vote if not including else vote - 1, scene.votes - 1)]
    for stage in range(stages):
        here = event_stage == stage
        passed = np.concatenate([[0], np.cumsum(scene.stage == stage)])
        for offset, events in enumerate((up, down)):
            mine = events & here
            total = mine.cumsum(axis=1)
            counts[:, 3 * stage + offset] = (total if including else total - mine)[where]
        counts[:, 3 * stage + 2] = passed[then] - counts[:, 3 * stage] - counts[:, 3 * stage + 1]
    return Looks(run, then, counts)


def highest(over: Claim, runs: int, seed: int, checks: int = 0) -> Floats:
    """The highest log e-value that each run ever has; `checks` moments are judged by the product as well."""
    found = np.full(runs, -inf)
    done = 0
    for size, seen in looks(over.scene, runs, seed, is_harm=over.is_harm):
        log_e = over.log_e(seen.counts)
        np.maximum.at(found, seen.run + done, log_e)
        if done == 0 and len(log_e):
            for index in _sample(log_e, checks, seed):
                over.check(seen.counts[index])
        done += size
    return found


def _sample(log_e: Floats, checks: int, seed: int) -> Ints:
    """The moment with the most evidence, and random ones."""
    random = np.random.default_rng(seed)
    drawn = random.integers(0, len(log_e), max(0, checks - 1))
    return np.concatenate([[int(log_e.argmax())][: min(1, checks)], drawn]).astype(np.int64)


def crossings(over: Claim, bar: float, runs: int, seed: int, since: int = 0) -> Floats:
    """The vote at which each run's log e-value first reaches the bar after `since` votes; inf for never."""
    found = np.full(runs, inf)
    done = 0
    for size, seen in looks(over.scene, runs, seed, is_harm=over.is_harm):
        hit = (over.log_e(seen.counts) >= bar) & (seen.vote > since)
        if over.is_harm:
            np.minimum.at(found, seen.run[hit] + done, seen.vote[hit].astype(np.float64))
        else:
            first = np.unique(seen.run[hit], return_index=True)
            rows = np.nonzero(hit)[0][first[1]]
            found[first[0] + done] = _when(over, bar, seen, rows)
        done += size
    return found


def _when(over: Claim, bar: float, seen: Looks, rows: Ints) -> Floats:
    """The very vote within the votes of value 0 that end at each row's moment. One stage only."""
    counts = seen.counts[rows].copy()
    earlier = np.maximum(rows - 1, 0)
    follows = (rows > 0) & (seen.run[rows] == seen.run[earlier])
    before = np.where(follows, seen.vote[earlier], 0)
    low, high = before.astype(np.float64), seen.vote[rows].astype(np.float64)
    while (high - low > 1.0).any():
        middle = np.floor((low + high) / 2.0)
        counts[:, 2] = seen.counts[rows, 2] - (seen.vote[rows] - middle)
        reached = over.log_e(counts) >= bar
        high, low = np.where(reached, middle, high), np.where(reached, low, middle)
    return high
