"""The chance of a false verdict without waiting for one: votes as the bets suppose them, and what that is worth.

At the boundary each factor e(X; f) has mean 1, so it is also a likelihood ratio: under votes drawn with chances p(x) ·
e(x; f), f drawn from the prior, the mixture of the factors is the ratio of this world to the null. In it nearly every
run crosses the bar, and by Wald's identity the chance under the null is the mean of 1/E at the crossing, over the runs
that cross: at most alpha times the share of them. A few thousand runs give it to a hundredth of itself, where plain
simulation needs hundreds of thousands.

That the factors do have mean 1 (or less) at every vote is checked first; without it there is nothing to conclude.
"""

from dataclasses import replace
from math import log
from typing import Final

import numpy as np

from loadtest.evidence.streams import Claim, highest

_TOLERANCE: Final = 1e-12


class NoMartingaleError(Exception):
    """A factor has a mean above 1 at the boundary."""


def at_most(over: Claim, alpha: float, runs: int, seed: int) -> float:
    """An upper bound of the chance that the verdict at this alpha ever comes. Raises `NoMartingaleError`."""
    scene, factors = over.scene, np.exp(over.steps)
    up, down, same = (factors[3 * scene.stage + kind] for kind in range(3))
    chances = np.stack([scene.up, scene.down, 1.0 - scene.up - scene.down])
    random = np.random.default_rng(seed)
    crossed = 0
    for bet, size in enumerate(random.multinomial(runs, np.exp(over.over.log_weights))):
        tilted = chances * np.stack([up[:, bet], down[:, bet], same[:, bet]])
        if float(tilted.sum(axis=0).max()) > 1.0 + _TOLERANCE:
            raise NoMartingaleError(f"{scene.name}: bet {bet} has mean {tilted.sum(axis=0).max():.6f} at the boundary")
        if size:
            supposed = replace(over, scene=replace(scene, up=tilted[0], down=tilted[1]))
            crossed += int((highest(supposed, int(size), seed + bet) >= log(1.0 / alpha)).sum())
    return alpha * crossed / runs
