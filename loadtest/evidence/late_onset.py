"""Drift that begins late: how long until the rollback, beside the same drift from the start.

Votes come at 8 a second and are sorted into the product's own windows (`shadow.windows`, merged as `rollback.onset`
merges them). The detector is looked at after every vote: it sums what each bet has made since the beginning of each
window, and can only rise with an event for harm. Some moments are handed to the product's judge as cells, all votes
and votes by window, and must give the same burn.
"""

from dataclasses import dataclass
from math import inf, log
from typing import Final

import numpy as np

from loadtest.evidence import scenes
from loadtest.evidence.figures import ALPHAS, LEVEL, Share
from loadtest.evidence.streams import CHUNK, Claim, Events, Ints, Looks, Scene, claim, events, rises
from rollback import onset
from rollback.budget import LATE_SHARE
from rollback.sequential import Floats
from rollback.verdict import Source
from shadow.windows import window_of

ONSETS: Final = (0, 2_000, 30_000)
TIMES: Final = (5, 10)
VOTES_A_SECOND: Final = 8.0
BEGAN_AT: Final = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Delay:
    """Mean votes from the onset to the rollback, and that against a drift from the start, judged by `rule`.

    `decides` is false where the rule is shown for comparison only.
    """

    name: str
    rule: str
    after: int
    votes: float
    ratio: float
    finished: float
    decides: bool


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """For each run: the first vote at which each rule rolled back (inf: never), after the onset."""

    plain: Floats
    both: Floats


def measure(runs: int, seed: int) -> list[Delay]:
    """Drifts of five and ten times the limit after 0, 2,000 and 30,000 votes."""
    sources = (Source.PAIRED, Source.SPLIT)
    return [row for source in sources for times in TIMES for row in _delays(source, times, runs, seed)]


def _delays(source: Source, times: int, runs: int, seed: int) -> list[Delay]:
    name = f"{'pairs' if source is Source.PAIRED else 'split at 10 %'}, {times} × the limit"
    rules = {"all evidence at the whole alpha": False, "all evidence, or the search for a late onset": True}
    rows: dict[str, list[Delay]] = {rule: [] for rule in rules}
    for after in ONSETS:
        length = after + (40_000 if source is Source.SPLIT else 12_000)
        found = rollbacks(scenes.onset(after, times, source, length), LEVEL, runs, seed + after, since=after)
        for (rule, decides), at in zip(rules.items(), (found.plain, found.both), strict=True):
            ended = np.isfinite(at)
            votes = float(np.where(ended, at, length).mean()) - after
            start = rows[rule][0].votes if rows[rule] else votes
            rows[rule].append(Delay(name, rule, after, votes, votes / start, float(ended.mean()), decides))
    return [row for each in rows.values() for row in each]


def shares(runs: int, seed: int) -> list[Share]:
    """Drift at the limit under both rules together: false rollbacks, of one test with all of alpha."""
    rows = []
    for scene in (scenes.at_the_limit()[1], scenes.at_the_limit()[4]):
        for alpha in ALPHAS:
            found = rollbacks(scene, alpha, runs, seed)
            hits = int(np.isfinite(found.both).sum())
            rows.append(Share(f"{scene.name}, with the search for a late onset", alpha, hits, runs))
    return rows


def rollbacks(scene: Scene, alpha: float, runs: int, seed: int, since: int = 0, checks: int = 5) -> Found:
    """When a test with this alpha, all of it plain or divided as the product divides it, would roll back."""
    over, starts = claim(scene), _starts(scene.votes)
    late_share = LATE_SHARE[scene.source]
    bars = (log(1 / alpha), log(1 / (alpha * (1 - late_share))), log(1 / (alpha * late_share)))
    random = np.random.default_rng(seed)
    plain, both = np.full(runs, inf), np.full(runs, inf)
    for start in range(0, runs, CHUNK):
        found = events(scene, min(CHUNK, runs - start), random)
        seen = rises(scene, found)
        log_e, late = over.log_e(seen.counts), _late(over, found, seen, starts)
        for row in random.integers(0, len(log_e), checks if start == 0 else 0):
            _check(over, found, seen, int(row), max(log_e[row] / over.test.bar, late[row] / onset.bar(over.test)))
        after = seen.vote > since
        for into, hit in ((plain, log_e >= bars[0]), (both, (log_e >= bars[1]) | (late >= bars[2]))):
            np.minimum.at(into, seen.run[hit & after] + start, seen.vote[hit & after].astype(np.float64))
    return Found(plain, both)


def _windows(votes: int) -> Ints:
    """The window of each vote."""
    times = BEGAN_AT + np.arange(votes) / VOTES_A_SECOND
    return np.array([window_of(float(at), BEGAN_AT) for at in times], dtype=np.int64)


def _starts(votes: int) -> Ints:
    """The votes with which windows begin, once each holds enough: one vote comes every eighth of a second."""
    windows = _windows(votes)
    begins, starts = np.nonzero(np.diff(windows, prepend=-1))[0], [0]
    for begin in begins[1:]:
        if begin - starts[-1] >= onset.LEAST_VOTES and len(starts) < onset.MOST_WINDOWS:
            starts.append(int(begin))
    return np.array(starts, dtype=np.int64)


def _late(over: Claim, found: Events, seen: Looks, starts: Ints) -> Floats:
    """The detector's log value at each moment."""
    scene, runs = over.scene, len(found.at)
    stages = len(scene.weights_bps)
    marks = np.zeros((runs, len(starts), 3 * stages))
    run = np.broadcast_to(np.arange(runs)[:, None], found.at.shape)
    window = np.searchsorted(starts, found.at, side="right") - 1
    for stage in range(stages):
        here = scene.stage[found.at] == stage
        for kind, which in enumerate((found.up & here, found.down & here)):
            inside = np.zeros((runs, len(starts)))
            np.add.at(inside, (run[which], window[which]), 1.0)
            marks[:, 1:, 3 * stage + kind] = inside.cumsum(axis=1)[:, :-1]
        passed = np.concatenate([[0], np.cumsum(scene.stage == stage)])[starts]
        marks[:, :, 3 * stage + 2] = passed - marks[:, :, 3 * stage] - marks[:, :, 3 * stage + 1]
    begun = np.logaddexp.accumulate(-(marks @ over.steps), axis=1)
    now = np.searchsorted(starts, seen.vote - 1, side="right") - 1
    yet_to_begin = np.log(np.maximum(onset.MOST_WINDOWS - 1 - now, 1e-9))[:, None]
    total = np.logaddexp(seen.counts @ over.steps + begun[seen.run, now], yet_to_begin)
    log_wealth = total - log(onset.MOST_WINDOWS) + over.over.log_weights
    top = log_wealth.max(axis=1)
    value: Floats = top + np.log(np.exp(log_wealth - top[:, None]).sum(axis=1))
    return value


def _check(over: Claim, found: Events, seen: Looks, row: int, burn: float) -> None:
    """The product's judge sees the same burn in the cells of this moment; raises `AssertionError`."""
    scene, run, vote = over.scene, int(seen.run[row]), int(seen.vote[row])
    windows = _windows(vote)
    kinds = 3 * scene.stage[:vote] + 2
    for kind, which in enumerate((found.up, found.down)):
        at = found.at[run][which[run]]
        kinds[at[at < vote]] += kind - 2
    cells = over.cells(seen.counts[row])
    names = _window_names(scene)
    for window, kind, count in zip(*_counted(windows, kinds), strict=True):
        cells[names[kind].format(window=window)] = int(count)
    assert abs(over.judged(cells).burn - min(1.0, max(0.0, burn))) < 1e-9, (over.judged(cells), burn)


def _counted(windows: Ints, kinds: Ints) -> tuple[list[int], list[int], list[int]]:
    pairs, counts = np.unique(np.stack([windows, kinds]), axis=1, return_counts=True)
    return pairs[0].tolist(), pairs[1].tolist(), counts.tolist()


def _window_names(scene: Scene) -> list[str]:
    """The counters of a window for the three kinds of vote, by stage as in `names_of`."""
    signal = scene.budget.signal
    if scene.source is Source.PAIRED:
        return [f"wp/{signal}/{{window}}/{index}" for index in (5, -5, 0)]
    kinds = ("candidate/1", "stable/1", "candidate/0")
    return [f"ws/{signal}/{{window}}/{weight}/{kind}" for weight in scene.weights_bps for kind in kinds]
