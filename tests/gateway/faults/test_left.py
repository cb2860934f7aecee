"""Clients that leave (C1): in every phase the model server is freed within a second, and nothing is left behind."""

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import anyio
import pytest

from gateway.data.cycle import Cycle
from gateway.data.draft import Draft
from gateway.data.protocol import DataProtocol
from gateway.upstream.client import Stream
from gateway.upstream.connection import Connection
from routing.arms import Arm
from shadow.answer import Unreadable
from shadow.capture import ask_of, read_request
from shadow.comparison import read, split_vote
from shadow.exchange import Outcome
from tests.gateway.data.harness import DataPlane, data_plane
from tests.gateway.model_server import STREAM_HEAD, Asked, Line, ModelServer, chunk, event, model_server

pytestmark = pytest.mark.anyio

REQUESTS = 2_000
AT_ONCE = 200
HALF = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{"
SAYS = {
    "before the head": b"",
    "before the first byte": STREAM_HEAD,
    "mid-stream": STREAM_HEAD + chunk(event("x")),
    "half a unary answer": HALF,
}
"""What the model server has said when the client leaves."""
NEVER_SENT = ("half a head", "half a body")
OURS = (Draft, Cycle, DataProtocol, Stream, Connection)


@dataclass
class Leavers:
    """Clients that leave as soon as the model server has said its part."""

    plane: DataPlane
    said: dict[str, asyncio.Event] = field(default_factory=dict)

    async def leave(self, number: int, phase: str) -> None:
        """One request, abandoned in a phase."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.plane.port)
        body = b'{"model": "chat", "user": "u%d", "stream": %b}' % (number, b"false" if "unary" in phase else b"true")
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-number: %d\r\nx-phase: %b\r\n"
        head = head % (number, phase.encode()) + b"content-length: %d\r\n\r\n" % len(body)
        if phase == "half a head":
            writer.write(head[: len(head) // 2])
        elif phase == "half a body":
            writer.write(head + body[:5])
        else:
            said = self.said[str(number)] = asyncio.Event()
            writer.write(head + body)
            await said.wait()
            del self.said[str(number)]
        await writer.drain()
        if phase == "mid-stream":
            await reader.readuntil(b"\n\n")
        writer.transport.abort()

    async def script(self, asked: Asked, line: Line) -> None:
        """The model server: says its part of the phase, and then nothing more."""
        await line.send(SAYS[asked.header("x-phase") or ""])
        self.said[asked.header("x-number") or ""].set()
        await anyio.sleep_forever()


async def until(met: Callable[[], bool], seconds: float) -> None:
    """Wait until something is so."""
    with anyio.fail_after(seconds):
        while not met():  # noqa: ASYNC110 - polled with a deadline
            await anyio.sleep(0.005)


def left_behind() -> Counter[str]:
    """Our objects that live, by type; those too that only a garbage collection would find."""
    return Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, OURS))


async def settle(plane: DataPlane, server: ModelServer) -> None:
    """The model server is free within a second, and so is the gateway."""
    await server.emptied(within_seconds=1.0)
    await until(lambda: not plane.server.is_busy, 1.0)
    assert plane.asker.client.busy == 0


@pytest.mark.parametrize("phase", [*NEVER_SENT, *SAYS])
async def test_c1_whoever_leaves_frees_the_model_server_within_a_second(phase: str) -> None:
    """Twenty clients of either arm leave at one point of their request."""
    async with model_server(_later) as server, data_plane(server.base_url) as plane:
        leavers = Leavers(plane)
        server.script = leavers.script
        plane.expose(5_000)
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(leavers.leave, number, phase)
        await settle(plane, server)
        await until(lambda: plane.counted("cancelled") == len(server.asked), 1.0)
        assert len(server.asked) == (0 if phase in NEVER_SENT else 20)
        assert plane.counted("hard_failure.candidate") == plane.counted("hard_failure.stable") == 0
        for left in await plane.handed_over(len(server.asked)):
            assert (left.outcome, left.failure, left.answered) == (Outcome.CANCELLED, "", left.assigned)


async def test_c1_who_leaves_while_stable_stands_in_is_no_evidence_against_the_candidate() -> None:
    """It could have been the request's own fault: stable was to show it, and did not come to it."""

    async def script(asked: Asked, line: Line) -> None:
        if asked.header("authorization") == "Bearer sk-new":
            await line.send(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n\r\n{}")
            return
        said.set()
        await anyio.sleep_forever()

    said = asyncio.Event()
    async with model_server(script) as server, data_plane(server.base_url) as plane:
        plane.expose(10_000)
        _, writer = await asyncio.open_connection("127.0.0.1", plane.port)
        body = b'{"model": "chat", "messages": [{"role": "user", "content": "hi"}]}'
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )
        await said.wait()
        writer.transport.abort()
        (left,) = await plane.handed_over(1)
        assert (left.outcome, left.assigned, left.answered) == (Outcome.CANCELLED, Arm.CANDIDATE, Arm.STABLE)
        assert plane.counted("hard_failure.candidate") == 0
        ask = ask_of(left.api, read_request(left.request_body))
        vote = split_vote(left, ask, read(ask, Unreadable("cancelled"), {}), ())
        assert vote is not None
        assert not [cell for cell in vote.cells if cell.startswith("s/")]


@pytest.fixture
def no_collections() -> Iterator[None]:
    """What nobody holds must be gone by itself: garbage that waits for a collection adds up to tens of megabytes."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def test_c1_thousands_who_leave_leave_nothing_behind(no_collections: None) -> None:
    """After 2,000 abandoned requests in all phases: no connection, no task, and none of our objects.

    `loadtest.load.leaving` plays it with 10,000 and whole processes, and reads their memory.
    """
    phases = [*NEVER_SENT, *SAYS]
    async with model_server(_later) as server, data_plane(server.base_url) as plane:
        leavers = Leavers(plane)
        server.script = leavers.script
        plane.expose(5_000)
        tasks_before = len(asyncio.all_tasks())
        for first in range(0, REQUESTS, AT_ONCE):
            async with anyio.create_task_group() as tasks:
                for number in range(first, first + AT_ONCE):
                    tasks.start_soon(leavers.leave, number, phases[number % len(phases)])
            await settle(plane, server)
        await until(lambda: len(asyncio.all_tasks()) <= tasks_before, 2.0)
        assert left_behind() == Counter()
        assert plane.counted("cancelled") == len(server.asked) > REQUESTS // 2


async def _later(asked: Asked, line: Line) -> None:
    raise NotImplementedError  # set before the first request
