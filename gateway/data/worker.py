"""The data worker's main function: build, serve, drain.

It serves before Redis or the control process has answered, from the configuration and the journal: stable only. What it
knows then comes two ways, by push on the control channel and by poll from Redis; either is enough.
"""

import gc
import logging
import socket
from collections.abc import Mapping
from os import environ
from time import monotonic
from typing import Final

import anyio

from gateway.channel.client import ControlClient
from gateway.channel.messages import FromControl, RollBack, RouteUpdate
from gateway.channel.series import series
from gateway.config.model import Config
from gateway.data.app import App, Health
from gateway.data.counts import Counts
from gateway.data.elsewhere import Elsewhere
from gateway.data.firstbyte import FirstByteTimes
from gateway.data.handover import HandOver
from gateway.data.origins import Origins
from gateway.data.proxy import Proxy
from gateway.data.record import Recorder
from gateway.data.room import Room, raise_limit
from gateway.data.server import Server
from gateway.data.table import RouteTable, first_routes
from gateway.data.tally import Tally
from gateway.data.tracing import Tracing
from gateway.keys import SECRET_VARIABLE, KeyRing
from gateway.runtime import Ready, Runtime
from gateway.upstream.asking import Asker
from rollback.errors import JournalFailed
from rollback.journal import JournalState, read_journal
from routing.connecting import connect
from routing.exposure import Observation
from routing.made_store import MadeStore
from routing.store import ExposureStore

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 1.0
"""Between two looks at Redis where nothing was published: a lost publication costs at most this."""
LINGER_SECONDS: Final = 0.5
"""How long a client's idle connection may bring one more request when the worker stops: many round trips."""
LAST_FLUSH_SECONDS: Final = 2.0
"""For counts and exchanges to get away at the end."""


async def serve(
    config: Config, runtime: Runtime, *, index: int, listener: socket.socket, ready: Ready, stop: anyio.Event
) -> None:
    """Serve the data plane on `listener` until `stop`, then drain."""
    raise_limit()
    worker = _Worker(config, runtime, index)
    try:
        async with anyio.create_task_group() as tasks:
            worker.start(tasks)
            await worker.server.start(listener)
            worker.health.serving = True
            _settle_garbage()
            ready()
            await stop.wait()
            await worker.stop(config.limits.drain_seconds)
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(LAST_FLUSH_SECONDS):
            await worker.close()


class _Worker:
    """The parts of one worker, wired."""

    def __init__(self, config: Config, runtime: Runtime, index: int) -> None:
        self.asker = Asker(config, workers=config.worker_count())
        self.redis_down = ""
        self.room = Room()
        self.table = _table(config, runtime)
        self.counts = Counts()
        self.tally = Tally()
        self.handover = HandOver(runtime.shadow_socket)
        self.origins = Origins()
        telemetry = config.telemetry
        self.tracing = Tracing(telemetry.sample, with_answers=telemetry.gen_ai) if telemetry.otlp is not None else None
        self.redis = connect(runtime.redis)
        self.store = ExposureStore(self.redis, runtime.redis_prefix)
        self.others = connect(runtime.redis)
        self.elsewhere = Elsewhere(MadeStore(self.others, runtime.redis_prefix), self.origins)
        self.control = ControlClient(
            runtime.control_socket,
            role="data",
            index=index,
            on_message=self.hear,
            counters=self.counters,
            on_welcome=self.met,
            shared=self.origins,
            spans=self.tracing.take if self.tracing is not None else None,
        )
        self.health = Health(
            checks={
                "redis": lambda: self.redis_down,
                "control": lambda: "" if self.control.connected else "the control process is away; nothing widens",
                "models": self.table.missing,
                "shadow": lambda: "" if self.handover.connected else "the shadow worker is away; nothing is compared",
                "descriptors": lambda: self.room.fault,
            }
        )
        app = App(
            config,
            table=self.table,
            keys=KeyRing.from_config(config.keys, environ.get(SECRET_VARIABLE)),
            proxy=Proxy(self.asker, FirstByteTimes()),
            recorder=Recorder(self.counts, self.tally, self.handover, self.origins, self.tracing),
            origins=self.origins,
            health=self.health,
            elsewhere=self.elsewhere,
        )
        self.server = Server(app, room=self.room)

    def start(self, tasks: anyio.abc.TaskGroup) -> None:
        """Start everything that runs beside the requests."""
        tasks.start_soon(self.asker.watch)
        tasks.start_soon(self.room.watch)
        tasks.start_soon(self.control.run)
        tasks.start_soon(self.handover.run)
        tasks.start_soon(self.counts.run, self.store)
        tasks.start_soon(self.elsewhere.run)
        tasks.start_soon(self.store.follow, self.table.names, self.see, monotonic, POLL_SECONDS, self.redis_changed)

    def see(self, endpoint: str, observation: Observation) -> None:
        """Redis says how an endpoint stands."""
        self.table.observe(endpoint, observation, monotonic())

    def redis_changed(self, up: bool, why: str) -> None:
        """Redis became reachable, or unreachable."""
        self.redis_down = "" if up else f"{why}; leases run out and stable serves"
        if up:
            logger.info("redis is reachable")
        else:
            logger.warning("redis is not reachable; leases run out and stable serves: %s", why)

    def met(self) -> None:
        """The control process has answered."""
        self.health.control_answered = True

    def hear(self, message: FromControl) -> None:
        """The control process says something. What it says is in force when this returns."""
        match message:
            case RouteUpdate():
                self.table.observe(message.endpoint, message.observation(), monotonic())
            case RollBack():
                self.table.roll_back(message.endpoint, message.rollout, message.revision)

    def counters(self) -> Mapping[str, float]:
        """Everything counted here, for /metrics."""
        values = {**self.tally.values(), **self.asker.series()}
        for reason, count in self.handover.dropped.items():
            values[series("driftgate_shadow_dropped_total", reason=f"handover_{reason}")] = float(count)
        if self.tracing is not None:
            values[series("driftgate_telemetry_dropped_total", reason="worker")] = float(self.tracing.dropped)
        values["driftgate_connections_shed_total"] = float(self.room.shed)
        values["driftgate_worker_stalled_seconds_total"] = self.room.stalled_seconds
        seen_at = self.table.seen_at
        if seen_at is not None:
            values["driftgate_snapshot_age_seconds"] = monotonic() - seen_at
        return values

    async def stop(self, drain_seconds: float) -> None:
        """No longer ready; let answers end; get the last counts and exchanges away."""
        self.health.draining = True
        lingering = min(LINGER_SECONDS, drain_seconds)
        await self.server.refuse(lingering)
        with anyio.move_on_after(LAST_FLUSH_SECONDS):
            await self.control.leave()
        if not await self.server.drain(drain_seconds - lingering):
            logger.warning("answers were cut at the drain deadline of %s s", drain_seconds)
        with anyio.move_on_after(LAST_FLUSH_SECONDS):
            self.handover.flush()  # what it has no room for is counted, too
            await self.counts.flush(self.store)
            await self.elsewhere.tell()
        await self.handover.drain(LAST_FLUSH_SECONDS)

    async def close(self) -> None:
        """Give everything back, whatever state it is in."""
        await self.server.drain(0)
        self.asker.close()
        await self.redis.aclose()
        await self.others.aclose()


def _table(config: Config, runtime: Runtime) -> RouteTable:
    try:
        journal = read_journal(runtime.journal)
    except JournalFailed as error:
        logger.error("%s; the configuration's stable serves, which may be an old one", error)  # noqa: TRY400 - no traceback
        journal = JournalState()
    routes = first_routes(config.endpoints, journal)
    return RouteTable(routes, {name: endpoint.stable for name, endpoint in config.endpoints.items()}, config.models)


def _settle_garbage() -> None:
    """What lives as long as the worker is not looked at again, and collections come seldom: they are pauses."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
