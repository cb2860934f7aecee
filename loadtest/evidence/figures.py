"""The judge's own figures: how often it is wrong, and how many votes it needs, beside the least that is possible."""

from dataclasses import dataclass
from math import inf, log, sqrt
from typing import Final

import numpy as np

from loadtest.evidence import scenes
from loadtest.evidence.streams import Claim, Scene, claim, crossings, highest
from loadtest.evidence.tilted import at_most
from rollback.sequential import Floats
from rollback.verdict import TestKind

ALPHAS: Final = (0.01, 0.05)
LEVEL: Final = 0.002
"""For power: the share of alpha that each test on refusals has where the plan's 5 % are spread over five guardrails."""
NO_HARM_LEVEL: Final = 0.05
SESSION_MEAN: Final = 5
CHECKS: Final = 25
"""Moments of each scene that the product's judge sees as well."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the runs, with the 95 % limits of the share (Wilson).

    `at_most` is an upper bound of the chance itself, where one was computed (`loadtest.evidence.tilted`).
    """

    name: str
    alpha: float
    hits: int
    runs: int
    at_most: float | None = None

    @property
    def rate(self) -> float:
        """The share itself."""
        return self.hits / self.runs

    @property
    def limits(self) -> tuple[float, float]:
        """Wilson's interval."""
        z, n, p = 1.959964, self.runs, self.rate
        middle, half = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (middle - half) / (1 + z * z / n)), (middle + half) / (1 + z * z / n)

    @property
    def kept(self) -> str:
        """Whether the share is at most alpha, and where the runs cannot tell, whether the chance is."""
        if self.rate <= self.alpha:
            return "yes"
        if self.limits[0] > self.alpha:
            return "NO"
        return "yes" if self.at_most is not None and self.at_most <= self.alpha else "within error"


@dataclass(frozen=True, slots=True)
class Speed:
    """Mean votes until the verdict, the information bound, and the bar that their ratio must not exceed."""

    name: str
    votes: float
    error: float
    bound: float
    most: float
    finished: float

    @property
    def ratio(self) -> float:
        """Votes ÷ bound."""
        return self.votes / self.bound

    @property
    def kept(self) -> str:
        """Whether the ratio keeps to its bar."""
        return "yes" if self.ratio <= self.most else "NO"


def shares(found: tuple[Scene, ...], runs: int, seed: int, *, is_harm: bool) -> list[Share]:
    """Two rows for each scene: alpha 1 % and 5 %, from the same runs. False passes are bounded as well."""
    rows = []
    for number, scene in enumerate(found):
        over = claim(scene, is_harm=is_harm)
        top = highest(over, runs, seed + number, CHECKS)
        for alpha in ALPHAS:
            bounded = None if is_harm else at_most(over, alpha, runs // 10, seed + number)
            rows.append(Share(scene.name, alpha, int((top >= log(1 / alpha)).sum()), runs, bounded))
    return rows


def session_shares(runs: int, seed: int) -> tuple[list[Share], list[Share]]:
    """Sessions of 5 requests on average, all bad or none: one vote for each key, and what every request would do."""
    once, each = np.full(runs, -inf), np.full(runs, -inf)
    scene = scenes.paired("sessions", np.full(1, scenes.LIMIT), np.zeros(1))
    over = claim(scene)
    random = np.random.default_rng(seed)
    for start in range(0, runs, 250):
        size = min(250, runs - start)
        once[start : start + size], each[start : start + size] = _sessions(over, size, random)
    names = ("sessions of 5 requests, one vote for each key", "the same, counted by request")
    pair = [
        [Share(name, alpha, int((top >= log(1 / alpha)).sum()), runs) for alpha in ALPHAS]
        for name, top in zip(names, (once, each), strict=True)
    ]
    return pair[0], pair[1]


def _sessions(over: Claim, runs: int, random: np.random.Generator) -> tuple[Floats, Floats]:
    """The highest log e-values of some runs of 30,000 votes, and of 30,000 requests."""
    columns = int(scenes.VOTES * scenes.LIMIT * 1.3 + 50)
    gaps = random.geometric(scenes.LIMIT, (runs, columns))
    key = gaps.cumsum(axis=1)
    sizes = random.geometric(1 / SESSION_MEAN, (runs, columns))
    good = gaps - 1
    between = good + random.negative_binomial(np.maximum(good, 1), 1 / SESSION_MEAN) * (good > 0)
    request = (between + sizes).cumsum(axis=1)
    bad_keys = np.broadcast_to(np.arange(1, columns + 1), key.shape)
    found = []
    for bad, total in ((bad_keys, key), (sizes.cumsum(axis=1), request)):
        rows = np.stack([bad, np.zeros_like(bad), total - bad], axis=2).astype(np.float64)
        log_e = over.log_e(rows.reshape(-1, 3)).reshape(runs, columns)
        found.append(np.where(total <= scenes.VOTES, log_e, -inf).max(axis=1))
    return found[0], found[1]


def bound(over: Claim, bar: float) -> float:
    """The information bound log(1/alpha) / max_f E[log e]: votes that the best bet of all, known before, would need."""
    scene = over.scene
    up, down = float(scene.up[-1]), float(scene.down[-1])
    chances = np.array([up, down, 1.0 - up - down])
    bets = np.concatenate([np.geomspace(1e-6, 0.5, 4000), 1.0 - np.geomspace(1e-6, 0.5, 4000)])
    return bar / float((chances @ np.log1p(np.outer(over.gains, bets))).max())


def speed(scene: Scene, most: float, runs: int, seed: int, *, is_harm: bool) -> Speed:
    """Mean votes until the verdict on a scene of one stage."""
    over = claim(scene, is_harm=is_harm)
    bar = log(1 / (LEVEL if is_harm else NO_HARM_LEVEL))
    at = crossings(over, bar, runs, seed)
    ended = np.isfinite(at)
    counted = np.where(ended, at, scene.votes)
    return Speed(
        scene.name,
        float(counted.mean()),
        float(1.96 * counted.std() / sqrt(runs)),
        bound(over, bar),
        most,
        float(ended.mean()),
    )


def speeds_paired(runs: int, seed: int) -> list[Speed]:
    """Drifts of 2, 5 and 10 × the limit in pairs."""
    rows: list[Speed] = []
    for times in (2, 5, 10):
        for better in (0.0, 0.01, 0.05):
            needed = bound(claim(scenes.harmful_pairs(times, better, 100)), log(1 / LEVEL))
            scene = scenes.harmful_pairs(times, better, int(6 * needed) + 500)
            rows.append(speed(scene, 1.25, runs, seed + len(rows), is_harm=True))
    return rows


def speeds_split(runs: int, seed: int) -> list[Speed]:
    """The same drifts among users, points and ratios, at 1, 5 and 50 % weight."""
    rows: list[Speed] = []
    for kind in (TestKind.POINTS, TestKind.RATIO):
        for percent in (1, 5, 50):
            for times in (2, 5, 10):
                short = scenes.harmful_split(100 * percent, kind, times, 100)
                needed = bound(claim(short), log(1 / LEVEL))
                scene = scenes.harmful_split(100 * percent, kind, times, int(6 * needed) + 2000)
                row = speed(scene, 1.5, runs, seed + len(rows), is_harm=True)
                name = f"split at {percent} %, {kind.value}, {times} × the limit"
                rows.append(Speed(name, row.votes, row.error, row.bound, row.most, row.finished))
    return rows


def speeds_harmless(runs: int, seed: int) -> list[Speed]:
    """Votes until a harmless candidate may widen."""
    rows = []
    for number, short in enumerate(scenes.harmless(100)):
        needed = bound(claim(short, is_harm=False), log(1 / NO_HARM_LEVEL))
        scene = scenes.harmless(int(6 * needed) + 500)[number]
        rows.append(speed(scene, 1.35, runs, seed + number, is_harm=False))
    return rows
