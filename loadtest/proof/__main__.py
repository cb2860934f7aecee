"""`make proof`: replays recorded swaps of real models through the whole gateway, and checks how each ends.

For each swap: two replay servers, `driftgate serve` with a configuration file, an application that asks through it, and
`driftgate start`. It ends when the rollout is promoted or rolled back. Who was asked what and when is read from the
replay servers' logs, never from the gateway's counters, and every answer is compared with the recording byte for byte.

`python -m loadtest.proof` runs each swap five times with other orders and writes the tables; `--ci` runs each once and
writes nothing; `--swap TEXT` picks those whose name contains it. Exit code 1 if any ended otherwise than it must.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final

from loadtest.proof import report
from loadtest.proof.report import Run
from loadtest.proof.swaps import SWAPS, Swap
from loadtest.rig.application import Application, Tally
from loadtest.rig.processes import Gateway, Processes, ProcessFailed, ReplayServer, start_replay
from loadtest.rig.recordings import data_dir, load
from loadtest.rig.replay_server import Entry

BOUND_SECONDS: Final = 150.0
"""A rollout that has not ended by then has failed the proof."""
LEASE_SECONDS: Final = 2.0
AFTER_SECONDS: Final = LEASE_SECONDS + 1.0
"""The application goes on for so long after a rollback, to see that nobody reaches the candidate any more."""
RUNS: Final = 5
ENDPOINT: Final = "chat"

_CONFIG: Final = """\
listen: {{data: 127.0.0.1:{data}, admin: 127.0.0.1:{admin}}}
workers: 2
state_dir: {state}
models:
  {stable}: {{base_url: {stable_url}, model: {stable}}}
  {candidate}: {{base_url: {candidate_url}, model: {candidate_model}}}
endpoints:
  chat:
    stable: {stable}
    plan: proof
    sticky_by: [header:x-user-id]
    shadow: {{sample: 100%, noise_floor: 0%}}
plans:
  proof:                            # the default plan's weights, keys and margins; bakes of seconds
    lease: {lease:.0f}s
    stages:
      - {{weight: 0%, min_keys: 300, bake: 1s}}
      - {{weight: 1%, min_keys: 50, bake: 2s, margin: 3x}}
      - {{weight: 10%, min_keys: 200, bake: 2s, margin: 2x}}
      - {{weight: 50%, min_keys: 500, bake: 2s}}
      - {{weight: 100%, bake: 2s}}
    budgets: {{agreement: off}}       # one recorded answer for each prompt: there is no noise floor
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one replayed rollout left behind. Instants are monotonic."""

    rollout: dict[str, Any]  # Any: the admin API's JSON
    tally: Tally
    stable_log: list[Entry]
    candidate_log: list[Entry]
    seconds: float
    ended_seen_at: float


def judged(swap: Swap, seed: int, seen: Seen) -> Run:
    """One row of the table, with everything that is wrong about it."""
    asked = [entry for entry in seen.candidate_log if not entry.shadow and entry.prompt >= 0]
    pairs = sum(entry.shadow and entry.prompt >= 0 for entry in (*seen.stable_log, *seen.candidate_log))
    phase, reason = seen.rollout.get("phase", "none"), seen.rollout.get("reason", "")
    wrong = list(seen.tally.complaints)
    if phase != swap.outcome or not reason.startswith(swap.reason):
        wrong.append(f"must end {swap.expectation}, but is {phase}: {reason}")
    if not seen.tally.candidate_users <= {entry.user for entry in asked}:
        wrong.append("an answer claims the candidate, whose server was never asked by that user")
    if phase != "promoted" and seen.tally.promoted:
        wrong.append(f"{seen.tally.promoted} answers of arm stable were the candidate's, without a promotion")
    late = [entry for entry in asked if entry.at > seen.ended_seen_at + LEASE_SECONDS]
    if phase == "rolled_back" and late:
        wrong.append(f"{len(late)} users reached the candidate more than a lease after the rollback")
    served = sum(entry.at <= seen.ended_seen_at for entry in asked)
    return Run(swap, seed, phase, reason, pairs, seen.tally.asked, served, seen.seconds, tuple(wrong))


def replay(swap: Swap, seed: int, place: Path) -> Run:
    """Run one swap once."""
    recorded = data_dir() / "alpaca_eval"
    with Processes(place) as processes:
        stable = start_replay(processes, "stable", swap.stable, recorded / f"{swap.stable}.json")
        candidate = start_replay(processes, "candidate", swap.candidate, recorded / f"{swap.candidate}.json")
        gateway = _gateway(swap, processes, stable, candidate)
        gateway.start()
        gateway.wait_ready()
        application = Application(
            gateway.data_port,
            ENDPOINT,
            load(recorded / f"{swap.stable}.json", swap.stable),
            load(recorded / f"{swap.candidate}.json", swap.candidate),
            seed,
        )
        began = monotonic()
        rollout, ended = asyncio.run(_until_ended(swap, gateway, application))
        seen = Seen(rollout, application.tally, stable.log(), candidate.log(), ended - began, ended)
        if processes.stop("gateway") != 0:
            raise ProcessFailed(f"serve did not end well:\n{processes.last_words('gateway')}")
    return judged(swap, seed, seen)


def _gateway(swap: Swap, processes: Processes, stable: ReplayServer, candidate: ReplayServer) -> Gateway:
    values = {
        "lease": LEASE_SECONDS,
        "stable": swap.stable,
        "stable_url": stable.base_url,
        "candidate": swap.candidate_name,
        "candidate_model": swap.candidate,
        "candidate_url": candidate.base_url,
    }
    return Gateway.configured(processes, _CONFIG, values)


async def _until_ended(swap: Swap, gateway: Gateway, application: Application) -> tuple[dict[str, Any], float]:
    """Ask until the rollout ended, and a little longer after a rollback; its last state, and when it was seen ended."""
    until = monotonic() + BOUND_SECONDS
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(application.run())
        await asyncio.to_thread(_start, swap, gateway)
        rollout: dict[str, Any] = {}
        while monotonic() < until and rollout.get("phase") not in ("promoted", "rolled_back"):
            await asyncio.wait([asking], timeout=0.1)
            rollout = await asyncio.to_thread(gateway.rollout, ENDPOINT)

        ended = monotonic()
        await asyncio.wait([asking], timeout=AFTER_SECONDS if rollout.get("phase") == "rolled_back" else 1.0)
        application.stop.set()
    return rollout, ended


def _start(swap: Swap, gateway: Gateway) -> None:
    """`driftgate start`, as a user would."""
    command = [sys.executable, "-m", "gateway.cli", "start", ENDPOINT, "--candidate", swap.candidate_name]
    command += ["--server", f"http://127.0.0.1:{gateway.admin_port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise ProcessFailed(f"driftgate start ended with {done.returncode}: {done.stdout}{done.stderr}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof."""
    parser = argparse.ArgumentParser(description="Replays recorded swaps of real models through the gateway.")
    parser.add_argument("--ci", action="store_true", help="each swap once; write no tables")
    parser.add_argument("--swap", default="", help="only swaps whose name contains this")
    parser.add_argument("--runs", type=int, default=RUNS)
    given = parser.parse_args(arguments)
    if not (data_dir() / "alpaca_eval").is_dir():
        print(f"proof: skipped, {data_dir() / 'alpaca_eval'} is not there")
        return 0
    chosen = [swap for swap in SWAPS if given.swap in swap.name]
    seeds = (1,) if given.ci else range(1, given.runs + 1)
    runs = []
    for seed in seeds:
        for swap in chosen:
            with tempfile.TemporaryDirectory(prefix="dg-proof-") as made:
                run = replay(swap, seed, Path(made))
            runs.append(run)
            print(report.line(run), flush=True)
    print("\n" + report.summary(runs))
    if not given.ci and not given.swap:
        report.write(runs)
    return 1 if any(run.wrong for run in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
