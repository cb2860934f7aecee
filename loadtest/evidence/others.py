"""What other rollout controllers do, written here from their documentation, on the same simulated traffic.

Traffic comes in intervals of 500 requests (a minute at 8 requests a second). Each method sees, per interval, how many
requests each arm served and how many of them were bad.

- **Flagger**: each interval the candidate's rate is compared with a fixed range; `analysis.threshold` failed checks end
  the canary. They are counted in total, not in a row. The documentation's examples have 5 (and 10).
  Source: docs.flagger.app, "How it works" and "Metrics analysis".
- **Argo Rollouts**: each interval `successCondition` is evaluated; more than `failureLimit` failed measurements fail
  the analysis and abort. The default is 0: the first failure aborts; the documentation's example has 3. Source: the
  Analysis page and the fields' own descriptions in `analysis_types.go`.
- **Kayenta** (NetflixACAJudge): Mann-Whitney on the time series of both arms, one point per interval, all points
  since the start ("growing"). Bad if the lower end of the 98 % confidence interval for the shift is above a quarter of
  its Hodges-Lehmann estimate; direction "increase". Source: `NetflixACAJudge.scala`, `MannWhitneyClassifier.scala`. It
  is asked at every fifth interval once there are ten points; outliers are not removed. The interval is that of order
  statistics by the normal approximation, which R's `wilcox.test` takes from 50 points on or where there are ties.
- **GrowthBook**: the asymptotic confidence sequence of Waudby-Smith et al. (arXiv 2103.06476) on the difference of two
  rates, alpha .05 two-sided, tuning parameter 5,000; "sequential testing" in its documentation, `sequential_rho` and
  `sequential_interval_halfwidth` in its engine. Looked at every 20 requests. Harm: its lower end is above the limit.
  Like the engine it says nothing while either arm's variance is 0.

Each is a function from counts to "the first look at which it would roll back", so that the same counts can be judged
with other settings: `figures` also tunes every method to the false rollbacks that driftgate has, which none of them
offers to its users.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from rollback.sequential import Floats

INTERVAL: Final = 500
LOOK: Final = 20
FLAGGER_THRESHOLD: Final = 5
ARGO_FAILURE_LIMIT: Final = 0
ARGO_EXAMPLE_LIMIT: Final = 3
KAYENTA_Z: Final = 2.3263478740408408
"""Two-sided 98 %."""
KAYENTA_TOLERANCE: Final = 0.25
KAYENTA_FIRST: Final = 10
KAYENTA_EVERY: Final = 5
GROWTHBOOK_ALPHA: Final = 0.05
GROWTHBOOK_TUNING: Final = 5000.0

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Requests and bad ones of each arm, runs × looks, each look's own (not accumulated)."""

    stable_n: Floats
    stable_bad: Floats
    candidate_n: Floats
    candidate_bad: Floats

    def by(self, looks: int) -> "Counts":
        """So many neighbouring looks added up to one."""
        runs, columns = self.stable_n.shape
        return Counts(
            *(
                part.reshape(runs, columns // looks, looks).sum(axis=2)
                for part in (self.stable_n, self.stable_bad, self.candidate_n, self.candidate_bad)
            )
        )

    def rates(self) -> tuple[Floats, Floats]:
        """Stable's and the candidate's; nan where an arm served nothing."""
        with np.errstate(invalid="ignore"):
            return self.stable_bad / self.stable_n, self.candidate_bad / self.candidate_n


def draw(weight: Floats, stable: Floats, candidate: Floats, runs: int, seed: int) -> Counts:
    """Counts for every `LOOK` requests; weight and rates are given by request and taken as constant within a look."""
    random = np.random.default_rng(seed)
    w, s, c = (part.reshape(-1, LOOK).mean(axis=1) for part in (weight, stable, candidate))
    shape = (runs, len(w))
    candidate_n = random.binomial(LOOK, np.broadcast_to(w, shape))
    candidate_bad = random.binomial(candidate_n, np.broadcast_to(np.minimum(c, 1.0), shape))
    stable_bad = random.binomial(LOOK - candidate_n, np.broadcast_to(s, shape))
    parts = (LOOK - candidate_n, stable_bad, candidate_n, candidate_bad)
    return Counts(*(part.astype(np.float64) for part in parts))


def failed_checks(counts: Counts, most: float) -> Floats:
    """By interval: how many checks of "the candidate's rate is at most `most`" have failed so far."""
    rate = counts.rates()[1]
    failed: Floats = (np.nan_to_num(rate, nan=0.0) > most).cumsum(axis=1).astype(np.float64)
    return failed


def kayenta(counts: Counts) -> tuple[list[int], Bools]:
    """At which intervals it is asked, and what it says with its published defaults; runs × looks."""
    stable, candidate = counts.rates()
    asked = list(range(KAYENTA_FIRST, stable.shape[1] + 1, KAYENTA_EVERY))
    said = [_mann_whitney(stable[:, :n], candidate[:, :n]) for n in asked]
    return asked, np.stack(said, axis=1)


def _mann_whitney(stable: Floats, candidate: Floats) -> Bools:
    """High: the lower confidence bound of the shift is above a quarter of its estimate."""
    n = stable.shape[1]
    shifts = (np.nan_to_num(candidate)[:, :, None] - stable[:, None, :]).reshape(len(stable), n * n)
    rank = max(0, int(n * n / 2 - KAYENTA_Z * (n * n * (2 * n + 1) / 12) ** 0.5))
    parted = np.partition(shifts, (rank, n * n // 2), axis=1)
    found: Bools = parted[:, rank] > KAYENTA_TOLERANCE * np.abs(parted[:, n * n // 2])
    return found


def rank_scores(counts: Counts, limit: float) -> tuple[list[int], Floats]:
    """The same test of "the shift is at most `limit`", as z-values, for tuning it to a rate of false rollbacks."""
    stable, candidate = counts.rates()
    asked = list(range(KAYENTA_FIRST, stable.shape[1] + 1, KAYENTA_EVERY))
    scores = []
    for n in asked:
        moved = np.nan_to_num(candidate[:, :n]) - limit
        above = (moved[:, :, None] > stable[:, None, :n]).sum(axis=(1, 2))
        equal = (moved[:, :, None] == stable[:, None, :n]).sum(axis=(1, 2))
        spread = (n * n * (2 * n + 1) / 12) ** 0.5
        scores.append((above + equal / 2.0 - n * n / 2.0) / spread)
    return asked, np.stack(scores, axis=1)


def growthbook(counts: Counts, limit: float, alpha: float) -> Bools:
    """Whether the confidence sequence for the difference lies above the limit; runs × looks."""
    stable_n, stable_bad, candidate_n, candidate_bad = (
        part.cumsum(axis=1) for part in (counts.stable_n, counts.stable_bad, counts.candidate_n, counts.candidate_bad)
    )
    n = stable_n + candidate_n
    with np.errstate(invalid="ignore", divide="ignore"):
        s, c = stable_bad / stable_n, candidate_bad / candidate_n
        of_stable, of_candidate = s * (1 - s) / np.maximum(stable_n, 1), c * (1 - c) / np.maximum(candidate_n, 1)
        spread = n * (of_stable + of_candidate)
        rho = np.sqrt((-2.0 * np.log(alpha) + np.log(-2.0 * np.log(alpha) + 1.0)) / GROWTHBOOK_TUNING)
        grown = n * rho**2 + 1.0
        half = np.sqrt(spread) * np.sqrt(2.0 * grown * np.log(np.sqrt(grown) / alpha)) / (n * rho)
        found: Bools = (of_stable > 0) & (of_candidate > 0) & (c - s - half > limit)
    return found


def first(fires: Bools, every: int) -> Floats:
    """Requests until the first look that fires, looks being `every` requests apart; inf for never."""
    return np.where(fires.any(axis=1), (fires.argmax(axis=1) + 1.0) * every, np.inf)


def first_of(asked: list[int], fires: Bools) -> Floats:
    """The same for looks after so many intervals each."""
    at = np.array(asked, dtype=np.float64) * INTERVAL
    return np.where(fires.any(axis=1), at[fires.argmax(axis=1)], np.inf)
