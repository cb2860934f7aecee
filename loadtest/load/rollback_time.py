"""How long after a rollback a user may still reach the candidate: 200 trials by hand, 100 of its own accord.

`python -m loadtest.load.rollback_time [--trials N]`. Two gateways with two data workers each share one external server;
they are asked in turn, during traffic at 50 % weight.

By hand: measured from just before the admin plane is asked (so its receipt is a little later) to the start of the last
user request in the candidate's server's own log, apart for users of the gateway that was asked and of the other one;
all on this machine's monotonic clock. The last figure is how long the admin API took to say that the rollback is
durable. Goal: p99 below 250 ms.

Of its own accord: at one instant many users ask what only the candidate declines, which is more than enough to roll it
back. Measured from before the first of them is sent, which is before the last observation that was needed, to the start
of the last user request on the candidate. Goal: p99 below 1 s. The tables go to `docs/rollback-time.md`.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import quantiles
from time import monotonic
from typing import Final

from gateway import valkey
from loadtest.rig.application import Application, Tally
from loadtest.rig.asking import Client
from loadtest.rig.pair import ENDPOINT, Pair, start_pair
from loadtest.rig.processes import Gateway, Processes

TRIALS: Final = 200
BURST: Final = 100
"""Questions at once of which the candidate declines its half: some 20 would do."""
DECLINED: Final = "Tell me what only the candidate declines."
GATEWAYS: Final = 2
IN_FLIGHT: Final = 16
RATE: Final = 100.0
"""Questions a second to each gateway: with more, two cores that run both gateways and all else are what is timed."""
_PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "rollback-time.md"
GOAL_MS: Final = 250.0
AUTOMATIC_GOAL_MS: Final = 1000.0
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
class AutomaticTrial:
    """One rollback by evidence: until the last user reached the candidate, and until the burst was answered."""

    last_ms: float
    burst_ms: float


@dataclass(frozen=True, slots=True)
class Site:
    """The gateways, who asks each of them, and the model servers."""

    gateways: tuple[Gateway, ...]
    applications: tuple[Application, ...]
    pair: Pair


async def measure(site: Site, trials: int) -> tuple[list[Trial], list[AutomaticTrial]]:
    """Run the trials, one after the other, while the applications ask; half as many of its own accord."""
    found, automatic = list[Trial](), list[AutomaticTrial]()
    async with asyncio.TaskGroup() as group:
        for application in site.applications:
            group.create_task(application.run())
        for number in range(trials):
            found.append(await _trial(site, number))
            last = found[-1]
            print(f"trial {number + 1}: {last.here_ms:.1f} ms, {last.elsewhere_ms:.1f} ms elsewhere", file=sys.stderr)
        for number in range(max(2, trials // 2)):
            automatic.append(await _automatic_trial(site, number))
            print(f"automatic trial {number + 1}: {automatic[-1].last_ms:.0f} ms", file=sys.stderr)
        for application in site.applications:
            application.stop.set()
    return found, automatic


async def _exposed(site: Site, gateway: Gateway, reason: str) -> None:
    """Start a rollout, and wait until users of every gateway have had the candidate."""
    before = [application.tally.candidate for application in site.applications]
    await asyncio.to_thread(gateway.command, ENDPOINT, "rollouts", {"candidate": "lumen-2", "reason": reason})
    async with asyncio.timeout(20.0):
        while any(  # noqa: ASYNC110 - counts are watched
            application.tally.candidate < count + EXPOSED
            for application, count in zip(site.applications, before, strict=True)
        ):
            await asyncio.sleep(0.02)  # noqa: TID251 - a load driver on asyncio, not the data path


async def _automatic_trial(site: Site, number: int) -> AutomaticTrial:
    gateway = site.gateways[number % len(site.gateways)]
    await _exposed(site, gateway, f"automatic trial {number}")
    await asyncio.sleep(Random(number).random())  # noqa: TID251 - a start is a tick: not all bursts at one distance from it
    client = Client(gateway.data_port, gateway.host)
    body = json.dumps({"model": ENDPOINT, "messages": [{"role": "user", "content": DECLINED}]}).encode()
    sent = monotonic()
    users = [f"burst-{number}-{each}" for each in range(BURST)]
    await asyncio.gather(*(client.ask("/v1/chat/completions", body, {"x-user-id": user}) for user in users))
    answered = monotonic()
    client.close()
    async with asyncio.timeout(20.0):
        while (  # noqa: ASYNC110 - another process' state is watched
            found := await asyncio.to_thread(gateway.rollout, ENDPOINT)
        )["phase"] != "rolled_back":
            await asyncio.sleep(0.05)  # noqa: TID251 - as above
    assert found["reason"].startswith("refusal"), found["reason"]
    await asyncio.sleep(QUIET_SECONDS)  # noqa: TID251 - as above
    entries = await asyncio.to_thread(site.pair.candidate_users, sent)
    return AutomaticTrial((max(entry.at for entry in entries) - sent) * 1000, (answered - sent) * 1000)


async def _trial(site: Site, number: int) -> Trial:
    asked = number % len(site.gateways)
    gateway = site.gateways[asked]
    await _exposed(site, gateway, f"trial {number}")
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
    """A Markdown table of the figures of rollbacks by hand."""
    return _table(
        len(trials),
        {
            "last user request on the candidate, at the gateway that was asked": [trial.here_ms for trial in trials],
            "last user request on the candidate, at the other gateway": [trial.elsewhere_ms for trial in trials],
            "answer that the rollback is durable": [trial.durable_ms for trial in trials],
        },
    )


def automatic_table(trials: Sequence[AutomaticTrial]) -> str:
    """The same of rollbacks by evidence."""
    return _table(
        len(trials),
        {
            "last user request on the candidate, at either gateway": [trial.last_ms for trial in trials],
            "the burst is answered": [trial.burst_ms for trial in trials],
        },
    )


def _table(trials: int, figures: Mapping[str, Sequence[float]]) -> str:
    rows = [f"| {trials} trials, ms | p50 | p99 | max |", "|---|---|---|---|"]
    for name, values in figures.items():
        cuts = quantiles(values, n=100, method="inclusive")
        rows.append(f"| {name} | {cuts[49]:.1f} | {cuts[98]:.1f} | {max(values):.1f} |")
    return "\n".join(rows)


def _run(processes: Processes, trials: int) -> tuple[list[Trial], list[AutomaticTrial], list[Tally]]:
    """Start everything, and run the trials."""
    place = processes.place
    pair = start_pair(processes, [DECLINED])
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
    found, automatic = asyncio.run(measure(Site(gateways, applications, pair), trials))
    return found, automatic, [application.tally for application in applications]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Times rollbacks during traffic.")
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--dry", action="store_true", help="do not write docs/rollback-time.md")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="dg-time-") as made, Processes(Path(made)) as processes:
        trials, automatic, tallies = _run(processes, given.trials)
    print(table(trials))
    print(automatic_table(automatic))
    pending = sum(trial.state != "durable" for trial in trials)
    asked, failed = (sum(tally.asked for tally in tallies), sum(tally.failed + tally.wrong for tally in tallies))
    print(f"{asked:,} requests, {failed} failed or wrong; {pending} rollbacks not durable at once")
    for complaint in (text for tally in tallies for text in tally.complaints):
        print(f"  {complaint}")
    if not given.dry:
        _PAGE.parent.mkdir(exist_ok=True)
        _PAGE.write_text(
            _PAGE_TEXT.format(table=table(trials), automatic=automatic_table(automatic), rate=RATE, burst=BURST),
            encoding="utf-8",
        )
    late = max(max(trial.here_ms, trial.elsewhere_ms) for trial in trials)
    automatic_late = max(trial.last_ms for trial in automatic)
    good = not (failed or pending) and late < GOAL_MS and automatic_late < AUTOMATIC_GOAL_MS
    return 0 if good else 1


_PAGE_TEXT: Final = """\
# How fast a rollback is

Written by `python -m loadtest.load.rollback_time`. Two gateways with two data workers each share one server. A rollout
stands at 50 % and an application asks each gateway {rate:.0f} times a second, when the operator's rollback reaches the
admin plane of one of them. Counted from just before that, on one monotonic clock: until the last user request started
on the candidate (in its server's own log; 0 where none started after the command was sent), and until the answer said
that the rollback is durable.

{table}

## Of its own accord
In the same traffic {burst} users ask at once what only the candidate declines, which is more than enough evidence.
Counted from before the first of them is sent, and so from before the last observation that was needed.

{automatic}
"""

if __name__ == "__main__":
    sys.exit(main())
