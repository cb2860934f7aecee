"""driftgate beside the others, on the same traffic: false rollbacks as they come, and exposure at equal ones.

*As they come*: each method with its documented settings, on a candidate that equals stable, and on one whose drift is
exactly the limit. A fixed range or a test for "any difference" makes no promise at the limit, so there it says how a
method behaves, not that a promise is broken; on the candidate that equals stable every rollback is false.

driftgate is its plain test and its search for a late onset together, with the alpha that the product gives each.

*At equal ones*: driftgate keeps its nominal alpha of 5 %. Each other method gets the setting with which, in the very
scene and over the very horizon at hand, it rolls back drift at the limit as rarely as driftgate really did: the least
number of failed checks, the confidence level, the alpha. No user could find that setting, because it needs the truth;
so the comparison errs in their favour. Exposure is the number of requests served by the candidate before the rollback,
or all of the horizon where none comes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from loadtest.evidence import others, scenes
from loadtest.evidence.figures import Share
from loadtest.evidence.late_onset import rollbacks
from loadtest.evidence.others import INTERVAL, LOOK, Counts
from loadtest.evidence.streams import Scene
from rollback.sequential import Floats

ALPHA: Final = 0.05
TIMES: Final = (2, 5, 10)
METHODS: Final = ("driftgate", "failed checks", "Mann–Whitney", "confidence sequence")
ONSET: Final = 10_000
_ALPHAS: Final = np.geomspace(0.99, 1e-4, 120)


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """One scene of the contest: weights and stable's rate by request, and from when on the drift is there."""

    name: str
    weights_bps: tuple[int, ...]
    stable: Floats
    onset: int = 0

    def scene(self, drift: float) -> Scene:
        """The votes that driftgate sees."""
        more = scenes.late(len(self.stable), self.onset, 0.0, drift)
        return scenes.split(self.name, self.stable, self.stable + more, self.weights_bps)

    def counts(self, drift: float, runs: int, seed: int) -> Counts:
        """What the others see."""
        more = scenes.late(len(self.stable), self.onset, 0.0, drift)
        stage = np.arange(len(self.stable)) * len(self.weights_bps) // len(self.stable)
        weight = np.array(self.weights_bps, dtype=np.float64)[stage] / 10_000
        return others.draw(weight, self.stable, self.stable + more, runs, seed)


def grounds() -> tuple[Ground, ...]:
    """Narrow and wide weights, a daily swing, a ramp, a late onset."""
    s, w = scenes.steady(scenes.VOTES, scenes.STABLE), scenes.swing(scenes.VOTES)
    return (
        Ground("1 %", (100,), s),
        Ground("5 %", (500,), s),
        Ground("50 %", (5000,), s),
        Ground("10 %, daily swing", (1000,), w),
        Ground("ramp 1 → 50 %", scenes.RAMP, s),
        Ground(f"10 %, onset after {ONSET:,}", (1000,), s, ONSET),
    )


def as_they_come(runs: int, seed: int) -> dict[str, list[Share]]:
    """False rollbacks of each method with its documented settings: per method one share for each ground and drift."""
    rows: dict[str, list[Share]] = {}
    for number, ground in enumerate(each for each in grounds() if not each.onset):
        for drift in (0.0, scenes.LIMIT):
            name = f"{ground.name}, {'at the limit' if drift else 'no drift'}"
            for method, at in _documented(ground, drift, runs, seed + number).items():
                hits = int(np.isfinite(at).sum())
                rows.setdefault(method, []).append(Share(name, ALPHA, hits, runs))
    return rows


def _documented(ground: Ground, drift: float, runs: int, seed: int) -> dict[str, Floats]:
    """Requests until each method's first rollback."""
    counts = ground.counts(drift, runs, seed)
    intervals = counts.by(INTERVAL // LOOK)
    failed = others.failed_checks(intervals, scenes.STABLE + scenes.LIMIT)
    asked, high = others.kayenta(intervals)
    return {
        "driftgate": rollbacks(ground.scene(drift), ALPHA, runs, seed).both,
        "Flagger, threshold 5": others.first(failed >= others.FLAGGER_THRESHOLD, INTERVAL),
        "Argo, failureLimit 0": others.first(failed > others.ARGO_FAILURE_LIMIT, INTERVAL),
        "Argo, failureLimit 3": others.first(failed > others.ARGO_EXAMPLE_LIMIT, INTERVAL),
        "Kayenta": others.first_of(asked, high),
        "GrowthBook": others.first(others.growthbook(counts, scenes.LIMIT, others.GROWTHBOOK_ALPHA), LOOK),
    }


@dataclass(frozen=True, slots=True)
class Exposure:
    """Requests served by the candidate before the rollback, and the share of runs that ended in one, by method."""

    ground: str
    times: int
    exposed: Mapping[str, float]
    caught: Mapping[str, float]
    false_rate: float

    def lost_to(self) -> list[str]:
        """The methods that expose fewer users than driftgate here, beyond a hundredth."""
        mine = self.exposed["driftgate"]
        return [name for name in METHODS[1:] if self.exposed[name] < 0.99 * mine]


def exposures(runs: int, calibration_runs: int, seed: int) -> list[Exposure]:
    """Every ground, drifts of 2, 5 and 10 × the limit."""
    rows = []
    for number, ground in enumerate(grounds()):
        null = Ground(ground.name, ground.weights_bps, ground.stable)
        rules, q = _tuned(null, calibration_runs, seed + 100 * number)
        for times in TIMES:
            drift = times * scenes.LIMIT
            at = {name: rule(ground.counts(drift, runs, seed + times)) for name, rule in rules.items()}
            scene = ground.scene(drift)
            at["driftgate"] = rollbacks(scene, ALPHA, runs, seed + times).both
            exposed = {name: float(_exposed(scene, ground.onset, at[name]).mean()) for name in METHODS}
            caught = {name: float(np.isfinite(at[name]).mean()) for name in METHODS}
            rows.append(Exposure(ground.name, times, exposed, caught, q))
    return rows


def _exposed(scene: Scene, onset: int, at: Floats) -> Floats:
    """Served by the candidate from the onset to the rollback."""
    total = np.concatenate([[0.0], scene.exposed()])
    then = np.where(np.isfinite(at), at, scene.votes).astype(np.int64)
    found: Floats = np.maximum(0.0, total[then] - total[onset])
    return found


def _tuned(null: Ground, runs: int, seed: int) -> tuple[dict[str, Callable[[Counts], Floats]], float]:
    """The others' rules with the settings that make them as rarely wrong as driftgate was in the same scene."""
    q = float(np.isfinite(rollbacks(null.scene(scenes.LIMIT), ALPHA, runs, seed).both).mean())
    counts = null.counts(scenes.LIMIT, runs, seed)
    intervals = counts.by(INTERVAL // LOOK)
    most = scenes.STABLE + scenes.LIMIT
    needed = np.quantile(others.failed_checks(intervals, most)[:, -1], 1 - q, method="higher") + 1
    asked, scores = others.rank_scores(intervals, scenes.LIMIT)
    z = float(np.quantile(scores.max(axis=1), 1 - q, method="higher"))
    alpha = _alpha(counts, q)

    def ranks(seen: Counts) -> Floats:
        return others.first_of(asked, others.rank_scores(seen.by(INTERVAL // LOOK), scenes.LIMIT)[1] > z)

    return {
        "failed checks": lambda seen: others.first(
            others.failed_checks(seen.by(INTERVAL // LOOK), most) >= needed, INTERVAL
        ),
        "Mann–Whitney": ranks,
        "confidence sequence": lambda seen: others.first(others.growthbook(seen, scenes.LIMIT, alpha), LOOK),
    }, q


def _alpha(counts: Counts, q: float) -> float:
    """The largest alpha of the grid with which the confidence sequence fires in at most `q` of these runs."""
    low, high = 0, len(_ALPHAS) - 1  # the grid falls, and so does the share of runs
    while low < high:
        middle = (low + high) // 2
        if others.growthbook(counts, scenes.LIMIT, float(_ALPHAS[middle])).any(axis=1).mean() <= q:
            high = middle
        else:
            low = middle + 1
    return float(_ALPHAS[low])
