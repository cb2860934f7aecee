"""`driftgate serve`: one gateway's processes together.

Started in the order Valkey, then control, shadow and data together: most of a start is imports, each finds the others
when they are there, and a data worker is ready for traffic only once the control process has answered. Stopped in the
order data → shadow → control → Valkey, so that the last exchange is compared, the last counters are flushed, and the
last transition is written before what it is written to ends.

Only the supervisor reacts to signals. The first SIGTERM or SIGINT drains; a second one hurries.
"""

import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import anyio
import anyio.abc

from gateway import lifeline, valkey
from gateway.child import runtime_of
from gateway.config.load import dump_resolved
from gateway.config.model import Config
from gateway.runtime import Runtime
from gateway.supervisor import listeners
from gateway.supervisor.errors import BadPlace, ChildFailed, NotHere, SupervisorError
from gateway.supervisor.keeper import ChildSpec, Keeper
from gateway.supervisor.places import locked_state_dir, runtime_dir
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
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        with ExitStack() as held:
            lock = held.enter_context(locked_state_dir(config.state_dir))
            data = listeners.shared(config.listen.data, config.worker_count(), name="data")
            admin = listeners.single(config.listen.admin, name="admin")
            for listener in (*data, admin):
                held.enter_context(listener)
            run_dir = held.enter_context(runtime_dir(lock))
            runtime = runtime_of(config, run_dir, config.state_dir)
            _write_private(runtime.config_file, dump_resolved(config))
            supervisor = Supervisor(config, runtime, data, admin, lock)
            anyio.run(supervisor.run, config_path)
    except SupervisorError as error:
        print(f"driftgate: {error}", file=sys.stderr)  # noqa: T201 - the command's own last word
        return 1
    return 0


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


class Supervisor:
    """The children of one gateway, from start to stop."""

    def __init__(
        self, config: Config, runtime: Runtime, data: list[socket.socket], admin: socket.socket, lock: int
    ) -> None:
        self._config = config
        self._runtime = runtime
        self._data_url, self._admin_url = listeners.url(data[0]), listeners.url(admin)
        self._valkey = [Keeper(self._valkey_spec(lock))] if config.redis.url == "embedded" else []
        self._control = [Keeper(self._role("control", 0, admin))]
        self._shadow = [Keeper(self._role("shadow", 0, None))]
        self._data = [Keeper(self._role("data", index, listener)) for index, listener in enumerate(data)]
        self._data_listeners = data
        self._stop = anyio.Event()
        self._hurry = anyio.Event()

    async def run(self, config_path: Path) -> None:
        """Start everything, keep it running, and stop it when asked. Raises `ChildFailed`."""
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._listen_for_signals)
            failure: str | None = None
            started: list[list[Keeper]] = []
            for groups in ([self._valkey], [self._control, self._shadow, self._data]):
                started += groups
                failure = await self._start([keeper for group in groups for keeper in group], tasks)
                if failure or self._stop.is_set():
                    break
            else:
                log.info("serving %s: data %s  admin %s", config_path, self._data_url, self._admin_url)
                await self._stop.wait()
                log.info("stopping: draining for at most %.0f s", self._config.limits.drain_seconds)
            for group in reversed(started):
                await self._end(group)
            tasks.cancel_scope.cancel()
        if failure:
            raise ChildFailed(f"{failure} could not be started; what it said stands above")
        log.info("stopped")

    async def _start(self, keepers: list[Keeper], tasks: anyio.abc.TaskGroup) -> str | None:
        """Start children and wait until all are ready; returns the name of one that cannot be started."""
        for keeper in keepers:
            tasks.start_soon(keeper.run)
        for keeper in keepers:
            await _first_of(keeper.ready.wait, keeper.gave_up.wait, self._stop.wait)
            if keeper.gave_up.is_set():
                return keeper.spec.name
        return None

    async def _end(self, group: Iterable[Keeper]) -> None:
        grace = AFTER_DRAIN_SECONDS
        if group is self._data:
            grace += self._config.limits.drain_seconds
            self._refuse()
        async with anyio.create_task_group() as tasks:
            for keeper in group:
                tasks.start_soon(keeper.stop, grace, self._hurry)

    def _refuse(self) -> None:
        """Give up our copies of the data listeners: with the workers' closed too, a new connection is refused at once.

        Kept, it would be queued for nobody, and reset when the last answer has drained.
        """
        for keeper in self._data:
            keeper.let_go()
        for listener in self._data_listeners:
            listener.close()

    async def _listen_for_signals(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as received:
            task_status.started()
            async for number in received:
                if number == signal.SIGHUP:
                    log.warning("SIGHUP: the configuration is not read again while serving; restart to apply it")
                elif self._stop.is_set():
                    self._hurry.set()
                else:
                    self._stop.set()

    def _role(self, role: str, index: int, listener: socket.socket | None) -> ChildSpec:
        runtime = self._runtime
        descriptor = -1 if listener is None else listener.fileno()
        places = [str(runtime.run_dir), str(runtime.state_dir)]
        command = [*lifeline.python("gateway.child"), role, str(index), str(os.getpid()), str(descriptor), *places]
        name = f"{role}-{index}" if role == "data" else role
        return ChildSpec(name, command, inherited=() if listener is None else (descriptor,))

    def _valkey_spec(self, lock: int) -> ChildSpec:
        try:
            command = lifeline.through(valkey.command(self._runtime.run_dir, self._runtime.state_dir))
        except valkey.NoServer as error:
            raise NotHere(str(error)) from error
        except OSError as error:
            raise BadPlace(f"the embedded server has no place for its files: {error}") from error
        return ChildSpec("valkey", command, (lock,), self._valkey_answers, LOADING_SECONDS)

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
