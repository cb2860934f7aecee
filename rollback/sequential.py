"""The one statistical primitive: betting against a claim about a mean, and looking as often as one likes.

An observation X ≥ low has, under the null hypothesis, conditional mean E[Xᵢ | past] ≤ m for every i. Staking a fraction
f ∈ (0, 1) of one's wealth on each X multiplies the wealth by

    e(X; f) = (1 − f) + f · (X − low) / (m − low)

which is never negative and has conditional mean ≤ 1, so the wealth is a non-negative supermartingale, and so is its
average over a fixed prior π on f. By Ville's inequality the chance that it *ever* reaches 1/alpha is at most alpha,
however often and whenever one looks. `log_evidence` is the logarithm of that average. It depends on counts only: the
order of observations, their batching, and the replica that saw them change nothing. The bet is fixed beforehand and
never adapted, because an adaptive bet needs an arrival order, and counters of several replicas have none.

**Bets that follow the weight.** Split evidence is gathered at several weights, and the fraction that suits one of them
suits no other: one bad event of the candidate pays 1/w, so the best f is about w itself. There a bet is an *edge* c,
which stakes at each weight what would be best if the candidate's bad events came 1 + c times as often as the limit
allows:

    f(c; X) = q·c / (1 + q·(1 + c)),        q = −low / high of X, for harm upwards q = r·w / (1 − w)

For the ratio test this *is* the bet that grows fastest at every w, if the true ratio is (1 + c)·r; for points it is so
as w goes to 0, "allowed" being stable's rate and the limit. f lies in (0, 1) for every c > 0. It is a function of c,
fixed before the rollout, and of the range of X, fixed when the request was assigned: it is known before X is, so each
factor has conditional mean ≤ 1 as above, whatever changed the weights in the meantime, the outcomes so far included.
And since each counter carries its weight, the product of the factors is still a function of counts. On a ramp from 1 to
50 % a drift of twice the limit exposed 3,319 users with the same f at all weights, and 1,224 so.

The claim "mean ≥ m" is tested on the mirror image (−X, −m). `low` and `high` belong to the observation, not to the
test: split evidence gathered at several weights has other ranges at each, and any of them was fixed when the request
was assigned, which is all that the proof needs.

The priors were chosen by simulation against the information bound log(1/alpha) / max_f E[log e], limit 2 points unless
said otherwise (`docs/adr/0005`):

- `PAIRED_HARM`: a third of the mass near f = 1, where the best bet lies when the candidate adds bad events and removes
  none, the rest from .05 up to .95. Mean votes 1.15–1.23 × the bound for drifts of 2, 5 and 10 × the limit with 0, 1
  or 5 % of pairs improving at the same time. Half near 1 and half even over (.02, .95): 1.11–1.36.
- `PAIRED_NO_HARM`: a third near 1 (hardly any pair differs), the rest over all sizes. 1.22–1.26 × with 0, .2 or 1 % of
  pairs differing each way.
- `SPLIT_HARM`: edges. Two fifths at .35, near the best bet for a drift of 2 × the limit, because that is where exposure
  is long; the rest thins out up to 50 (stable without errors) and down to .1 (a limit much smaller than stable's rate).
  1.10–1.42 × at 1, 5 and 50 % weight, for points and ratios, 1.10–1.26 × of these at 2 × the limit. Sixteen edges even
  in log c from .1 to 100: 1.09–1.36 ×, but 1.25–1.35 × at 2 × the limit.
- `SPLIT_NO_HARM`: for a rare event such as an error most of the proof comes from seeing none, so nearly half of the
  mass is at .999 and the rest even in log(1 − f). 1.09 × for a candidate without any error (at 1 % weight and 3 points
  10,850 requests, 108 of them its own; no valid test can do it before 9,985), 1.29 × with 1 % of errors on both arms.
- `CEILING_HARM`: one arm against a constant; the range is [0, 1] and an even grid does.

Sources: Ville (1939); Waudby-Smith & Ramdas, Estimating means of bounded random variables by betting (arXiv
2010.09686), whose "hedged" and mixture bets these are; Ramdas et al., Game-theoretic statistics and safe
anytime-valid inference (2210.01948); Waudby-Smith et al., Anytime-valid off-policy inference (2210.10768) for weights
that change while evidence is gathered.

Not here: what X is and which m (`rollback.budget`, `rollback.tallies`), and what follows (`rollback.evidence`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil, inf, log
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """Bets, and the logarithm of the share of the initial wealth that makes each.

    A bet is a fraction of wealth to stake on every observation; or, where `follows_weight`, an edge (see above), whose
    fraction is another one at each weight.
    """

    bets: Floats
    log_weights: Floats
    follows_weight: bool = False

    def fractions(self, low: Floats, high: Floats) -> Floats:
        """The fraction that each bet stakes (columns) on observations with these ranges (rows, or one for all)."""
        if not self.follows_weight:
            return self.bets[None, :]
        odds = (-low / high)[:, None]
        found: Floats = odds * self.bets / (1.0 + odds * (1.0 + self.bets))
        return found


def prior(*parts: tuple[Floats, float]) -> Prior:
    """A prior of several parts: each is a grid of bets in (0, 1) and the mass that it shares evenly."""
    made = _mixed(parts)
    if not ((made.bets > 0.0) & (made.bets < 1.0)).all():
        raise ValueError("a bet is a fraction of wealth strictly between 0 and 1")
    return made


def edges(*parts: tuple[Floats, float]) -> Prior:
    """The same of edges, which are positive."""
    made = _mixed(parts)
    if not (made.bets > 0.0).all():
        raise ValueError("an edge is positive")
    return replace(made, follows_weight=True)


def _mixed(parts: tuple[tuple[Floats, float], ...]) -> Prior:
    bets = np.concatenate([grid for grid, _ in parts])
    weights = np.concatenate([np.full(len(grid), mass / len(grid)) for grid, mass in parts])
    return Prior(bets, np.log(weights / weights.sum()))


VERSION: Final = 2
"""Of the priors below, and so of every verdict. A rollout pins it; with another one its evidence begins anew."""

PAIRED_HARM: Final = prior(
    (np.array([0.98, 0.995]), 0.3), (np.linspace(0.35, 0.95, 13), 0.3), (np.linspace(0.05, 0.32, 8), 0.4)
)
PAIRED_NO_HARM: Final = prior(
    (np.array([0.995]), 0.35), (np.linspace(0.35, 0.95, 8), 0.35), (np.geomspace(0.03, 0.32, 7), 0.30)
)
SPLIT_HARM: Final = edges(
    (np.array([0.1, 0.2]), 0.08),
    (np.array([0.35]), 0.40),
    (np.array([0.7, 1.4]), 0.24),
    (np.geomspace(2.8, 50.0, 4), 0.28),
)
SPLIT_NO_HARM: Final = prior((np.array([0.999]), 0.45), (1.0 - np.geomspace(0.02, 0.8, 12), 0.55))
CEILING_HARM: Final = prior((np.linspace(0.02, 0.98, 25), 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """How often X took which value, with the range that each observation had when it was made.

    Four arrays of one length: `values`, `counts`, and the least and greatest value possible, `low` and `high`.
    """

    values: Floats
    counts: Floats
    low: Floats
    high: Floats

    @property
    def n(self) -> int:
        """Number of observations."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float | None:
        """The mean of X; None before the first observation."""
        total = self.counts.sum()
        return float(self.values @ self.counts / total) if total else None

    def mirrored(self) -> "Tally":
        """The tally of −X."""
        return Tally(-self.values, self.counts, -self.high, -self.low)


def log_evidence(tally: Tally, mean: float, over: Prior) -> float:
    """Log e-value against "the mean of X is at most `mean`"; 0.0 without observations.

    It does not rise with `mean`. For an impossible claim (`mean` at or below what X can be at least) it is +inf.
    """
    if not tally.counts.size:
        return 0.0
    if mean <= tally.low.max():
        return inf
    return log_mean_exp(tally.counts @ log_factors(tally, mean, over), over)


def log_factors(tally: Tally, mean: float, over: Prior) -> Floats:
    """Log e(X; f): by what each of the tally's values (rows) multiplies the wealth of each bet (columns), once.

    `mean` is above every `low`.
    """
    gains = (tally.values - tally.low) / (mean - tally.low) - 1.0
    found: Floats = np.log1p(gains[:, None] * over.fractions(tally.low, tally.high))
    return found


def log_mean_exp(log_wealth: Floats, over: Prior) -> float:
    """The logarithm of the prior's mean of what each bet has made of its stake."""
    weighted = over.log_weights + log_wealth
    top = float(weighted.max())
    return top + log(float(np.exp(weighted - top).sum()))


def largest_refuted(log_e: Callable[[float], float], bar: float, low: float, high: float, pivot: float) -> float:
    """The confidence bound: the largest claim in [low, high] whose log e-value reaches `bar`.

    `log_e` must not rise with its argument. Bisection, rounded down (towards the weaker statement) to 1/16,384 of
    [low, high]. `pivot` (the limit) is tried first, so that the bound is at least the limit exactly when the verdict
    at the limit says so. `low` where nothing is refuted.
    """
    if low < pivot < high:
        low, high = (pivot, high) if log_e(pivot) >= bar else (low, pivot)
    for _ in range(14):
        middle = (low + high) / 2.0
        if log_e(middle) >= bar:
            low = middle
        else:
            high = middle
    return low


def lower_bound(tally: Tally, over: Prior, bar: float, limit: float) -> float | None:
    """A lower confidence bound for the mean of X, valid at all times at once; None without observations."""
    estimate = tally.mean
    if estimate is None:
        return None
    low = float(tally.low.max())
    high = max(low, estimate, limit) + 1e-9
    return largest_refuted(lambda m: log_evidence(tally, m, over), bar, low, high, limit)


def still_needed(tally: Tally, mean: float, over: Prior, bar: float) -> int | None:
    """About how many more observations like those so far until log e-value `bar`; None if they lead away from it.

    A forecast for sentences, not evidence. It is the growth of the single best bet on what was seen.
    """
    if not tally.counts.any() or (mean <= tally.low).any():
        return None
    missing = bar - log_evidence(tally, mean, over)
    if missing <= 0.0:
        return 0
    growth = float((tally.counts @ log_factors(tally, mean, over)).max()) / tally.n
    return ceil(missing / growth) if growth > 0.0 else None
