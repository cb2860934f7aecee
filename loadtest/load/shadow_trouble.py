"""What a shadow side in trouble costs stable's users: `python -m loadtest.load.shadow_trouble`.

A whole gateway mirrors every request of a steady application and stays at 0 %, so each answer is stable's. In turn all
is well, the candidate is so slow that mirrors pile up and are shed, and the shadow worker stands still, so that what is
handed over piles up before it; at the end the candidate is killed. Printed are the users' p50 and p99 in each kind of
period: ratios of one run, on one machine. Ends with 0 only if nobody failed and nothing was concluded about the
candidate from its silence.
"""

import os
import signal
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import monotonic, sleep
from typing import Final

from loadtest.rig.application import Application
from loadtest.rig.pair import start_pair, traffic
from loadtest.rig.processes import Gateway, Processes

ROUNDS: Final = 6
SECONDS: Final = 6.0
SETTLE_SECONDS: Final = 1.5
"""After each change, not counted."""
SLOW_SECONDS: Final = 20.0
RATE: Final = 100.0
WELL: Final = "all is well"
SLOW: Final = f"the candidate takes {SLOW_SECONDS:.0f} s"
STILL: Final = "the shadow worker stands still"
GONE: Final = "the candidate is gone"
_CONFIG: Final = """\
listen: {{data: 127.0.0.1:{data}, admin: 127.0.0.1:{admin}}}
workers: 1
state_dir: {state}
models:
  lumen-1: {{base_url: {stable}}}
  lumen-2: {{base_url: {candidate}}}
endpoints:
  chat: {{stable: lumen-1, plan: standing, sticky_by: [header:x-user-id], shadow: {{sample: 100%, noise_floor: 0%}}}}
plans:
  standing: {{stages: [{{weight: 0%, bake: 1h}}], budgets: {{refusal: {{max_increase: 30pp}}, length: off, schema: off,
    agreement: off, ttft: off, errors: {{max_increase: 90pp}}}}}}
"""

Periods = dict[str, list[list[float]]]
"""Milliseconds of each answer, by kind and period."""


def play(place: Path) -> tuple[Periods, list[str]]:
    """The run; what was measured, and what went wrong."""
    with Processes(place) as processes:
        pair = start_pair(processes)
        gateway = Gateway.configured(processes, _CONFIG, pair.urls)
        gateway.start()
        gateway.wait_ready()
        asking = pair.application(gateway, seed=1, in_flight=32, rate=RATE)
        with traffic([asking]):
            sleep(2.0)
            gateway.command("chat", "rollouts", {"candidate": "lumen-2", "reason": "measuring"})
            found: Periods = defaultdict(list)
            for _ in range(ROUNDS):
                pair.candidate.behave()
                found[WELL].append(_period(asking))
                pair.candidate.behave(first_byte_seconds=SLOW_SECONDS)
                found[SLOW].append(_period(asking))
                pair.candidate.behave()
                with _standing_still(gateway):
                    found[STILL].append(_period(asking))
            rollout = gateway.rollout("chat")
            processes.kill("candidate")
            found[GONE] = [_period(asking) for _ in range(ROUNDS)]
            ended = gateway.rollout("chat")
        gateway.http.close()
    requests = rollout["requests"]
    print(f"mirrored {requests['shadowed']:,}, shed {requests['shed']:,}; {rollout['phase']}: {rollout['reason']}")
    print(f"after it was killed: {ended['phase']}: {ended['reason']}")
    problems = asking.tally.problems()
    if rollout["phase"] != "shadowing" or any(row["verdict"] == "harm" for row in rollout["signals"]):
        problems.append(f"the rollout is {rollout['phase']}: {rollout['reason']}")
    return found, problems


@contextmanager
def _standing_still(gateway: Gateway) -> Iterator[None]:
    """Its shadow worker is stopped meanwhile, as if the machine had nothing left for it."""
    (worker,) = gateway.children("child shadow")
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


def _period(asking: Application) -> list[float]:
    sleep(SETTLE_SECONDS)
    began = monotonic()
    sleep(SECONDS)
    return [1000 * taken.seconds for taken in asking.tally.taken if taken.asked_at >= began and taken.arm == "stable"]


def main() -> int:
    """Play, and print the medians over the periods, and each kind's ratio to those where all is well."""
    with tempfile.TemporaryDirectory(prefix="dg-trouble-") as made:
        found, problems = play(Path(made))
    print("| | periods | answers | p50 ms | p99 ms | p99, times that where all is well |")
    print("|---|---|---|---|---|---|")
    usual = 0.0
    for kind, periods in found.items():
        middle = median(median(period) for period in periods)
        late = median(quantiles(period, n=100)[98] for period in periods)
        usual = usual or late
        number = sum(map(len, periods))
        print(f"| {kind} | {len(periods)} | {number:,} | {middle:.1f} | {late:.1f} | {late / usual:.2f} |")
    for problem in problems:
        print(f"shadow trouble: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
