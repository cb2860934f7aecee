"""Pairs and users as evidence for one budget: two tests at half of alpha each, or one product of both.

The two sources have different filtrations: a key that is mirrored votes in both, and its votes depend on each other. So
a product of their e-values is valid only if each key votes in one source. Three ways are compared, on the same
requests, each of a new key, part of them mirrored:

- *Bonferroni*: every vote counts in both sources, each tested at alpha/2. Valid whatever depends on what.
- *product*: (½ + ½E) of pairs times (½ + ½E) of users, where mirrored keys vote in pairs alone (evidence is then about
  disjoint keys; Vovk & Wang, E-values: calibration, combination and applications, arXiv 1912.06116).
- *mean*: ½E + ½E of the same.

Looked at after every 20 requests. Half of the bad answers of stable are bad ones of the candidate as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np

from loadtest.evidence import scenes
from loadtest.evidence.streams import Ints
from rollback.sequential import PAIRED_HARM, SPLIT_HARM, Floats, Prior, Tally, log_factors

ALPHA: Final = 0.01
"""Of one budget, where 5 % are spread over five."""
WAYS: Final = ("Bonferroni", "product", "mean")
SETTINGS: Final = ((1.0, 1000), (0.2, 100), (0.2, 1000), (0.2, 5000), (0.05, 1000), (0.05, 5000))
"""Shares of requests that are mirrored, and weights."""
TIMES: Final = (2, 5)
_LOOK: Final = 20
_MOST: Final = 40_000
_CORRELATION: Final = 0.5
_CHUNK: Final = 200


@dataclass(frozen=True, slots=True)
class Combined:
    """Mean requests until harm is shown, by way."""

    mirrored: float
    weight_bps: int
    times: int
    requests: Mapping[str, float]


def measure(runs: int, seed: int) -> list[Combined]:
    """Every setting, drifts of 2 and 5 × the limit."""
    random = np.random.default_rng(seed)
    return [
        Combined(mirrored, weight_bps, times, _means(mirrored, weight_bps, times * scenes.LIMIT, runs, random))
        for mirrored, weight_bps in SETTINGS
        for times in TIMES
    ]


def _means(mirrored: float, weight_bps: int, drift: float, runs: int, random: np.random.Generator) -> dict[str, float]:
    done = [
        _requests(mirrored, weight_bps / 10_000, drift, min(_CHUNK, runs - start), random)
        for start in range(0, runs, _CHUNK)
    ]
    return {way: float(np.concatenate([each[way] for each in done]).mean()) for way in WAYS}


def _requests(
    mirrored: float, weight: float, drift: float, runs: int, random: np.random.Generator
) -> dict[str, Floats]:
    """Requests until harm is shown in each run; all of them where it is not."""
    stable, candidate = scenes.STABLE, scenes.STABLE + drift
    both = stable * (_CORRELATION + (1.0 - _CORRELATION) * candidate)
    worse, better = candidate - both, stable - both
    up, down = weight * candidate, (1.0 - weight) * stable
    shape = (runs, _MOST // _LOOK)
    pairs = random.multinomial(random.binomial(_LOOK, mirrored, shape), [worse, 1.0 - worse - better, better])
    alone = random.multinomial(_LOOK - pairs.sum(axis=-1), [up, 1.0 - up - down, down])
    twice = random.multinomial(pairs.sum(axis=-1), [up, 1.0 - up - down, down])
    paired = _log_e(pairs, (1.0, -1.0), PAIRED_HARM)
    users = (1.0 / weight, -1.0 / (1.0 - weight))
    split_alone, split_all = (_log_e(each, users, SPLIT_HARM) for each in (alone, alone + twice))
    bar, half = log(1.0 / ALPHA), log(0.5)
    shown = {
        "Bonferroni": np.maximum(paired, split_all) + half >= bar,
        "product": np.logaddexp(half, half + paired) + np.logaddexp(half, half + split_alone) >= bar,
        "mean": np.logaddexp(paired, split_alone) + half >= bar,
    }
    return {way: np.where(hit.any(axis=1), _LOOK * (hit.argmax(axis=1) + 1.0), _MOST) for way, hit in shown.items()}


def _log_e(counts: Ints, ends: tuple[float, float], over: Prior) -> Floats:
    """Log e-values by run and look; `ends` are the values of an event for harm and against it."""
    low, high = np.full(3, min(ends)), np.full(3, max(ends))
    factors = log_factors(Tally(np.array([ends[0], 0.0, ends[1]]), np.ones(3), low, high), scenes.LIMIT, over)
    log_wealth = counts.cumsum(axis=1) @ factors + over.log_weights
    top = log_wealth.max(axis=-1)
    found: Floats = top + np.log(np.exp(log_wealth - top[..., None]).sum(axis=-1))
    return found
