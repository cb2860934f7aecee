"""One shadow worker end to end: how many pairs it scores. `python -m loadtest.bench.shadow_worker` hands them over.

The worker is the role that a gateway runs, in a process of its own: it takes frames from its socket, asks a replay
server for the other answer, reads every signal of both, and flushes to a real Valkey. Answers are of 250 invented
words. Every exchange is mirrored and of a key of its own, so each casts a split, a paired and a unit vote: a gateway
mirrors a fifth of its requests, and that costs less.

Exchanges come at a rate that is asked for. Reported are the pairs scored in a second, the share that was shed, the CPU
of the worker and of Valkey for one pair (from /proc, so that neighbours on shared cores disturb it little), and what
one batch's script took in Valkey.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
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
from loadtest.bench.play import cpu_seconds
from loadtest.rig.processes import Processes, ProcessFailed, start_replay
from loadtest.signals.speed import PAIRS_PER_SECOND, answer, exchange, words
from routing.bucketing import key_hash
from routing.keys import EndpointKeys
from shadow.exchange import encode

WORDS: Final = 250
PAIRS: Final = 6_000
RATE: Final = 600
"""Exchanges handed over in a second: above the bar, so that reaching it is no merit of the source."""
_PROMPTS: Final = 40
_TEXTS: Final = 300
_PATIENCE_SECONDS: Final = 60.0
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
    worker_ms: float
    valkey_ms: float
    batches: int
    script_ms: float
    cells: int

    @property
    def by_cpu(self) -> float:
        """Pairs a second if the worker had a core for itself."""
        return 1_000.0 / self.worker_ms


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
        )
        payload = encode(made)
        frames.append(len(payload).to_bytes(4, "big") + payload)
    return frames


async def _hand_over(socket_path: Path, frames: Sequence[bytes], rate: float) -> None:
    async with await anyio.connect_unix(socket_path) as stream:
        began = anyio.current_time()
        for number, frame in enumerate(frames):
            await stream.send(frame)
            if number % 20 == 0:
                await anyio.sleep(max(0.0, began + number / rate - anyio.current_time()))


def _counts(redis: "Redis", rollout: str) -> Mapping[str, int]:
    found = redis.hgetall(EndpointKeys("dg", "chat").counts(rollout))
    assert isinstance(found, dict)  # the synchronous client; its type allows for the other
    return {str(name, "ascii") if isinstance(name, bytes) else name: int(count) for name, count in found.items()}


def _until_done(redis: "Redis", rollout: str, wanted: int) -> Mapping[str, int]:
    until = monotonic() + _PATIENCE_SECONDS
    while monotonic() < until:
        counts = _counts(redis, rollout)
        if counts.get("shadowed", 0) + counts.get("shed", 0) >= wanted:
            return counts
        sleep(0.05)
    raise ProcessFailed(f"the worker did not finish within {_PATIENCE_SECONDS:.0f} s: {_counts(redis, rollout)}")


def _scripts(redis: "Redis") -> tuple[int, float]:
    """How many batches were added so far, and the microseconds that they took."""
    info = redis.info("commandstats")
    assert isinstance(info, dict)  # likewise
    found = info.get("cmdstat_evalsha", {})
    return int(found.get("calls", 0)), float(found.get("usec", 0.0))


def run(place: Path, pairs: int, rate: float) -> Ran:
    """Start everything, hand the pairs over, and wait for the last."""
    with Processes(place) as processes:
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
        _until_listening(processes, runtime)
        _warm(redis, runtime)
        frames = _frames(pairs, "measured")
        before = (cpu_seconds([worker.pid]), cpu_seconds([store.pid]), _scripts(redis), monotonic())
        anyio.run(_hand_over, runtime.shadow_socket, frames, rate)
        counts = _until_done(redis, "measured", pairs)
        took = monotonic() - before[3]
        batches, script_us = (now - then for now, then in zip(_scripts(redis), before[2], strict=True))
        scored = counts.get("shadowed", 0)
        return Ran(
            scored / took,
            counts.get("shed", 0),
            1_000.0 * (cpu_seconds([worker.pid]) - before[0]) / max(1, scored),
            1_000.0 * (cpu_seconds([store.pid]) - before[1]) / max(1, scored),
            int(batches),
            script_us / 1_000.0 / max(1, batches),
            int(str(redis.hlen(EndpointKeys("dg", "chat").cells(1)))),
        )


def _warm(redis: "Redis", runtime: Runtime) -> None:
    """The first pairs compile patterns and open connections."""
    anyio.run(_hand_over, runtime.shadow_socket, _frames(200, "warming"), 200.0)
    _until_done(redis, "warming", 200)


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


def table(ran: Ran, rate: float) -> str:
    """Markdown."""
    rows = (
        ("exchanges handed over, a second", f"{rate:,.0f}"),
        ("pairs scored, a second", f"{ran.pairs_per_second:,.0f}"),
        ("shed", f"{ran.shed:,}"),
        ("CPU of the worker, ms a pair", f"{ran.worker_ms:.2f}"),
        ("pairs a second on a core of its own (from that)", f"{ran.by_cpu:,.0f}"),
        ("CPU of Valkey, ms a pair", f"{ran.valkey_ms:.3f}"),
        ("batches, and ms of the script for one", f"{ran.batches:,}, {ran.script_ms:.2f}"),
        ("different counters in Valkey", f"{ran.cells:,}"),
    )
    return "\n".join(["| one shadow worker | |", "|---|---:|", *(f"| {name} | {value} |" for name, value in rows)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where a worker with a core of its own scores less than the bar."""
    parser = argparse.ArgumentParser(description="How many pairs one shadow worker scores.")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.worker is not None:
        anyio.run(_work, given.worker, backend_options={"use_uvloop": True})
        return 0
    with tempfile.TemporaryDirectory(prefix="dg-speed-") as made:
        ran = run(Path(made), given.pairs, given.rate)
    print(table(ran, given.rate))
    return int(ran.by_cpu < PAIRS_PER_SECOND)


if __name__ == "__main__":
    sys.exit(main())
