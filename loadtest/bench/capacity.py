"""What one Redis carries: shadow workers of several gateways flush votes into a real Valkey, faster and faster.

`python -m loadtest.bench.capacity --write` puts the table into docs/capacity.md. Each simulated worker collects votes
and flushes them as the product does, with its own store and its own script, four times a second. What is reported is
the server's own CPU per vote (`INFO`), how long a flush takes, and how much memory a remembered key and a counter need.
One vote has as many cells as one pair of the default signals with one slice.
"""

import argparse
import re
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Final

import anyio

from loadtest.evidence.speed import valkey
from routing.connecting import connect
from routing.link import Link
from shadow.batching import Home, Pending
from shadow.cells import Vote
from shadow.errors import FlushFailed
from shadow.store import RedisCellStore
from shadow.worker import FLUSH_SECONDS

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "capacity.md"
BEGIN: Final = "<!-- capacity:begin -->"
END: Final = "<!-- capacity:end -->"
CELLS_PER_VOTE: Final = 60
"""A pair of 25 signals over all requests and in one slice, some of them with a second cell."""
SECONDS: Final = 6.0
LOADS: Final = ((1, 100), (4, 100), (4, 500), (8, 500), (16, 500))
"""Shadow workers, and votes a second of each."""


@dataclass(frozen=True, slots=True)
class Load:
    """What was asked of the server, and how it fared."""

    workers: int
    wanted: float
    done: float
    cpu_per_vote: float
    busy: float
    flush_median: float
    flush_p99: float

    @property
    def row(self) -> str:
        """A line of the table."""
        return (
            f"| {self.workers} | {self.wanted:,.0f} | {self.done:,.0f} | {1e6 * self.cpu_per_vote:.0f} "
            f"| {100 * self.busy:.0f} % | {1e3 * self.flush_median:.1f} | {1e3 * self.flush_p99:.1f} |"
        )


def vote(number: int) -> Vote:
    """The vote of one key; counters are the same few thousand for all, as in a rollout."""
    cells = tuple(
        f"p/signal{cell % 30}/{'*' if cell < 30 else 'task=chat'}/1/{number % 5}" for cell in range(CELLS_PER_VOTE)
    )
    return Vote(f"p:{number:032x}", cells)


async def _work(
    link: Link, name: str, per_second: float, numbers: "count[int]", times: list[float], done: list[int]
) -> None:
    store, home, pending = RedisCellStore(link, "capacity"), Home("chat", "chat-1", 1), Pending(name)
    began = anyio.current_time()
    while anyio.current_time() - began < SECONDS:
        next_at = anyio.current_time() + FLUSH_SECONDS
        for _ in range(int(per_second * FLUSH_SECONDS)):
            pending.vote(home, vote(next(numbers)))
        for batch in pending.cut():
            at = perf_counter()
            try:
                await store.flush(batch)
            except FlushFailed:  # too late for its deadline: tried again, as the product does
                pending.failed(batch)
            else:
                pending.written(batch)
                done.append(len(batch.votes))
            times.append(perf_counter() - at)
        await anyio.sleep_until(next_at)


async def _cpu(link: Link) -> float:
    told = await link.run("capacity", 2.0, lambda redis: redis.info("cpu"))
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])


async def measured(url: str) -> tuple[list[Load], float]:
    """Each load in turn; and the bytes of memory for each vote that is remembered, all else included."""
    link = connect(url)
    numbers = count()
    loads: list[Load] = []
    try:
        before = await link.run("capacity", 2.0, lambda redis: redis.info("memory"))
        for workers, per_second in LOADS:
            times: list[float] = []
            done: list[int] = []
            cpu, began = await _cpu(link), perf_counter()
            async with anyio.create_task_group() as tasks:
                for number in range(workers):
                    tasks.start_soon(_work, link, f"w{len(loads)}-{number}", per_second, numbers, times, done)
            took, used = perf_counter() - began, await _cpu(link) - cpu
            p99 = quantiles(times, n=100)[98]
            votes = sum(done)
            loads.append(
                Load(workers, workers * per_second, votes / took, used / votes, used / took, median(times), p99)
            )
        after = await link.run("capacity", 2.0, lambda redis: redis.info("memory"))
        return loads, (after["used_memory"] - before["used_memory"]) / next(numbers)
    finally:
        await link.aclose()


def table(loads: list[Load], bytes_per_vote: float) -> str:
    """What was measured, and what follows for one Redis."""
    head = (
        "| shadow workers | votes/s wanted | votes/s done | CPU µs per vote | server busy | flush p50, ms | p99, ms |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    cost = loads[-1].cpu_per_vote
    carried = round(0.7 / cost, -4)
    follows = (
        f"\nIf {1e6 * cost:.0f} µs of CPU a vote hold on, as at the highest load, one core of one server carries about "
        f"{carried:,.0f} votes a second, three tenths to spare. A remembered vote takes {bytes_per_vote:.0f} bytes "
        f"here; the two million that an epoch may have take {2e6 * bytes_per_vote / 1e6:,.0f} MB. The times of a flush "
        f"are mostly those of the workers, which share the same cores.\n"
    )
    return head + "\n".join(load.row for load in loads) + "\n" + follows


def main() -> None:
    """Measure, print, and with --write put it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/capacity.md")
    options = parser.parse_args()
    with valkey() as url:
        text = table(*anyio.run(measured, url))
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        between = re.compile(f"{BEGIN}.*{END}", re.DOTALL)
        PAGE.write_text(between.sub(lambda _: f"{BEGIN}\n{text}{END}", page), encoding="utf-8")


if __name__ == "__main__":
    main()
