"""One child, kept alive: start it, wait until it is ready, start it again when it ends.

A child says that it is ready by writing a byte to a pipe; a server that cannot (Valkey) is asked by a probe instead.
"""

import logging
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import anyio
from anyio.abc import Process

from gateway.supervisor.backoff import Backoff

READY_SECONDS: Final = 30.0
"""A child that is not ready by then is started again. Python and its imports take well under 2 s."""
GIVE_UP_AFTER: Final = 3
"""Starts that may fail in a row before the first success: then the cause is not a passing one."""

OBSTACLE_SECONDS: Final = 1.0
"""Between two looks at what keeps a child from being started again."""

log = logging.getLogger("driftgate.supervisor")


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What a child is. `inherited` are descriptors it gets; `probe` asks whether it is ready, None: it says so itself.

    One that is not ready after `patience_seconds` is killed and started again. A command without a probe gets two more
    arguments: the descriptor to write its readiness to, and one to watch, that closes when the supervisor dies.
    `obstacle` says why it would only end again, empty where it would not; asked in a thread, before a new start.
    """

    name: str
    command: Sequence[str]
    inherited: tuple[int, ...] = ()
    probe: Callable[[], Awaitable[bool]] | None = None
    patience_seconds: float = READY_SECONDS
    obstacle: Callable[[], str] | None = None


class Keeper:
    """Runs one child until `stop`."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.ready = anyio.Event()
        self.gave_up = anyio.Event()
        self.starts = 0
        self._stopping = anyio.Event()
        self._process: Process | None = None
        self._gone = anyio.Event()

    @property
    def pid(self) -> int | None:
        """The running child's process id."""
        return self._process.pid if self._process is not None else None

    async def run(self) -> None:
        """Keep the child running until `stop` has ended it."""
        backoff = Backoff()
        try:
            while not self._stopping.is_set():
                started = anyio.current_time()
                how = await self._run_once()
                if self._stopping.is_set():
                    return
                backoff = backoff.ended(anyio.current_time() - started)
                if not self.ready.is_set() and backoff.failures >= GIVE_UP_AFTER:
                    self.gave_up.set()
                    return
                log.warning("%s %s; starting it again in %.1f s", self.spec.name, how, backoff.wait_seconds)
                await self._pause(backoff.wait_seconds)
                await self._until_it_may_start()
        finally:
            self._gone.set()

    async def _pause(self, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            await self._stopping.wait()

    async def _until_it_may_start(self) -> None:
        """Wait while there is an obstacle, which is told once."""
        told = ""
        while self.spec.obstacle is not None and not self._stopping.is_set():
            obstacle = await anyio.to_thread.run_sync(self.spec.obstacle)
            if not obstacle:
                return
            if obstacle != told:
                log.error("%s is not started again yet: %s", self.spec.name, obstacle)
            told = obstacle
            await self._pause(OBSTACLE_SECONDS)

    def let_go(self) -> None:
        """From now on the child is not started again; what it would inherit may be closed."""
        self._stopping.set()

    async def stop(self, grace_seconds: float, hurry: anyio.Event) -> None:
        """End the child: SIGTERM, and SIGKILL when `grace_seconds` have passed or `hurry` is set."""
        self.let_go()
        self._signal(signal.SIGTERM)
        with anyio.move_on_after(grace_seconds):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_cancel_when, hurry, tasks.cancel_scope)
                await self._gone.wait()
                tasks.cancel_scope.cancel()
        if not self._gone.is_set():
            log.warning("%s did not end in time and is killed", self.spec.name)
            self._kill()
            await self._gone.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    def _kill(self) -> None:
        """SIGKILL for the child and whatever it started: it leads a session, and so a group, of its own."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _run_once(self) -> str:
        """Start the child and wait for its end; returns how it ended, or why it was not started."""
        self.starts += 1
        try:
            return _how(await self._start_and_wait())
        except OSError as error:  # no descriptor, no process or no memory is left: the others go on, and so do we
            return f"cannot be started: {error.strerror}"

    async def _start_and_wait(self) -> int:
        pipes: list[int] = []
        try:
            pipes += os.pipe()
            pipes += os.pipe()
            ready_read, ready_write, alive_read, _ = pipes
            says_itself = self.spec.probe is None
            own = [str(ready_write), str(alive_read)] if says_itself else []
            fds = (ready_write, alive_read) if says_itself else ()
            self._process = await anyio.open_process(
                [*self.spec.command, *own],
                stdin=None,
                stdout=None,
                stderr=None,
                start_new_session=True,
                pass_fds=(*fds, *self.spec.inherited),
            )
            pipes.remove(ready_write)
            os.close(ready_write)
            return await self._watch(self._process, ready_read)
        finally:
            for descriptor in pipes:
                os.close(descriptor)

    async def _watch(self, process: Process, ready_read: int) -> int:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._until_ready, process, ready_read)
            if self._stopping.is_set():  # told to stop while it was being started
                self._signal(signal.SIGTERM)
            code = await process.wait()
            tasks.cancel_scope.cancel()
        return code

    async def _until_ready(self, process: Process, ready_read: int) -> None:
        with anyio.move_on_after(self.spec.patience_seconds) as waiting:
            if self.spec.probe is None:
                await anyio.wait_readable(ready_read)
                if not os.read(ready_read, 1):
                    return  # it ended instead; the wait for its end says how
            else:
                while not await self.spec.probe():  # noqa: ASYNC110 - another process answers; there is no event
                    await anyio.sleep(0.01)
        if waiting.cancelled_caught:
            log.warning("%s was not ready within %.0f s and is killed", self.spec.name, self.spec.patience_seconds)
            self._kill()
        else:
            if self.starts > 1:
                log.warning("%s is back (process %d)", self.spec.name, process.pid)
            self.ready.set()


async def _cancel_when(event: anyio.Event, scope: anyio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


def _how(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
