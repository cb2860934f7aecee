"""How long after `driftgate rollback` a user may still reach the candidate: 200 trials, during traffic at 50 % weight.

`python -m loadtest.load.rollback_time [--trials N]`. Two gateways with two data workers each share one external server;
they are asked in turn. Measured from just before the admin plane is asked (so its receipt is a little later) to the
start of the last user request in the candidate server's own log, apart for users of the gateway that was asked and of
the other one; all on this machine's monotonic clock. The last figure is how long the admin API took to say that the
rollback is durable. Goal: p99 below 250 ms. The table goes to `docs/rollback-time.md`.
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

from gateway import valkey
from loadtest.rig.application import Application, Tally
from loadtest.rig.pair import ENDPOINT, Pair, start_pair
from loadtest.rig.processes import Gateway, Processes

TRIALS: Final = 200
GATEWAYS: Final = 2
IN_FLIGHT: Final = 16
RATE: Final = 100.0
"""Questions a second to each gateway: with more, two cores that run both gateways and all else are what is timed."""
_PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "rollback-time.md"
GOAL_MS: Final = 250.0
READY_SECONDS: Final = 60.0
EXPOSED: Final = 15
"""Answers of the candidate that the users of each gateway get before a rollback is timed."""
QUIET_SECONDS: Final = 0.6
"""How long is waited for stragglers after each rollback; the lease is longer, so expiry cannot flatter the figure."""

_CONFIG: Final = """\
listen: {{data: {host}:{data}, admin: {host}:{admin}}}
workers: 2
state_dir: {state}
redis: {{url: "{redis}"}}
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
    """One rollback. Stragglers are 0 where no user reached the candidate after the command was sent."""

    here_ms: float
    elsewhere_ms: float
    durable_ms: float
    state: str


@dataclass(frozen=True, slots=True)
class Site:
    """The gateways, who asks each of them, and the model servers."""

    gateways: tuple[Gateway, ...]
    applications: tuple[Application, ...]
    pair: Pair


async def measure(site: Site, trials: int) -> list[Trial]:
    """Run the trials, one after the other, while the applications ask."""
    found = []
    async with asyncio.TaskGroup() as group:
        for application in site.applications:
            group.create_task(application.run())
        for number in range(trials):
            found.append(await _trial(site, number))
            last = found[-1]
            print(f"trial {number + 1}: {last.here_ms:.1f} ms, {last.elsewhere_ms:.1f} ms elsewhere", file=sys.stderr)
        for application in site.applications:
            application.stop.set()
    return found


async def _trial(site: Site, number: int) -> Trial:
    before = [application.tally.candidate for application in site.applications]
    asked = number % len(site.gateways)
    gateway = site.gateways[asked]
    start = {"candidate": "lumen-2", "reason": f"trial {number}"}
    await asyncio.to_thread(gateway.command, ENDPOINT, "rollouts", start)
    async with asyncio.timeout(20.0):
        while any(  # noqa: ASYNC110 - counts are watched
            application.tally.candidate < count + EXPOSED
            for application, count in zip(site.applications, before, strict=True)
        ):
            await asyncio.sleep(0.02)  # noqa: TID251 - a load driver on asyncio, not the data path
    sent = monotonic()
    answer = await asyncio.to_thread(gateway.command, ENDPOINT, "rollback", {"reason": f"trial {number}"})
    durable = monotonic()
    await asyncio.sleep(QUIET_SECONDS)  # noqa: TID251 - as above
    users = await asyncio.to_thread(site.pair.candidate_users, sent)
    late = [
        max([0.0, *(entry.at - sent for entry in users if entry.user.startswith(f"user-{seed}-"))])
        for seed in range(len(site.gateways))
    ]
    elsewhere = max(seconds for seed, seconds in enumerate(late) if seed != asked)
    return Trial(late[asked] * 1000, elsewhere * 1000, (durable - sent) * 1000, str(answer["durability"]["state"]))


def table(trials: Sequence[Trial]) -> str:
    """A Markdown table of the figures."""
    rows = [f"| {len(trials)} trials, ms | p50 | p99 | max |", "|---|---|---|---|"]
    for name, values in (
        ("last user request on the candidate, at the gateway that was asked", [trial.here_ms for trial in trials]),
        ("last user request on the candidate, at the other gateway", [trial.elsewhere_ms for trial in trials]),
        ("answer that the rollback is durable", [trial.durable_ms for trial in trials]),
    ):
        cuts = quantiles(values, n=100, method="inclusive")
        rows.append(f"| {name} | {cuts[49]:.1f} | {cuts[98]:.1f} | {max(values):.1f} |")
    return "\n".join(rows)


def _run(processes: Processes, trials: int) -> tuple[list[Trial], list[Tally]]:
    """Start everything, and run the trials."""
    place = processes.place
    pair = start_pair(processes)
    (place / "shared").mkdir()
    processes.start("valkey", valkey.command(place, place / "shared"))
    redis = f"unix://{valkey.socket_of(place)}"
    gateways = tuple(
        Gateway.configured(
            processes, _CONFIG, pair.urls | {"redis": redis}, name=f"gateway-{number}", host=f"127.0.0.{2 + number}"
        )
        for number in range(GATEWAYS)
    )
    for gateway in gateways:
        gateway.start()
    for gateway in gateways:
        gateway.wait_ready(READY_SECONDS)
    applications = tuple(
        pair.application(gateway, seed, in_flight=IN_FLIGHT, rate=RATE) for seed, gateway in enumerate(gateways)
    )
    found = asyncio.run(measure(Site(gateways, applications, pair), trials))
    return found, [application.tally for application in applications]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Times manual rollbacks during traffic.")
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--dry", action="store_true", help="do not write docs/rollback-time.md")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="dg-time-") as made, Processes(Path(made)) as processes:
        trials, tallies = _run(processes, given.trials)
    print(table(trials))
    pending = sum(trial.state != "durable" for trial in trials)
    asked, failed = (sum(tally.asked for tally in tallies), sum(tally.failed + tally.wrong for tally in tallies))
    print(f"{asked:,} requests, {failed} failed or wrong; {pending} rollbacks not durable at once")
    for complaint in (text for tally in tallies for text in tally.complaints):
        print(f"  {complaint}")
    if not given.dry:
        _PAGE.parent.mkdir(exist_ok=True)
        _PAGE.write_text(_PAGE_TEXT.format(table=table(trials), rate=RATE), encoding="utf-8")
    late = max(max(trial.here_ms, trial.elsewhere_ms) for trial in trials)
    good = not (failed or pending) and late < GOAL_MS
    return 0 if good else 1


_PAGE_TEXT: Final = """\
# How fast a rollback is

Written by `python -m loadtest.load.rollback_time`. Two gateways with two data workers each share one server. A rollout
stands at 50 % and an application asks each gateway {rate:.0f} times a second, when the operator's rollback reaches the
admin plane of one of them. Counted from just before that, on one monotonic clock: until the last user request started
on the candidate (in its server's own log; 0 where none started after the command was sent), and until the answer said
that the rollback is durable.

{table}
"""

if __name__ == "__main__":
    sys.exit(main())
