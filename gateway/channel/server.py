"""The control process's end of the control channel: tell every worker, and know who has applied it.

A worker that connects is first told the whole present state, so a restarted one, or one that was cut off, is never
behind. A worker that reads too slowly is disconnected rather than waited for. Who has left is remembered for a while:
its process may still hold a lease, so nobody may say that it has none.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from msgspec import structs

from gateway.channel.line import LOST, Line, listening
from gateway.channel.messages import (
    Ack,
    ChannelBroken,
    Counters,
    FromControl,
    Hello,
    Leaving,
    Made,
    Spans,
    Welcome,
    frame,
    read_from_worker,
)
from gateway.channel.series import merged, retired
from gateway.telemetry.spans import Span

logger = logging.getLogger(__name__)

QUEUE_FRAMES: Final = 1024
"""Messages waiting for one worker; one that is further behind is disconnected, and starts again from the whole."""

HELLO_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Settled:
    """Who has applied a message, and who may not have: `pending` names them."""

    acknowledged: int
    pending: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """What one process last said it counted. It outlives the connection: the same process counts on."""

    pid: int
    values: Mapping[str, float]


@dataclass(slots=True, eq=False)
class _Worker:
    """One connected worker."""

    hello: Hello
    outgoing: MemoryObjectSendStream[FromControl | Made]
    incoming: MemoryObjectReceiveStream[FromControl | Made]
    scope: anyio.CancelScope
    acknowledged: int = 0


class ControlServer:
    """Listens on the gateway's control socket while `serving`.

    `state()` gives the messages that bring a worker from nothing to the present; their `seq` is set here.
    `lease_seconds` is how long a worker that left may still expose a candidate. `on_spans` gets what workers traced.
    """

    def __init__(
        self,
        path: Path,
        *,
        state: Callable[[], Iterable[FromControl]],
        lease_seconds: Callable[[], float],
        on_spans: Callable[[Iterable[Span]], None] | None = None,
    ) -> None:
        self._path = path
        self._state = state
        self._lease_seconds = lease_seconds
        self._on_spans = on_spans
        self._workers: dict[str, _Worker] = {}
        self._left: dict[str, float] = {}
        self._counted: dict[str, Counted] = {}
        self._retired: dict[str, float] = {}
        self._sequence = 0
        self._changed = anyio.Event()

    @property
    def connected(self) -> tuple[str, ...]:
        """Names of the workers on the line, such as `data-0`."""
        return tuple(sorted(self._workers))

    def counters(self) -> Mapping[str, float]:
        """All workers' counters as one, with those of processes that ended."""
        now = (
            counted.values if name in self._workers else retired(counted.values)
            for name, counted in self._counted.items()
        )
        return merged([self._retired, *now])

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Listen and converse until the context ends."""
        async with anyio.create_task_group() as tasks:
            async with listening(self._path, lambda line: tasks.start_soon(self._converse, line)):
                yield
            tasks.cancel_scope.cancel()

    def push(self, message: FromControl) -> int:
        """Send to every connected worker; returns the message's sequence number, for `settle`. Never waits."""
        self._sequence += 1
        numbered = _numbered(message, self._sequence)
        for worker in tuple(self._workers.values()):
            self._offer(worker, numbered)
        return self._sequence

    async def settle(self, seq: int, seconds: float) -> Settled:
        """Wait until every worker has applied message `seq`, `seconds` at most, and say who has."""
        with anyio.move_on_after(seconds):
            while self._settled(seq).pending:
                changed = self._changed
                with anyio.move_on_after(0.25):  # those who left are forgotten by time alone
                    await changed.wait()
        return self._settled(seq)

    def _settled(self, seq: int) -> Settled:
        now, lease = anyio.current_time(), self._lease_seconds()
        self._left = {name: at for name, at in self._left.items() if now - at < lease}
        behind = [name for name, worker in self._workers.items() if worker.acknowledged < seq]
        gone = [f"{name} (disconnected)" for name in self._left]
        return Settled(len(self._workers) - len(behind), tuple(sorted([*behind, *gone])))

    def _offer(self, worker: _Worker, message: FromControl | Made) -> None:
        try:
            worker.outgoing.send_nowait(message)
        except anyio.WouldBlock:
            logger.warning("%s does not read the control channel; disconnecting it", worker.hello.name)
            worker.scope.cancel()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            worker.scope.cancel()

    async def _converse(self, line: Line) -> None:
        try:
            with anyio.fail_after(HELLO_SECONDS):
                hello = await read_from_worker(line)
            if not isinstance(hello, Hello):
                raise ChannelBroken("a worker must begin with Hello")
            await self._serve_worker(hello, line)
        except LOST as error:
            logger.debug("a worker's connection ended: %s", type(error).__name__)
        finally:
            await line.aclose()

    async def _serve_worker(self, hello: Hello, line: Line) -> None:
        outgoing, incoming = anyio.create_memory_object_stream[FromControl | Made](QUEUE_FRAMES)
        with anyio.CancelScope() as scope, outgoing, incoming:
            worker = _Worker(hello, outgoing, incoming, scope)
            self._welcome(worker)
            try:
                async with anyio.create_task_group() as tasks:
                    for side in (self._write, self._read):
                        tasks.start_soon(_until_lost, scope, side, worker, line)
            finally:
                self._farewell(worker)

    def _welcome(self, worker: _Worker) -> None:
        previous = self._workers.pop(worker.hello.name, None)
        if previous is not None:
            previous.scope.cancel()
        counted = self._counted.get(worker.hello.name)
        if counted is not None and counted.pid != worker.hello.pid:
            self._retired = merged([self._retired, retired(self._counted.pop(worker.hello.name).values)])
        self._left.pop(worker.hello.name, None)
        self._workers[worker.hello.name] = worker
        for message in self._state():
            self._sequence += 1
            self._offer(worker, _numbered(message, self._sequence))
        self._notice()

    def _let_go(self, worker: _Worker) -> None:
        """It accepts nothing any more: not told, not waited for; what it counts while it drains still counts."""
        if self._workers.get(worker.hello.name) is worker:
            del self._workers[worker.hello.name]
        self._notice()

    def _farewell(self, worker: _Worker) -> None:
        if self._workers.get(worker.hello.name) is worker:
            del self._workers[worker.hello.name]
            self._left[worker.hello.name] = anyio.current_time()
        self._notice()

    def _notice(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def _write(self, worker: _Worker, line: Line) -> None:
        await line.send(frame(Welcome()))
        async for message in worker.incoming:
            await line.send(frame(message))

    def _pass_on(self, teller: _Worker, made: Made) -> None:
        for worker in tuple(self._workers.values()):
            if worker is not teller and worker.hello.role == teller.hello.role:
                self._offer(worker, made)

    async def _read(self, worker: _Worker, line: Line) -> None:
        while True:
            match await read_from_worker(line):
                case Ack(seq=seq):
                    worker.acknowledged = max(worker.acknowledged, seq)
                    self._notice()
                case Counters(values=values):
                    self._counted[worker.hello.name] = Counted(worker.hello.pid, values)
                case Made() as made:
                    self._pass_on(worker, made)
                case Spans(spans=spans):
                    if self._on_spans is not None:
                        self._on_spans(spans)
                case Leaving():
                    self._let_go(worker)
                case Hello():
                    raise ChannelBroken("a worker says Hello once")


async def _until_lost(
    scope: anyio.CancelScope, side: Callable[[_Worker, Line], Awaitable[None]], worker: _Worker, line: Line
) -> None:
    """One direction of a conversation; its end is the end of the other, too."""
    try:
        await side(worker, line)
    except LOST:
        scope.cancel()


def _numbered(message: FromControl, seq: int) -> FromControl:
    return structs.replace(message, seq=seq)
