"""The benchmark: driftgate with everything on, beside nginx, Envoy, vllm-router and LiteLLM, in one run.

`make bench` plays interleaved rounds: in each, every way to the same model server in turn, so that what else the
machine does meets all of them. The accounted process of each way is kept on one core of its own; load, model server and
everything else have the others. Where latency is measured, load and model server go first, if that is allowed. Each way
has one worker; one of driftgate's rows of whole answers has two, on all cores. driftgate's data path is the compiled
one, which `make bench` makes first, and one row is interpreted; where no C compiler is there every row is, and the page
says so. Writes docs/bench.md and docs/images/bench.svg.

    make bench                          about 20 minutes with five rounds
    make bench ARGS="--quick"           one short round, nothing written
    make bench ARGS="--ways driftgate,nginx --rounds 2"

Needs Debian's `nginx` and `wrk`, and says so where they are missing. Envoy, vllm-router, LiteLLM and the Python that
driftgate runs on are installed below `out/bench/` on first use.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from loadtest.bench.environments import Missing, interpreter
from loadtest.bench.page import Page, write_page
from loadtest.bench.play import (
    IN_FLIGHT,
    Direct,
    Measured,
    Wrk,
    body_of,
    going_first,
    measure_streams,
    measure_whole,
    pin,
)
from loadtest.bench.upstream import WHOLE, start_streams, start_whole
from loadtest.bench.ways import PEERS, STREAMED, Arms, Code, Way, start_driftgate, under_rollout
from loadtest.rig.compiled import ROOT, NotCompiled, compiled_tree
from loadtest.rig.processes import Gateway, Processes, descendants

ROUNDS: Final = 5
SECONDS: Final = 3.0
SIZES: Final = (1_600, 30_000)
STREAMS: Final = (64, 500)
DRIFTGATE: Final = "driftgate"
_FIRST: Final = "Where latency is measured, load and model server go first, as if they had machines of their own."
_NOT_FIRST: Final = "Latency holds what load and model server wait for others: real-time priority is not allowed here."


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played. `ways` are names of `PEERS`, and `driftgate`."""

    ways: tuple[str, ...]
    rounds: int
    seconds: float
    sizes: tuple[int, ...]
    streams: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs: how to measure one round of each row, by name."""

    rows: dict[str, Callable[[], Measured]]
    missing: list[str]


@dataclass(frozen=True, slots=True)
class Played:
    """What was measured, what is to be known of how, and what could not be had."""

    found: list[Measured]
    conditions: list[str]
    missing: list[str]


def bench(place: Path, plan: Plan, python: str) -> Played:
    """Start everything, our gateways on this Python, and play the rounds interleaved."""
    cores = sorted(os.sched_getaffinity(0))
    with Processes(place) as processes:
        if len(cores) > 1:
            os.sched_setaffinity(0, set(cores[1:]))  # of this process, and so of all that it starts
        try:
            stage = _stage(processes, plan, python, ({cores[0]}, set(cores)))
            found = []
            for number in range(plan.rounds):
                for name, measure in stage.rows.items():
                    print(f"round {number + 1} of {plan.rounds}: {name}", file=sys.stderr)
                    found.append(replace(measure(), way=name))
        finally:
            os.sched_setaffinity(0, set(cores))
    with going_first(()) as goes_first:
        condition = _FIRST if goes_first else _NOT_FIRST
    return Played(found, [condition], stage.missing)


def _stage(processes: Processes, plan: Plan, python: str, cores: tuple[set[int], set[int]]) -> Stage:
    """Start all ways, and say how each row is measured; `cores`: the accounted processes', and all."""
    own, every = cores
    whole = start_whole(processes)
    streams = start_streams(processes, plan.seconds)
    server = processes.running[WHOLE].pid
    direct = Direct(whole, (server, *descendants(server)))
    wrk = {size: Wrk(processes.place, body_of(size)) for size in plan.sizes}

    def of_whole(way: Way) -> Callable[[], Measured]:
        return lambda: measure_whole(way, wrk, direct, plan.seconds)

    def of_streams(way: Way) -> Callable[[], Measured]:
        return lambda: measure_streams(way, plan.streams)

    rows: dict[str, Callable[[], Measured]] = {f"direct{STREAMED}": of_streams(Way("direct", streams))}
    missing = []
    for name in plan.ways:
        if name == DRIFTGATE:
            continue
        try:
            first = PEERS[name](processes, name, whole)
            second = PEERS[name](processes, f"{name}{STREAMED}", streams)
        except Missing as error:
            missing.append(str(error))
            continue
        pin((*first.pids, *second.pids), own)
        rows[first.name] = of_whole(first)
        rows[f"{first.name}{STREAMED}"] = of_streams(second)
    if DRIFTGATE in plan.ways:
        try:
            compiled = compiled_tree()
        except NotCompiled as error:
            compiled = None
            missing.append(f"the compiled data path, so that every row of driftgate is interpreted: {error}")
        driven = _Driven(processes, (whole, streams), (of_whole, of_streams), python, compiled)
        rows |= driven.rows(own, every)
    return Stage(rows, missing)


@dataclass(frozen=True, slots=True)
class _Driven:
    """What our gateways are started with, and how they are measured: whole answers first, then streams.

    `compiled` is where the compiled data path is, None where there is none.
    """

    processes: Processes
    upstreams: tuple[int, int]
    measures: tuple[Callable[[Way], Callable[[], Measured]], Callable[[Way], Callable[[], Measured]]]
    python: str
    compiled: Path | None

    def rows(self, own: set[int], every: set[int]) -> dict[str, Callable[[], Measured]]:
        """Without a rollout, with everything on, streams with everything on, two workers; and interpreted."""
        source = self.compiled or ROOT
        gateway, way = self._start(DRIFTGATE, source)
        second, streams = self._start(f"{DRIFTGATE}{STREAMED}", source)
        doubled, two = self._start(f"{DRIFTGATE} two", source, workers=2)
        pin((*way.pids, *streams.pids), own)
        pin(two.pids, every)
        of_whole, of_streams = self.measures
        rows = {
            "driftgate, no rollout": of_whole(way),
            "driftgate, everything on": _on(gateway, of_whole(way)),
            f"driftgate, everything on{STREAMED}": _on(second, of_streams(streams)),
            "driftgate, everything on, 2 workers": _on(doubled, of_whole(two)),
        }
        if self.compiled is not None:
            plain, interpreted = self._start(f"{DRIFTGATE} interpreted", ROOT)
            pin(interpreted.pids, own)
            rows["driftgate, everything on, interpreted"] = _on(plain, of_whole(interpreted))
        return rows

    def _start(self, name: str, source: Path, workers: int = 1) -> tuple[Gateway, Way]:
        port = self.upstreams[name.endswith(STREAMED)]
        return start_driftgate(self.processes, name, _both(port), Code(self.python, source), workers=workers)


def _on(gateway: Gateway, measure: Callable[[], Measured]) -> Callable[[], Measured]:
    """Measured while a rollout is at 50 %."""

    def measured() -> Measured:
        with under_rollout(gateway):
            return measure()

    return measured


def _both(port: int) -> Arms:
    """One server as both models."""
    return Arms(f"http://127.0.0.1:{port}/v1", f"http://127.0.0.1:{port}/v1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description="driftgate beside other gateways.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
    parser.add_argument("--ways", default=",".join((*PEERS, DRIFTGATE)), help="names, separated by commas")
    parser.add_argument("--quick", action="store_true", help="one round of a second each; nothing is written")
    parser.add_argument("--dry", action="store_true", help="print the page instead of writing it")
    given = parser.parse_args(arguments)
    ways = tuple(given.ways.split(","))
    if unknown := set(ways) - {*PEERS, DRIFTGATE}:
        parser.error(f"no such way: {', '.join(sorted(unknown))}; there are {', '.join((*PEERS, DRIFTGATE))}")
    absent = [name for name in ("nginx", "wrk") if shutil.which(name) is None]
    if absent:
        print(f"bench: skipped, {' and '.join(absent)} not installed")
        return 0
    plan = Plan(ways, 1 if given.quick else given.rounds, 1.0 if given.quick else given.seconds, SIZES, STREAMS)
    python, about_python = interpreter()
    with tempfile.TemporaryDirectory(prefix="dg-bench-") as made:
        played = bench(Path(made), plan, python)
    heading = f"{plan.rounds} rounds of {plan.seconds:g} s, {IN_FLIGHT} in flight"
    conditions = [*played.conditions, about_python]
    write_page(Page(played.found, heading, conditions, played.missing), dry=given.dry or given.quick)
    return 1 if any(each.errors for each in played.found if each.way.startswith(DRIFTGATE)) else 0


if __name__ == "__main__":
    sys.exit(main())
