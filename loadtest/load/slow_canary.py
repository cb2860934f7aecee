"""What a candidate that becomes slow costs those who are on it: `python -m loadtest.load.slow_canary`.

Half of a steady application's users are on the candidate, beside which stable is asked at the same speed: an A/A. Then
the candidate becomes ten times slower than stable, which is slower but an answer; and so slow that it might as well be
gone, with a deadline learned from stable's first bytes. Printed is what each of its users waited, beside stable's in
the same run. Ends with 0 only if nobody failed, nobody fell back from a candidate like stable, nobody waited longer
than the deadline and a second, and the candidate that says nothing was rolled back.
"""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import median, quantiles
from time import monotonic, sleep
from typing import Final

from gateway.data.firstbyte import ENOUGH, LEAST_SECONDS
from loadtest.rig.application import Application, Taken
from loadtest.rig.pair import start_pair, traffic, until
from loadtest.rig.processes import Gateway, Processes, ReplayServer

ROUNDS: Final = 4
SECONDS: Final = 6.0
STABLE_SECONDS: Final = 0.05
SLOWER_SECONDS: Final = 10 * STABLE_SECONDS
SILENT_SECONDS: Final = 60.0
RATE: Final = 100.0
LEARNING_SECONDS: Final = 5 * ENOUGH / RATE
"""Until every class of requests has a deadline: half of them are streamed, and their sizes differ."""
IN_FLIGHT: Final = 400
"""More than can wait for a silent candidate at once: the application asks on."""
SETTLE_SECONDS: Final = 0.5
MOST_SECONDS: Final = LEAST_SECONDS + 1.0
"""What anybody may wait: the least deadline, which is what a stable as quick as this one leads to, and its answer."""
KINDS: Final = ("like stable", "10 × slower", "silent")
_CONFIG: Final = """\
listen: {{data: 127.0.0.1:{data}, admin: 127.0.0.1:{admin}}}
workers: 1
state_dir: {state}
models:
  lumen-1: {{base_url: {stable}}}
  lumen-2: {{base_url: {candidate}}}
endpoints:
  chat: {{stable: lumen-1, plan: half, sticky_by: [header:x-user-id], shadow: {{sample: 10%, noise_floor: 0%}}}}
plans:
  half: {{stages: [{{weight: 50%, bake: 1h}}, {{weight: 100%, bake: 1h}}], budgets: {{refusal: {{max_increase: 30pp}},
    length: off, schema: off, agreement: off, ttft: {{max_increase: 10pp, class: signal}},
    errors: {{max_increase: 5pp, ceiling: 20%}}}}}}
"""

Periods = dict[str, list[Taken]]
"""What was answered, by what the candidate was."""


def play(place: Path) -> tuple[Periods, list[float], list[str]]:
    """The run: what was measured, the seconds that each rollback took, and what went wrong."""
    with Processes(place) as processes:
        pair = start_pair(processes)
        gateway = Gateway.configured(processes, _CONFIG, pair.urls)
        gateway.start()
        gateway.wait_ready()
        pair.stable.behave(first_byte_seconds=STABLE_SECONDS)
        asking = pair.application(gateway, seed=1, in_flight=IN_FLIGHT, rate=RATE)
        found: Periods = defaultdict(list)
        with traffic([asking]):
            sleep(LEARNING_SECONDS)
            ended = [_round(gateway, pair.candidate, asking, found) for _ in range(ROUNDS)]
        gateway.http.close()
    return found, ended, _problems(asking, found)


def _round(gateway: Gateway, candidate: ReplayServer, asking: Application, found: Periods) -> float:
    """One rollout: well, slower, silent until it is rolled back; the seconds that this took."""
    candidate.behave(first_byte_seconds=STABLE_SECONDS)
    gateway.command("chat", "rollouts", {"candidate": "lumen-2", "reason": "measuring"})
    until(lambda: any(taken.arm == "candidate" for taken in asking.tally.taken[-20:]), "users on the candidate")
    for kind, seconds in (("like stable", STABLE_SECONDS), ("10 × slower", SLOWER_SECONDS)):
        candidate.behave(first_byte_seconds=seconds)
        sleep(SETTLE_SECONDS)
        found[kind] += _taken(asking, monotonic(), SECONDS)
    began = monotonic()
    candidate.behave(first_byte_seconds=SILENT_SECONDS)
    until(lambda: gateway.rollout("chat")["phase"] == "rolled_back", "a rollback")
    took = monotonic() - began
    found["silent"] += _taken(asking, began, took)
    print(gateway.rollout("chat")["reason"])
    return took


def _taken(asking: Application, began: float, seconds: float) -> list[Taken]:
    """What was asked in `seconds` from `began`, once all of it has been answered."""
    sleep(max(0.0, began + seconds - monotonic()) + MOST_SECONDS)
    return [taken for taken in asking.tally.taken if began <= taken.asked_at < began + seconds]


def _problems(asking: Application, found: Periods) -> list[str]:
    problems = asking.tally.problems()
    if fell := sum(bool(taken.fallback) for taken in found["like stable"]):
        problems.append(f"{fell} fell back from a candidate that is as quick as stable")
    longest = max(taken.seconds for kind in KINDS for taken in found[kind])
    if longest > MOST_SECONDS:
        problems.append(f"somebody waited for {longest:.1f} s")
    return problems


def main() -> int:
    """Play, and print what users waited by what the candidate was and which arm they had."""
    with tempfile.TemporaryDirectory(prefix="dg-slow-") as made:
        found, ended, problems = play(Path(made))
    print(
        "| the candidate is | users of | answers | fell back at the deadline | at once | p50 ms | p99 ms | longest ms |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for kind in KINDS:
        for arm in ("stable", "candidate"):
            answers = [taken for taken in found[kind] if _arm_of(taken) == arm]
            late = sum(taken.fallback == "timeout" for taken in answers)
            at_once = sum(bool(taken.fallback) for taken in answers) - late
            cells = _cells(taken.seconds for taken in answers)
            print(f"| {kind} | {arm} | {len(answers):,} | {late:,} | {at_once:,} | {cells} |")
    print(f"silent for {median(ended):.1f} s ({min(ended):.1f} to {max(ended):.1f}) until it was rolled back")
    for problem in problems:
        print(f"slow canary: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _arm_of(taken: Taken) -> str:
    """Whose user it was, whoever answered in the end."""
    return "candidate" if taken.fallback else taken.arm


def _cells(seconds: Iterable[float]) -> str:
    ms = sorted(1000 * each for each in seconds)
    return f"{median(ms):.1f} | {quantiles(ms, n=100)[98]:.1f} | {ms[-1]:.0f}"


if __name__ == "__main__":
    sys.exit(main())
