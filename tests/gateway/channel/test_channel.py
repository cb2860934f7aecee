"""The control channel over a real unix socket: who is told what, who has applied it, and who may still be exposed."""

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channel.client import ControlClient
from gateway.channel.messages import FRAME_LIMIT, FromControl, Hello, RollBack, RouteUpdate, frame
from gateway.channel.series import merged, series
from gateway.channel.server import ControlServer, Settled
from gateway.data.origins import Made, Origins
from routing.exposure import Generation, Grant, Route

pytestmark = pytest.mark.anyio

LATCH = RollBack(seq=0, endpoint="chat", rollout="chat-1", revision=5)
GRANT = Grant("chat-1", "new", "salt", 1_000, 1, 4, 1)


@dataclass
class Worker:
    """A worker's messages, and what it counts."""

    client: ControlClient | None = None
    got: list[FromControl] = field(default_factory=list)
    counts: dict[str, float] = field(default_factory=dict)
    origins: Origins = field(default_factory=Origins)

    def counters(self) -> Mapping[str, float]:
        """The counters."""
        return self.counts


@pytest.fixture
def path() -> Iterator[Path]:
    """A socket path short enough for the kernel."""
    with tempfile.TemporaryDirectory(prefix="dg") as directory:
        yield Path(directory) / "control.sock"


@asynccontextmanager
async def serving(
    path: Path, state: Callable[[], list[FromControl]] = list, lease: float = 10.0
) -> AsyncIterator[ControlServer]:
    """A control server."""
    server = ControlServer(path, state=state, lease_seconds=lambda: lease)
    async with server.serving():
        yield server


@asynccontextmanager
async def working(path: Path, index: int = 0, role: str = "data") -> AsyncIterator[Worker]:
    """A worker with its client."""
    worker = Worker()
    client = ControlClient(
        path, role=role, index=index, on_message=worker.got.append, counters=worker.counters, shared=worker.origins
    )
    worker.client = client
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.run)
        yield worker
        tasks.cancel_scope.cancel()


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that another task does, ten seconds at most."""
    with anyio.fail_after(10):
        while not true():  # noqa: ASYNC110  # it is in another task, and has no event
            await anyio.sleep(0.005)


async def test_a_push_reaches_every_worker_and_is_acknowledged(path: Path) -> None:
    """`settle` says that both have applied it, and nobody is pending."""
    async with serving(path) as server, working(path, 0) as one, working(path, 1) as two:
        await until(lambda: server.connected == ("data-0", "data-1"))
        settled = await server.settle(server.push(LATCH), 5.0)
        assert (settled.acknowledged, settled.pending) == (2, ())
        assert [message.endpoint for message in (*one.got, *two.got)] == ["chat", "chat"]


async def test_what_one_worker_notes_the_others_of_its_role_learn(path: Path) -> None:
    """Passed on by the control process, to data workers only; nobody acknowledges it, and nothing else changes."""
    async with (
        serving(path) as server,
        working(path, 0) as one,
        working(path, 1) as two,
        working(path, 0, "shadow") as it,
    ):
        await until(lambda: len(server.connected) == 3)
        for number in range(2_500):
            one.origins.note("chat", f"resp_{number}", Made("new"))
        await until(lambda: len(two.origins) == 2_500)
        two.origins.note("chat", "resp_of_two", Made("old"))
        await until(lambda: one.origins.of("chat", "resp_of_two") == Made("old"))
        assert two.origins.of("chat", "resp_7") == Made("new")
        assert len(it.origins) == 0
        assert (one.got, two.got, it.got) == ([], [], [])
        assert (await server.settle(server.push(LATCH), 5.0)).acknowledged == 3


async def test_a_worker_that_connects_is_told_the_present_state(path: Path) -> None:
    """A restarted worker knows of a rollback before it says anything."""
    async with serving(path, lambda: [LATCH]) as server, working(path) as worker:
        await until(lambda: bool(worker.got))
        assert (await server.settle(1, 5.0)).pending == ()
        assert isinstance(worker.got[0], RollBack)
        assert worker.got[0].rollout == "chat-1"


async def test_a_worker_that_has_left_stays_pending_for_a_lease(path: Path) -> None:
    """Its process may still expose the candidate, so nobody says that it does not; after a lease it cannot."""
    async with serving(path, lease=0.4) as server:
        async with working(path):
            await until(lambda: server.connected == ("data-0",))
        await until(lambda: server.connected == ())
        seq = server.push(LATCH)
        assert (await server.settle(seq, 0.0)).pending == ("data-0 (disconnected)",)
        assert (await server.settle(seq, 5.0)).pending == ()


async def test_a_worker_that_says_goodbye_is_waited_for_by_nobody(path: Path) -> None:
    """It accepts nothing any more: not pending for a lease; what it counted stays counted, and it does not return."""
    async with serving(path) as server, working(path) as worker:
        assert worker.client is not None
        worker.counts["n"] = 3.0
        await until(lambda: server.counters().get("n") == 3.0)
        await worker.client.leave()
        await until(lambda: server.connected == ())
        assert (await server.settle(server.push(LATCH), 5.0)) == Settled(0, ())
        assert server.counters() == {"n": 3.0}


async def test_a_frozen_worker_is_named(path: Path) -> None:
    """One that does not acknowledge in time is pending by name."""
    async with serving(path) as server:
        async with await anyio.connect_unix(path) as raw:
            await raw.send(frame(Hello(role="data", index=3, pid=7)))
            await until(lambda: server.connected == ("data-3",))
            settled = await server.settle(server.push(LATCH), 0.05)
        assert (settled.acknowledged, settled.pending) == (0, ("data-3",))


async def test_a_worker_connects_again_when_control_restarts(path: Path) -> None:
    """The client outlives the server, and is told everything again."""
    async with working(path) as worker:
        async with serving(path, lambda: [LATCH]):
            await until(lambda: len(worker.got) == 1)
        async with serving(path, lambda: [LATCH]):
            await until(lambda: len(worker.got) == 2)


@pytest.mark.parametrize("junk", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x03abc", b"\x00", b"\x00\x00\x00\x01\xc0"])
async def test_junk_costs_the_connection_and_nothing_else(path: Path, junk: bytes) -> None:
    """A connection that speaks no frames is closed; workers go on."""
    async with serving(path) as server, working(path) as worker:
        async with await anyio.connect_unix(path) as raw:
            await raw.send(junk)
            await raw.send_eof()
            with anyio.fail_after(5), pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await raw.receive()
        await until(lambda: server.connected == ("data-0",))
        assert (await server.settle(server.push(LATCH), 5.0)).pending == ()
        assert worker.got


async def test_counters_of_all_workers_add_up_and_survive_a_reconnect(path: Path) -> None:
    """Totals never go down and never count twice."""
    key = series("driftgate_requests_total", arm="stable")
    async with working(path, 0) as one, working(path, 1) as two:
        one.counts[key], two.counts[key] = 3.0, 4.0
        async with serving(path) as server:
            await until(lambda: server.counters().get(key) == 7.0)
        async with serving(path) as server:
            await until(lambda: server.counters().get(key) == 7.0)
            assert one.client is not None


async def test_a_route_update_counts_its_lease_from_before_redis_was_asked() -> None:
    """However late it is read, the route's end is the same."""
    update = RouteUpdate(0, "chat", None, GRANT, 10_000, 4, granted_at=100.0)
    route = Route("chat", Generation(0, "old", 0.0, "config")).observed(update.observation())
    assert route.live_grant(109.9) == GRANT
    assert route.live_grant(110.0) is None


def test_a_frame_over_the_limit_is_not_sent() -> None:
    """Neither end can be made to hold more than the limit."""
    with pytest.raises(Exception, match="over the limit"):
        frame(RollBack(seq=1, endpoint="x" * (FRAME_LIMIT + 1), rollout="", revision=1))


@given(st.text(), st.text())
def test_series_with_different_labels_have_different_names(one: str, other: str) -> None:
    """Escaping loses nothing, and no value can end its label early."""
    first, second = series("m", label=one), series("m", label=other)
    assert (first == second) == (one == other)
    assert "\n" not in first


def test_gauges_are_not_added_up() -> None:
    """The oldest snapshot counts, not the sum of ages."""
    age = "driftgate_snapshot_age_seconds"
    assert merged([{age: 1.0, "n": 1.0}, {age: 3.0, "n": 1.0}]) == {age: 3.0, "n": 2.0}
