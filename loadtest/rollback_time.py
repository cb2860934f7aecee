"""How long after `driftgate rollback` a user may still reach the candidate: 50 trials, during traffic at 50 % weight.

`python -m loadtest.rollback_time [--trials N]`. Measured from just before the admin plane is asked (so its receipt is a
little later) to the start of the last user request in the candidate server's own log; both on this machine's monotonic
clock. The second figure is how long the admin API took to say that the rollback is durable. Goal: p99 below 250 ms.
The table goes to `docs/rollback-time.md`.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from time import monotonic
from typing import Final

from loadtest import invented
from loadtest.application import Application, Tally
from loadtest.processes import Gateway, Processes, ReplayServer, free_port, start_replay
from loadtest.recordings import load

TRIALS: Final = 50
IN_FLIGHT: Final = 32
RATE: Final = 400.0
ENDPOINT: Final = "chat"
_PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "rollback-time.md"
GOAL_MS: Final = 250.0
QUIET_SECONDS: Final = 0.6
"""How long is waited for stragglers after each rollback; the lease is longer, so expiry cannot flatter the figure."""

_CONFIG: Final = """\
listen: {{data: 127.0.0.1:{data}, admin: 127.0.0.1:{admin}}}
workers: 2
state_dir: {state}
models:
  lumen-1: {{base_url: {stable}}}
  lumen-2: {{base_url: {candidate}}}
endpoints:
  chat: {{stable: lumen-1, plan: half, sticky_by: [header:x-user-id], shadow: {{sample: 5%, noise_floor: 0%}}}}
plans:
  half:
    lease: 10s
    stages: [{{weight: 50%, bake: 1h}}]
    budgets: {{agreement: off}}
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """One rollback. `straggler_ms` is 0 where no user reached the candidate after the command was sent."""

    straggler_ms: float
    durable_ms: float
    state: str


async def measure(gateway: Gateway, candidate: ReplayServer, application: Application, trials: int) -> list[Trial]:
    """Run the trials, one after the other, while the application asks."""
    found = []
    async with asyncio.TaskGroup() as group:
        group.create_task(application.run())
        for number in range(trials):
            found.append(await _trial(gateway, candidate, application, number))
            print(f"trial {number + 1}: {found[-1].straggler_ms:.1f} ms", file=sys.stderr)
        application.stop.set()
    return found


async def _trial(gateway: Gateway, candidate: ReplayServer, application: Application, number: int) -> Trial:
    before = application.tally.candidate
    start = {"candidate": "lumen-2", "reason": f"trial {number}"}
    await asyncio.to_thread(gateway.command, ENDPOINT, "rollouts", start)
    async with asyncio.timeout(20.0):
        while application.tally.candidate < before + 30:  # noqa: ASYNC110 - a count is watched
            await asyncio.sleep(0.02)  # noqa: TID251 - a load driver on asyncio, not the data path
    sent = monotonic()
    answer = await asyncio.to_thread(gateway.command, ENDPOINT, "rollback", {"reason": f"trial {number}"})
    durable = monotonic()
    await asyncio.sleep(QUIET_SECONDS)  # noqa: TID251 - as above
    log = await asyncio.to_thread(candidate.log)
    last = max(entry.at for entry in log if not entry.shadow)
    return Trial(max(0.0, last - sent) * 1000, (durable - sent) * 1000, str(answer["durability"]["state"]))


def table(trials: Sequence[Trial]) -> str:
    """A Markdown table of the figures."""
    rows = [f"| {len(trials)} trials, ms | p50 | p99 | max |", "|---|---|---|---|"]
    for name, values in (
        ("last user request on the candidate", [trial.straggler_ms for trial in trials]),
        ("answer that the rollback is durable", [trial.durable_ms for trial in trials]),
    ):
        cuts = quantiles(values, n=100, method="inclusive")
        rows.append(f"| {name} | {cuts[49]:.1f} | {cuts[98]:.1f} | {max(values):.1f} |")
    return "\n".join(rows)


def _run(processes: Processes, trials: int) -> tuple[list[Trial], Tally]:
    """Start everything, and run the trials."""
    place = processes.place
    recorded = {name: invented.write(place, name) for name in ("lumen-1", "lumen-2")}
    stable = start_replay(processes, "stable", "lumen-1", recorded["lumen-1"])
    candidate = start_replay(processes, "candidate", "lumen-2", recorded["lumen-2"])
    gateway = Gateway(processes, place / "driftgate.yaml", free_port(), free_port())
    gateway.config.write_text(
        _CONFIG.format(
            data=gateway.data_port,
            admin=gateway.admin_port,
            state=place / "state",
            stable=stable.base_url,
            candidate=candidate.base_url,
        )
    )
    gateway.start()
    gateway.wait_ready()
    application = Application(
        gateway.data_port,
        ENDPOINT,
        load(recorded["lumen-1"], "lumen-1"),
        load(recorded["lumen-2"], "lumen-2"),
        seed=1,
        in_flight=IN_FLIGHT,
        rate=RATE,
    )
    found = asyncio.run(measure(gateway, candidate, application, trials))
    return found, application.tally


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Times manual rollbacks during traffic.")
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--dry", action="store_true", help="do not write docs/rollback-time.md")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="dg-time-") as made, Processes(Path(made)) as processes:
        trials, tally = _run(processes, given.trials)
    print(table(trials))
    pending = sum(trial.state != "durable" for trial in trials)
    print(
        f"{tally.asked:,} requests, {tally.failed} failed, {tally.wrong} wrong; {pending} rollbacks not durable at once"
    )
    for complaint in tally.complaints:
        print(f"  {complaint}")
    if not given.dry:
        _PAGE.parent.mkdir(exist_ok=True)
        _PAGE.write_text(_PAGE_TEXT.format(table=table(trials), rate=RATE), encoding="utf-8")
    good = not (tally.failed or tally.wrong or pending) and max(trial.straggler_ms for trial in trials) < GOAL_MS
    return 0 if good else 1


_PAGE_TEXT: Final = """\
# How fast a rollback is

Written by `python -m loadtest.rollback_time`. A rollout stands at 50 % and an application asks {rate:.0f} times a
second through two data workers, when the operator's rollback reaches the admin plane. Counted from just before that, on
one monotonic clock: until the last user request started on the candidate (in its server's own log; 0 where none started
after the command was sent), and until the answer said that the rollback is durable.

{table}
"""

if __name__ == "__main__":
    sys.exit(main())
