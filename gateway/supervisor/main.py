"""`driftgate serve`: one gateway's processes together.

Started in the order Valkey, then control, shadow and data together: most of a start is imports, each finds the others
when they are there, and a data worker is ready for traffic only once the control process has answered. Stopped in the
order data → shadow → control → Valkey, so that the last exchange is compared, the last counters are flushed, and the
last transition is written before what it is written to ends.

Only the supervisor reacts to signals. The first SIGTERM or SIGINT drains; a second one hurries. SIGHUP reads the
configuration again (`reloading`) and puts a new generation of children in the place of the present one: the new data
workers first, beside the old ones and on the same sockets, and the old ones drained last. Where a new child cannot be
started, the old generation goes on.
"""

import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import anyio.abc

from gateway import lifeline, logs, valkey
from gateway.child import runtime_of
from gateway.config.model import Config
from gateway.runtime import Runtime
from gateway.supervisor import listeners
from gateway.supervisor.errors import BadPlace, ChildFailed, ConfigRefused, NotHere, SupervisorError
from gateway.supervisor.family import Family, family
from gateway.supervisor.keeper import ChildSpec, Keeper
from gateway.supervisor.places import locked_state_dir, runtime_dir
from gateway.supervisor.reloading import reread
from gateway.version import __version__, data_path
from routing.connecting import connect
from routing.errors import StoreUnavailable

AFTER_DRAIN_SECONDS: Final = 5.0
"""What a data worker may take beyond its drain, and the others at all, before they are killed."""
PROBE_SECONDS: Final = 0.5
LOADING_SECONDS: Final = 300.0
"""How long Valkey may read its append-only file before it answers; killed earlier, it would never come up."""

log = logging.getLogger("driftgate.supervisor")


def run(config: Config, *, config_path: Path) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code. Nothing is left running afterwards."""
    logs.configure(config.log, "supervisor")
    try:
        with ExitStack() as held:
            lock = held.enter_context(locked_state_dir(config.state_dir))
            data = listeners.shared(config.listen.data, config.worker_count(), name="data")
            admin = listeners.single(config.listen.admin, name="admin")
            for listener in (*data, admin):
                held.enter_context(listener)
            run_dir = held.enter_context(runtime_dir(lock))
            runtime = runtime_of(config, run_dir, config.state_dir)
            supervisor = Supervisor(config, config_path, runtime, data, admin, lock)
            anyio.run(supervisor.run)
    except SupervisorError as error:
        print(f"driftgate: {error}", file=sys.stderr)  # noqa: T201 - the command's own last word
        return 1
    return 0


class Supervisor:
    """The children of one gateway, from start to stop."""

    def __init__(
        self,
        config: Config,
        config_path: Path,
        runtime: Runtime,
        data: list[socket.socket],
        admin: socket.socket,
        lock: int,
    ) -> None:
        self._config_path = config_path
        self._runtime = runtime
        self._data_listeners, self._admin_listener = data, admin
        self._family = family(1, config, runtime, data, admin)
        self._valkey_specs = [self._valkey_spec(lock)] if config.redis.url == "embedded" else []
        self._valkey: list[Keeper] = []
        self._control: list[Keeper] = []
        self._shadow: list[Keeper] = []
        self._data: list[Keeper] = []
        self._stop = anyio.Event()
        self._hurry = anyio.Event()
        self._hung_up = anyio.Event()

    async def run(self) -> None:
        """Start everything, keep it running, and stop it when asked. Raises `ChildFailed`."""
        log.info("driftgate %s, data path %s", __version__, data_path())
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._listen_for_signals)
            failure = await self._launch(self._valkey, self._valkey_specs, tasks)
            if not failure and not self._stop.is_set():
                failure = await self._launch_family(tasks)
            if not failure and not self._stop.is_set():
                data, admin = listeners.url(self._data_listeners[0]), listeners.url(self._admin_listener)
                log.info("serving %s: data %s  admin %s", self._config_path, data, admin)
                await self._serve(tasks)
                log.info("stopping: draining for at most %.0f s", self._family.config.limits.drain_seconds)
            for group in (self._data, self._shadow, self._control, self._valkey):
                await self._end(group)
            tasks.cancel_scope.cancel()
        if failure:
            raise ChildFailed(f"{failure} could not be started; what it said stands above")
        log.info("stopped")

    async def _serve(self, tasks: anyio.abc.TaskGroup) -> None:
        """Until told to stop; with each SIGHUP the configuration is read again."""
        while not self._stop.is_set():
            await _first_of(self._stop.wait, self._hung_up.wait)
            if self._hung_up.is_set() and not self._stop.is_set():
                self._hung_up = anyio.Event()
                await self._reload(tasks)

    # ── starting and stopping ─────────────────────────────────────────────────────────────────────────────────────────

    async def _launch_family(self, tasks: anyio.abc.TaskGroup) -> str | None:
        """Start the present family together; returns the name of a child that cannot be started."""
        present = self._family
        groups = (self._control, (present.control,)), (self._shadow, (present.shadow,)), (self._data, present.data)
        for group, specs in groups:
            self._begin(group, specs, tasks)
        return await self._until_ready([*self._control, *self._shadow, *self._data])

    async def _launch(
        self, group: list[Keeper], specs: list[ChildSpec] | tuple[ChildSpec, ...], tasks: anyio.abc.TaskGroup
    ) -> str | None:
        return await self._until_ready(self._begin(group, specs, tasks))

    def _begin(
        self, group: list[Keeper], specs: list[ChildSpec] | tuple[ChildSpec, ...], tasks: anyio.abc.TaskGroup
    ) -> list[Keeper]:
        made = [Keeper(spec) for spec in specs]
        group += made
        for keeper in made:
            tasks.start_soon(keeper.run)
        return made

    async def _until_ready(self, keepers: list[Keeper]) -> str | None:
        """Wait until all are ready; returns the name of one that cannot be started."""
        for keeper in keepers:
            await _first_of(keeper.ready.wait, keeper.gave_up.wait, self._stop.wait)
            if keeper.gave_up.is_set():
                return keeper.spec.name
        return None

    async def _end(self, group: list[Keeper]) -> None:
        if group is self._data:
            self._refuse()
        await self._retire(group, list(group))

    async def _retire(self, group: list[Keeper], old: list[Keeper]) -> None:
        """Stop some of a group: data workers drain first."""
        grace = AFTER_DRAIN_SECONDS + (self._family.config.limits.drain_seconds if group is self._data else 0.0)
        async with anyio.create_task_group() as tasks:
            for keeper in old:
                tasks.start_soon(keeper.stop, grace, self._hurry)
        for keeper in old:
            if keeper in group:
                group.remove(keeper)

    def _refuse(self) -> None:
        """Give up our copies of the data listeners: with the workers' closed too, a new connection is refused at once.

        Kept, it would be queued for nobody, and reset when the last answer has drained.
        """
        for keeper in self._data:
            keeper.let_go()
        for listener in self._data_listeners:
            listener.close()

    # ── another configuration ─────────────────────────────────────────────────────────────────────────────────────────

    async def _reload(self, tasks: anyio.abc.TaskGroup) -> None:
        """Apply the file as it is now, or say why not and go on."""
        present, said = self._family, "SIGHUP: %s is refused, generation %d goes on: %s"
        try:
            config = await reread(self._config_path, present.config, self._runtime)
            wanted = family(present.number + 1, config, self._runtime, self._data_listeners, self._admin_listener)
        except ConfigRefused as refused:
            for reason in refused.reasons:
                log.error(said, self._config_path, present.number, reason)  # noqa: TRY400 - the reason is the cause
            return
        except BadPlace as error:
            log.error(said, self._config_path, present.number, error)  # noqa: TRY400 - the error is the cause
            return
        failure = await self._replace(wanted, tasks)
        if failure and not self._stop.is_set():
            why = f"{failure} could not be started with it; what it said stands above"
            log.error(said, self._config_path, present.number, why)
        elif not self._stop.is_set():
            log.info("SIGHUP: %s applied as generation %d of the configuration", self._config_path, wanted.number)

    async def _replace(self, wanted: Family, tasks: anyio.abc.TaskGroup) -> str | None:
        """Put `wanted` in the place of the present family; where a child fails, undo it and return its name."""
        present, old = self._family, list(self._data)
        made = self._begin(self._data, wanted.data, tasks)
        failure = await self._until_ready(made)
        changed: list[tuple[list[Keeper], ChildSpec]] = []
        for group, before, after in (
            (self._shadow, present.shadow, wanted.shadow),
            (self._control, present.control, wanted.control),
        ):
            if failure or self._stop.is_set():
                break
            changed.append((group, before))
            failure = await self._exchange(group, after, tasks)
        if self._stop.is_set():
            return failure
        if failure:
            for group, before in reversed(changed):
                await self._exchange(group, before, tasks)
            await self._retire(self._data, made)
            self._runtime.config_file(wanted.number).unlink(missing_ok=True)
            return failure
        self._family = wanted
        for keeper in old:
            keeper.let_go()  # started again, it would look for a configuration that is gone
        self._runtime.config_file(present.number).unlink(missing_ok=True)
        tasks.start_soon(self._retire, self._data, old)
        return None

    async def _exchange(self, group: list[Keeper], spec: ChildSpec, tasks: anyio.abc.TaskGroup) -> str | None:
        """Stop a group's child, and start another in its place, on the same socket."""
        await self._retire(group, list(group))
        return await self._launch(group, (spec,), tasks)

    async def _listen_for_signals(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as received:
            task_status.started()
            async for number in received:
                if number == signal.SIGHUP:
                    self._hung_up.set()
                elif self._stop.is_set():
                    self._hurry.set()
                else:
                    self._stop.set()

    def _valkey_spec(self, lock: int) -> ChildSpec:
        try:
            command = lifeline.through(valkey.command(self._runtime.run_dir, self._runtime.state_dir))
        except valkey.NoServer as error:
            raise NotHere(str(error)) from error
        except OSError as error:
            raise BadPlace(f"the embedded server has no place for its files: {error}") from error
        obstacle = partial(valkey.obstacle, self._runtime.state_dir)
        return ChildSpec("valkey", command, (lock,), self._valkey_answers, LOADING_SECONDS, obstacle)

    async def _valkey_answers(self) -> bool:
        link = connect(self._runtime.redis, timeout_seconds=PROBE_SECONDS)
        try:
            return bool(await link.run("", PROBE_SECONDS, lambda redis: redis.ping()))
        except StoreUnavailable:
            return False
        finally:
            await link.aclose()


async def _first_of(*waits: Callable[[], Awaitable[object]]) -> None:
    """Return when the first of several waits does."""

    async def one(wait: Callable[[], Awaitable[object]]) -> None:
        await wait()
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for wait in waits:
            tasks.start_soon(one, wait)
