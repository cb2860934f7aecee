"""One shadow worker end to end: how many pairs it scores. `python -m loadtest.bench.shadow_worker` hands them over.

The worker is the role that a gateway runs, in a process of its own: it takes frames from its socket, asks a replay
server for the other answer, reads every signal of both, and flushes to a real Valkey. Answers are of 250 invented
words. Every exchange is mirrored and of a key of its own, so each casts a split, a paired and a unit vote: a gateway
mirrors a fifth of its requests, and that costs less.

As many exchanges wait as the worker takes in half a second, and never more than it has room for: it is always busy,
and sheds nothing. Where there are two cores, the worker has one for itself as far as this program is concerned, and
everything else that it starts has the others. Reported for each round are the pairs scored in a second of the clock on
the wall, the share of its core that the worker got meanwhile (other programs may take some), its CPU and Valkey's for
one pair (from /proc), and what one batch's script took in Valkey. No exchange looks late to the worker, since a late
worker reads fewer signals: that would flatter it.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import anyio
from msgspec import structs
from redis import Redis

from gateway import shadowing, valkey
from gateway.config.load import load_text
from gateway.runtime import Runtime
from loadtest.rig.accounting import cpu_seconds
from loadtest.rig.processes import Processes, ProcessFailed, start_replay
from loadtest.signals.speed import PAIRS_PER_SECOND, answer, exchange, words
from routing.bucketing import key_hash
from routing.names import EndpointKeys
from shadow.exchange import encode

WORDS: Final = 250
PAIRS: Final = 3_000
"""In a round."""
ROUNDS: Final = 3
_IN_FLIGHT: Final = 700
"""Exchanges that wait: more than are scored between two flushes, fewer than the worker's queue holds."""
_PROMPTS: Final = 40
_TEXTS: Final = 300
_PATIENCE_SECONDS: Final = 60.0
_NEVER_LATE: Final = 4e9
"""When exchanges began, in Unix seconds: far from now, since a worker that finds them late reads fewer signals."""
_CONFIG: Final = """
models:
  old: {{base_url: "{upstream}", model: old}}
  new: {{base_url: "{upstream}", model: new}}
endpoints:
  chat: {{stable: old, shadow: {{sample: 100%, noise_floor: 2%}}}}
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run came to. Times are of one pair, but for the script's, which is of one batch."""

    pairs_per_second: float
    shed: int
    unobserved: int
    core_share: float
    worker_ms: float
    valkey_ms: float
    batches: int
    script_ms: float
    cells: int


def _prompt(number: int) -> str:
    return f"Where does the river number {number} rise, and why does it matter to the towns below?"


def _recorded(place: Path) -> Path:
    path = place / "recorded.json"
    entries = [{"instruction": _prompt(at), "output": words(WORDS, at)} for at in range(_PROMPTS)]
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def _frames(count: int, rollout: str) -> list[bytes]:
    """Exchanges as a data worker writes them, each of its own key."""
    texts = [words(WORDS, 1_000 + seed) for seed in range(_TEXTS)]
    frames = []
    for number in range(count):
        asked = {"model": "chat", "messages": [{"role": "user", "content": _prompt(number % _PROMPTS)}]}
        made = structs.replace(
            exchange(number, answer(f"{number}. {texts[number % _TEXTS]}")),
            rollout=rollout,
            request_body=json.dumps(asked).encode(),
            vote_key=key_hash("vote", f"{rollout}:{number}"),
            unit=key_hash("unit", f"{rollout}:{number}"),
            window=number // 500,
            started_at=_NEVER_LATE,
        )
        payload = encode(made)
        frames.append(len(payload).to_bytes(4, "big") + payload)
    return frames


async def _hand_over(socket_path: Path, frames: Sequence[bytes], redis: "Redis", rollout: str) -> None:
    """Hand all frames over, while no more than `_IN_FLIGHT` wait."""
    async with await anyio.connect_unix(socket_path) as stream, anyio.create_task_group() as waiting:
        waiting.cancel_scope.deadline = anyio.current_time() + _PATIENCE_SECONDS
        for number, frame in enumerate(frames):
            while number % 20 == 0 and number - _done(_counts(redis, rollout)) > _IN_FLIGHT:  # noqa: ASYNC110 - a store
                await anyio.sleep(0.01)
            await stream.send(frame)


def _counts(redis: "Redis", rollout: str) -> Mapping[str, int]:
    found = redis.hgetall(EndpointKeys("dg", "chat").counts(rollout))
    assert isinstance(found, dict)  # the synchronous client; its type allows for the other
    return {str(name, "ascii") if isinstance(name, bytes) else name: int(count) for name, count in found.items()}


def _done(counts: Mapping[str, int]) -> int:
    return counts.get("shadowed", 0) + counts.get("shed", 0)


def _until_done(redis: "Redis", rollout: str, wanted: int) -> Mapping[str, int]:
    until = monotonic() + _PATIENCE_SECONDS
    while monotonic() < until:
        counts = _counts(redis, rollout)
        if _done(counts) >= wanted:
            return counts
        sleep(0.05)
    raise ProcessFailed(f"the worker did not finish within {_PATIENCE_SECONDS:.0f} s: {_counts(redis, rollout)}")


def _scripts(redis: "Redis") -> tuple[int, float]:
    """How many batches were added so far, and the microseconds that they took."""
    info = redis.info("commandstats")
    assert isinstance(info, dict)  # likewise
    found = info.get("cmdstat_evalsha", {})
    return int(found.get("calls", 0)), float(found.get("usec", 0.0))


def run(place: Path, pairs: int, rounds: int) -> Iterator[Ran]:
    """Start everything, and for each round hand the pairs over and wait for the last."""
    with Processes(place) as processes, _cores() as own_core:
        state = place / "state"
        state.mkdir()
        store = processes.start("valkey", valkey.command(place, state))
        redis = Redis(unix_socket_path=str(valkey.socket_of(place)))
        upstream = start_replay(processes, "upstream", "new", _recorded(place))
        (place / "config.yaml").write_text(_CONFIG.format(upstream=upstream.base_url))
        runtime = Runtime(place, place, valkey.address_of(place), "dg")
        worker = processes.start(
            "worker", [sys.executable, "-m", "loadtest.bench.shadow_worker", "--worker", str(place)]
        )
        os.sched_setaffinity(worker.pid, own_core)
        _until_listening(processes, runtime)
        _round(redis, runtime, "warming", 400)  # the first pairs compile patterns and open connections
        for number in range(rounds):
            before = (cpu_seconds([worker.pid]), cpu_seconds([store.pid]), _scripts(redis))
            counts, took = _round(redis, runtime, f"measured-{number}", pairs)
            batches, script_us = (now - then for now, then in zip(_scripts(redis), before[2], strict=True))
            scored, worked = counts.get("shadowed", 0), cpu_seconds([worker.pid]) - before[0]
            yield Ran(
                scored / took,
                counts.get("shed", 0),
                counts.get("unobserved", 0),
                worked / took,
                1_000.0 * worked / max(1, scored),
                1_000.0 * (cpu_seconds([store.pid]) - before[1]) / max(1, scored),
                int(batches),
                script_us / 1_000.0 / max(1, batches),
                int(str(redis.hlen(EndpointKeys("dg", "chat").cells(1)))),
            )


@contextmanager
def _cores() -> Iterator[set[int]]:
    """The core that the worker is to have; what is started meanwhile gets the others."""
    all_cores = os.sched_getaffinity(0)
    *others, last = sorted(all_cores)
    os.sched_setaffinity(0, others or [last])
    try:
        yield {last}
    finally:
        os.sched_setaffinity(0, all_cores)


def _round(redis: "Redis", runtime: Runtime, rollout: str, pairs: int) -> tuple[Mapping[str, int], float]:
    """What was counted, and the seconds from the first frame to the last score."""
    frames = _frames(pairs, rollout)
    began = monotonic()
    anyio.run(_hand_over, runtime.shadow_socket, frames, redis, rollout)
    return _until_done(redis, rollout, pairs), monotonic() - began


def _until_listening(processes: Processes, runtime: Runtime) -> None:
    until = monotonic() + _PATIENCE_SECONDS
    while not runtime.shadow_socket.exists():
        if processes.running["worker"].poll() is not None or monotonic() > until:
            raise ProcessFailed(f"the worker does not listen:\n{processes.last_words('worker')}")
        sleep(0.02)


async def _work(place: Path) -> None:
    """The shadow role, until it is killed."""
    config = load_text((place / "config.yaml").read_text(), "config.yaml", {})
    runtime = Runtime(place, place, valkey.address_of(place), "dg")
    await shadowing.serve(config, runtime, ready=lambda: None, stop=anyio.Event())


def table(rounds: Sequence[Ran]) -> str:
    """Markdown."""
    rows = (
        ("**pairs scored, a second on the wall clock**", [f"**{ran.pairs_per_second:,.0f}**" for ran in rounds]),
        ("share of its core that the worker got", [f"{ran.core_share:.0%}" for ran in rounds]),
        ("CPU of the worker, ms a pair", [f"{ran.worker_ms:.2f}" for ran in rounds]),
        ("shed, or read without all signals", [f"{ran.shed:,}, {ran.unobserved:,}" for ran in rounds]),
        ("CPU of Valkey, ms a pair", [f"{ran.valkey_ms:.3f}" for ran in rounds]),
        ("batches, and ms of the script for one", [f"{ran.batches:,}, {ran.script_ms:.2f}" for ran in rounds]),
        ("different counters in Valkey", [f"{ran.cells:,}" for ran in rounds]),
    )
    lines = ["| one shadow worker |" + " |" * len(rounds), "|---|" + "---:|" * len(rounds)]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(each)} |" for name, each in rows)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where no round reaches the bar, or pairs were shed or not read whole."""
    parser = argparse.ArgumentParser(description="How many pairs one shadow worker scores.")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.worker is not None:
        anyio.run(_work, given.worker, backend_options={"use_uvloop": True})
        return 0
    with tempfile.TemporaryDirectory(prefix="dg-speed-") as made:
        rounds = list(run(Path(made), given.pairs, given.rounds))
    print(table(rounds))
    partial = any(ran.shed or ran.unobserved for ran in rounds)
    return int(partial or max(ran.pairs_per_second for ran in rounds) < PAIRS_PER_SECOND)


if __name__ == "__main__":
    sys.exit(main())
