"""What a change is worth: CPU per request and memory of one data worker, beside nginx and another checkout.

`python -m loadtest.bench.cpu` plays interleaved rounds: nginx, the gateway without a rollout, and the gateway with
everything on (a rollout at 50 %: assignment, capture, hand-over, counters). `--against ../before` plays the gateway of
another checkout beside it: what a change is worth is a ratio within one run. `--compiled` plays the data path that
`make compiled` has made: with `--against .` it says what compiling is worth, with `--against ../before/build/compiled`
what a change is worth where it is compiled. Load comes from wrk, answers from replay servers. CPU is read from the
proxying process's own accounting in /proc, not from the load generator's throughput, so neighbours on shared cores
disturb it little. The page is `loadtest.bench`'s.

Needs Debian's `nginx` and `wrk`; says so and ends where they are missing.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

from loadtest.bench.play import IN_FLIGHT, Wrk
from loadtest.bench.ways import ENDPOINT, Arms, Code, Way, start_driftgate, start_nginx, under_rollout
from loadtest.rig import invented
from loadtest.rig.accounting import cpu_seconds, rss_mib
from loadtest.rig.compiled import NotCompiled, compiled_tree
from loadtest.rig.processes import Processes, start_replay

ROUNDS: Final = 5
SECONDS: Final = 4
NGINX: Final = "nginx proxy_pass"


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one way."""

    way: str
    kind: str
    cpu_us: float
    per_second: float
    rss_mib: float
    errors: int


def play(way: Way, kind: str, wrk: Wrk) -> Round:
    """One round of load."""
    before = cpu_seconds(way.pids)
    load = wrk.run(way.port, SECONDS)
    spent = cpu_seconds(way.pids) - before
    return Round(way.name, kind, spent / load.requests * 1e6, load.per_second, rss_mib(way.pids), load.errors)


def table(rounds: Sequence[Round]) -> str:
    """A Markdown table: medians over the rounds, and each figure against nginx's of the same kind."""
    played = len(rounds) // len({(each.way, each.kind) for each in rounds})
    head = f"{played} rounds of {SECONDS} s, {IN_FLIGHT} in flight"
    rows = [f"| {head} | CPU µs per request | × nginx | requests/s | RSS MiB | errors |", "|---|---|---|---|---|---|"]
    for kind in dict.fromkeys(each.kind for each in rounds):
        nginx = median(each.cpu_us for each in rounds if each.kind == kind and each.way == NGINX)
        for way in dict.fromkeys(each.way for each in rounds):
            mine = [each for each in rounds if each.kind == kind and each.way == way]
            cpu = median(each.cpu_us for each in mine)
            rows.append(
                f"| {way}, {kind} | {cpu:.0f} ({min(each.cpu_us for each in mine):.0f}–"
                f"{max(each.cpu_us for each in mine):.0f}) | {cpu / nginx:.1f} "
                f"| {median(each.per_second for each in mine):,.0f} | {max(each.rss_mib for each in mine):.0f} "
                f"| {sum(each.errors for each in mine)} |"
            )
    return "\n".join(rows)


def loads(place: Path, recorded: Path) -> dict[str, Wrk]:
    """What is asked, by kind of request: one recorded prompt below a long system message, 1.6 KB together."""
    prompt = json.loads(recorded.read_text())[0]["instruction"]
    messages = [{"role": "system", "content": "word " * 280}, {"role": "user", "content": prompt}]
    bodies = {
        kind: json.dumps({"model": ENDPOINT, "stream": kind == "streamed", "messages": messages}).encode()
        for kind in ("unary", "streamed")
    }
    return {kind: Wrk(place, body) for kind, body in bodies.items()}


def bench(place: Path, rounds: int, source: Path | None, against: Path | None) -> list[Round]:
    """Start everything, and play the rounds interleaved; `against`: where the gateway is that is played beside ours."""
    with Processes(place) as processes:
        recorded = invented.write(place, "lumen-1", repeat=4)
        stable = start_replay(processes, "stable", "lumen-1", recorded)
        candidate = start_replay(processes, "candidate", "lumen-2", recorded)
        arms = Arms(stable.base_url, candidate.base_url)
        nginx = replace(start_nginx(processes, "nginx", stable.port), name=NGINX)
        driven = [start_driftgate(processes, "driftgate", arms, Code(source=source))]
        if against is not None:
            driven.append(start_driftgate(processes, "driftgate before", arms, Code(source=against)))
        ways = [way for _, way in driven]
        kinds = loads(place, recorded)
        found: list[Round] = []
        for _ in range(rounds):
            for kind, wrk in kinds.items():
                found.append(play(nginx, kind, wrk))
                found += _each(ways, "no rollout", kind, wrk)
            with ExitStack() as rollouts:
                for gateway, _ in driven:
                    rollouts.enter_context(under_rollout(gateway))
                for kind, wrk in kinds.items():
                    found += _each(ways, "rollout at 50 %", kind, wrk)
        return found


def _each(ways: Iterable[Way], doing: str, kind: str, wrk: Wrk) -> list[Round]:
    """A round of each gateway, doing something."""
    return [play(replace(way, name=f"{way.name}, {doing}"), kind, wrk) for way in ways]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU per request beside nginx.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--against", type=Path, help="another checkout, whose gateway is played beside this one")
    parser.add_argument("--compiled", action="store_true", help="play this one compiled, as `make compiled` left it")
    given = parser.parse_args(arguments)
    missing = [name for name in ("nginx", "wrk") if shutil.which(name) is None]
    if missing:
        print(f"bench: skipped, {' and '.join(missing)} not installed")
        return 0
    try:
        source = compiled_tree() if given.compiled else None
    except NotCompiled as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory(prefix="dg-bench-") as made:
        rounds = bench(Path(made), given.rounds, source, given.against)
    print(table(rounds))
    return 1 if any(each.errors for each in rounds) else 0


if __name__ == "__main__":
    sys.exit(main())
