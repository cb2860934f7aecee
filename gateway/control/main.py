"""The role `control`: one per gateway. Wires the parts of this package together and runs them until told to stop.

It starts with Redis gone as well: the admin plane answers, a rollback works, and the controller goes on when Redis is
back.
"""

import logging
import os
import socket
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4
from zlib import crc32

import anyio

from gateway.channel.server import ControlServer
from gateway.config.model import Config
from gateway.control.alerts import Alerts
from gateway.control.desk import Desk
from gateway.control.forecasting import Forecasting
from gateway.control.freezing import Freezing
from gateway.control.home import Home
from gateway.control.memory import give_back
from gateway.control.operations import Operations
from gateway.control.rates import SAMPLE_SECONDS, Rates
from gateway.control.returning import Returning
from gateway.control.reviewing import Reviewing
from gateway.control.rolling import RollingBack
from gateway.control.routes import Routes
from gateway.control.telling import Trouble, journal_lost, store_lost
from gateway.control.web import Server, application
from gateway.dashboard.recording import Recorder
from gateway.keys import SECRET_VARIABLE, KeyRing
from gateway.own.installed import versions
from gateway.runtime import Ready, Runtime
from gateway.telemetry.otlp import Exporting
from gateway.upstream.asking import Asker
from rollback import sequential
from rollback.carrying import Carrier
from rollback.controller import TICK_SECONDS, Controller
from rollback.journal import Journal
from rollback.store import WRITE_SECONDS, RolloutStore
from rollback.watching import Watched
from routing.connecting import connect
from shadow.review_store import ReviewStore
from shadow.signals.catalogue import VERSIONS

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Means:
    """What the process opened, and closes again."""

    store: RolloutStore
    reviews: ReviewStore
    journal: Journal
    asker: Asker
    holder: str


async def serve(config: Config, runtime: Runtime, *, listener: socket.socket, ready: Ready, stop: anyio.Event) -> None:
    """Run the control process on `listener` until `stop` is set. `ready` is called once the admin plane answers."""
    give_back()
    redis = connect(runtime.redis, timeout_seconds=WRITE_SECONDS)
    asker = Asker(config)
    journal = await anyio.to_thread.run_sync(Journal, runtime.journal)
    if journal.state.damaged:
        logger.error("the journal has %d damaged lines: a rollback may be missing from it", journal.state.damaged)
    try:
        means = _Means(
            store=RolloutStore(redis, runtime.redis_prefix, replicas=config.redis.replicas),
            reviews=ReviewStore(redis, runtime.redis_prefix),
            journal=journal,
            asker=asker,
            holder=await anyio.to_thread.run_sync(gateway_id, runtime.state_dir),
        )
        await _run(config, runtime, means, listener, ready, stop)
    finally:
        journal.close()
        asker.close()
        with anyio.move_on_after(1.0, shield=True):
            await redis.aclose()


async def _run(
    config: Config, runtime: Runtime, means: _Means, listener: socket.socket, ready: Ready, stop: anyio.Event
) -> None:
    desk = _wired(config, runtime, means, stop)
    keys = KeyRing.from_config(config.keys, os.environ.get(SECRET_VARIABLE))
    recorder = Recorder(desk.controller.watched, desk.operations.entries_of)
    server = Server(application(desk, keys, recorder), ready)
    async with desk.channel.serving(), anyio.create_task_group() as tasks:
        tasks.start_soon(desk.controller.run)
        tasks.start_soon(desk.alerts.run)
        tasks.start_soon(_tell_of_trouble, desk)
        tasks.start_soon(desk.exporting.run, desk.series)
        tasks.start_soon(_observe_rates, desk)
        tasks.start_soon(recorder.run)
        tasks.start_soon(_end, stop, server)
        await server.serve(sockets=[listener])
        tasks.cancel_scope.cancel()


def _wired(config: Config, runtime: Runtime, means: _Means, stop: anyio.Event) -> Desk:
    clock = time.monotonic  # one clock for all processes of a machine: leases are told in it
    exporting = Exporting(config.telemetry, means.holder)
    routes, alerts, store = Routes(clock), Alerts(config.alerts, config.listen.dashboard), means.store
    watched: Mapping[str, Watched] = {endpoint: Watched() for endpoint in config.endpoints}
    channel = ControlServer(
        runtime.control_socket,
        state=routes.messages,
        lease_seconds=lambda: longest_lease(config, watched),
        on_spans=exporting.offer if config.telemetry.otlp is not None else None,
    )
    home = Home(means.journal, channel, routes, alerts, exporting if config.telemetry.otlp is not None else None)
    carrier = Carrier(store, home, clock)
    meanings = {**VERSIONS, **versions(), **_judge_version(config), "judge.bets": sequential.VERSION}
    controller = Controller(
        store,
        store,
        home,
        carrier,
        watched,
        holder=means.holder,
        tick_seconds=tick_seconds(config),
        versions=meanings,
    )
    rolling = RollingBack(store, home, carrier, watched)
    rates = Rates()
    forecasting = Forecasting(config, store, rates)
    operations = Operations(config, store, home, carrier, watched, means.asker, forecasting, meanings)
    return Desk(
        operations=operations,
        returning=Returning(config, store, home, carrier, rolling, watched, clock),
        freezing=Freezing(store, watched, operations.check),
        reviewing=Reviewing(config, means.reviews, watched, operations.check),
        controller=controller,
        home=home,
        channel=channel,
        alerts=alerts,
        exporting=exporting,
        rates=rates,
        stopping=stop,
        wake=controller.wake,
    )


def _judge_version(config: Config) -> dict[str, int]:
    """Another judge, or another grey zone, gives agreement another meaning, so it stands among the pinned versions."""
    if config.judge is None:
        return {}
    said = config.judge.model_dump_json(include={"model", "grey"})
    return {"agreement.judge": crc32(said.encode())}


def gateway_id(state_dir: Path) -> str:
    """This gateway's name as a leader: one per state directory, so that a restarted process leads again at once."""
    path = state_dir / "gateway-id"
    with suppress(FileExistsError), path.open("x") as file:
        file.write(f"{socket.gethostname()}-{uuid4().hex}")
    return path.read_text().strip() or f"{socket.gethostname()}-{uuid4().hex}"


async def _observe_rates(desk: Desk) -> None:
    """Note the workers' counters from time to time; not at once, since they have yet to connect."""
    while True:
        await anyio.sleep(SAMPLE_SECONDS)
        desk.rates.add(time.monotonic(), desk.home.counters())


async def _tell_of_trouble(desk: Desk) -> None:
    """Somebody must hear when Redis or the disk is lost for longer, and they themselves cannot say so."""
    while True:
        await anyio.sleep(TICK_SECONDS)
        rollouts = (seen.rollout for seen in desk.controller.watched.values())
        desk.alerts.blind(_trouble(desk), [r for r in rollouts if r is not None and r.is_running])


def _trouble(desk: Desk) -> Trouble | None:
    if fault := desk.controller.store_fault:
        return store_lost(fault)
    return journal_lost(desk.home.fault) if desk.home.fault else None


async def _end(stop: anyio.Event, server: Server) -> None:
    await stop.wait()
    server.should_exit = True


def longest_lease(config: Config, watched: Mapping[str, Watched]) -> float:
    """The longest that a worker may still expose a candidate by itself: running plans' leases, else the configured."""
    running = [seen.rollout.plan.lease_seconds for seen in watched.values() if seen.rollout is not None]
    return max([*running, *configured_leases(config)])


def configured_leases(config: Config) -> Iterable[float]:
    """The lease of each configured plan."""
    first = next(iter(config.endpoints))
    return [config.plan_for(first, name).lease_seconds for name in config.plan_names()]


def tick_seconds(config: Config) -> float:
    """A second, or a third of the shortest lease: a lease outlives two missed ticks."""
    return min([TICK_SECONDS, *(lease / 3 for lease in configured_leases(config))])
