"""The stores on each kind of Redis that operators have: TLS with users, Sentinel, Cluster. All of them real servers."""

import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
import trustme
from redis.crc import key_slot
from redis.exceptions import NoPermissionError

from loadtest.rig.ports import free_port
from rollback.audit import entry_of
from rollback.errors import Conflict
from rollback.freeze import Freeze
from rollback.rollout import Phase, Rollout
from rollback.store import RolloutStore, Transition
from routing.address import Place, RedisAddress, parse
from routing.cluster import SlotRange, slot_ranges
from routing.connecting import connect
from routing.errors import StoreUnavailable
from routing.exposure import Generation, Observation
from routing.made_store import MadeStore
from routing.names import EndpointKeys
from routing.store import ExposureStore
from shadow.batching import Batch, Home
from shadow.store import RedisCellStore
from tests.redis_kinds import (
    Clustered,
    Server,
    Watched,
    clustered,
    redis_on,
    replica_in_step,
    running,
    until,
    watched_by_sentinels,
)

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

MakeRollout = Callable[..., Rollout]
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "external-redis.md"
PASSWORD = "p@ss/w:rd"
PATIENCE_SECONDS = 4.0
"""A replica on a busy machine confirms a write later than a gateway would wait."""
CANDIDATES = ("chat", "chat-de", "search", "summaries")
"""Endpoints whose keys lie on different nodes of a Cluster."""


@pytest.fixture
def place() -> Iterator[Path]:
    """A short directory of the test's own."""
    with tempfile.TemporaryDirectory(prefix="dg") as directory:
        yield Path(directory)


def transition(before: Rollout | None, after: Rollout, *, shrinks: bool = False) -> Transition:
    """A transition under a lease of a minute."""
    entry = entry_of(before, after, at=1_000.0, actor="ann", action="test")
    return Transition(before.revision if before else 0, after, entry, lease_ms=60_000, shrinks=shrinks)


class Stores:
    """The three stores of a gateway on one link, which is closed with the context."""

    def __init__(self, address: RedisAddress | str, *, replicas: int = 0) -> None:
        self.link = connect(address, timeout_seconds=PATIENCE_SECONDS)
        self.rollouts = RolloutStore(self.link, "dg", replicas=replicas, timeout_seconds=PATIENCE_SECONDS)
        self.exposure = ExposureStore(self.link, "dg", timeout_seconds=PATIENCE_SECONDS)
        self.cells = RedisCellStore(self.link, "dg")
        self.made = MadeStore(self.link, "dg")

    async def observe(self, endpoint: str = "chat") -> Observation:
        """What a worker sees."""
        return await self.exposure.observe(endpoint, anyio.current_time)


@asynccontextmanager
async def stores(address: RedisAddress | str, *, replicas: int = 0) -> AsyncIterator[Stores]:
    """Stores at an address."""
    made = Stores(address, replicas=replicas)
    try:
        yield made
    finally:
        await made.link.aclose()


@asynccontextmanager
async def stores_that_found(several: Clustered | Watched, *, replicas: int = 0) -> AsyncIterator[Stores]:
    """Stores that know by now which of several servers to ask; one on a busy machine answers them late."""
    async with stores(several.url, replicas=replicas) as made:
        with anyio.fail_after(30):
            while True:
                try:
                    await made.rollouts.load("chat")
                except StoreUnavailable:
                    await anyio.sleep(0.05)
                else:
                    break
        yield made


async def everything(given: Stores, rollout: Rollout) -> None:
    """Every verb of every store, as a gateway uses them in the life of a rollout."""
    endpoint, prior = rollout.endpoint, await given.rollouts.load(rollout.endpoint)
    assert prior.rollout is None
    assert await given.rollouts.lead("me", 5_000)
    assert not await given.rollouts.lead("another", 5_000)
    await given.rollouts.commit(transition(None, rollout))
    await given.rollouts.renew(rollout, 60_000, rewrite=True)
    seen = await given.observe(endpoint)
    assert seen.grant is not None
    assert seen.grant.weight_bps == rollout.weight_bps
    await given.exposure.add_counts(endpoint, rollout.id, "b1", {"stable": 2})
    batch = Batch("w", 1, Home(endpoint, rollout.id, rollout.epoch), (), {"shadowed": 3})
    assert await given.cells.flush(batch)
    assert not await given.cells.flush(batch)
    await given.made.note(endpoint, [(7, "old")], 2.0)
    assert await given.made.find(endpoint, 7, 2.0) == "old"
    assert await given.rollouts.counts(rollout) == {"stable": 2, "shadowed": 3}
    await given.rollouts.restore(endpoint, Generation(1, "old", 0.0, "ann"))
    assert [known.number for known in await given.rollouts.generations(endpoint)] == [1]
    assert len(await given.rollouts.entries(endpoint, 10)) == 1
    assert await given.rollouts.find([endpoint], rollout.id) == rollout
    entry = entry_of(None, rollout, at=1_000.0, actor="ann", action="freeze")
    await given.rollouts.freeze(endpoint, Freeze(by="ann", reason="holidays", since_at=1_000.0, until_at=9e9), entry)
    assert (await given.rollouts.load(endpoint)).freeze is not None
    assert await given.rollouts.unfreeze(endpoint, entry)
    await given.rollouts.withdraw(endpoint)
    assert (await given.observe(endpoint)).grant is None
    await given.rollouts.resign("me")
    assert "role" in await given.link.run("dg:leader", 2.0, lambda redis: redis.info())  # what `doctor` looks at


async def heard(given: Stores, act: Callable[[], Awaitable[object]]) -> None:
    """A worker that follows with a poll of an hour hears of what `act` commits: by publication alone."""
    seen: dict[str, Observation] = {}
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(given.exposure.follow, ["chat"], seen.__setitem__, anyio.current_time, 3_600.0)
        with anyio.fail_after(20):
            while "chat" not in seen:  # noqa: ASYNC110 - another task sees it
                await anyio.sleep(0.01)
            await act()
            while seen["chat"].grant is None:  # noqa: ASYNC110 - another process tells it
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    for _ in range(2):  # the subscription is closed without waiting; the server's last word on it, over TLS, comes
        await given.rollouts.load("chat")  # before its second answer to another connection


# ── TLS and users ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def authority() -> trustme.CA:
    """An authority of the operator's own."""
    return trustme.CA()


@pytest.fixture
def secured(place: Path, authority: trustme.CA) -> Iterator[tuple[Server, str]]:
    """A server that speaks TLS only, and the file of the authority that signed its certificate.

    It knows one user, by the line of the guide, whose password is `PASSWORD`.
    """
    ca, own, users = place / "ca.pem", place / "server.pem", place / "users.acl"
    authority.cert_pem.write_to_path(ca)
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(own)
    users.write_text(f"user default off\n{acl_line()}\n")
    port = free_port()
    tls = ["--tls-port", str(port), "--tls-cert-file", str(own), "--tls-key-file", str(own)]
    tls += ["--tls-ca-cert-file", str(ca), "--tls-auth-clients", "no", "--aclfile", str(users)]
    login = {"username": "driftgate", "password": PASSWORD, "ssl": True, "ssl_ca_certs": str(ca)}
    server = redis_on(port, place, *tls, **login)
    server.command = ["0" if i and server.command[i - 1] == "--port" else part for i, part in enumerate(server.command)]
    with running(server):
        yield server, str(ca)


def acl_line() -> str:
    """The guide's ACL line, with a password in the place of its own."""
    line, *others = re.findall(r"^user driftgate .*$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert not others
    return str(line).replace(">PASSWORD", f">{PASSWORD}")


async def test_tls_and_a_user_with_the_least_privileges_are_enough(
    secured: tuple[Server, str], a_rollout: MakeRollout
) -> None:
    """With the guide's one line, and the operator's own authority, every verb works, and publications arrive."""
    server, ca = secured
    url = f"rediss://driftgate:{PASSWORD.replace('@', '%40').replace('/', '%2F').replace(':', '%3A')}@127.0.0.1"
    async with stores(parse(f"{url}:{server.port}", ca_file=ca)) as given:
        await everything(given, a_rollout())
        revision = a_rollout().revision
        await heard(given, lambda: given.rollouts.commit(transition(a_rollout(), a_rollout(revision=revision + 1))))


async def test_a_certificate_of_an_unknown_authority_is_refused(secured: tuple[Server, str], place: Path) -> None:
    """Nothing is said to a server that cannot prove who it is."""
    server, _ = secured
    other = place / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    async with stores(parse(f"rediss://driftgate:x@127.0.0.1:{server.port}", ca_file=str(other))) as given:
        with pytest.raises(StoreUnavailable, match="certificate"):
            await given.rollouts.load("chat")


async def test_the_user_may_touch_nothing_else(secured: tuple[Server, str]) -> None:
    """Other keys, other channels, and what administers the server are refused."""
    server, _ = secured
    with server.client() as client:
        for command in ("GET other", "SET other 1", "PUBLISH other x", "CONFIG GET *", "FLUSHALL", "KEYS *"):
            with pytest.raises(NoPermissionError):
                client.execute_command(*command.split())


async def test_a_wrong_password_is_said(secured: tuple[Server, str]) -> None:
    """The operator reads what the server said, and the password is not repeated."""
    server, ca = secured
    async with stores(parse(f"rediss://driftgate:wr0ng@127.0.0.1:{server.port}", ca_file=ca)) as given:
        with pytest.raises(StoreUnavailable, match="invalid username-password pair") as raised:
            await given.rollouts.load("chat")
    assert "wr0ng" not in str(raised.value)


# ── a replica, and Sentinels ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_transition_is_durable_once_the_replica_has_it(place: Path, a_rollout: MakeRollout) -> None:
    """WAIT counts a real replica, and none while it is frozen."""
    master = redis_on(free_port(), place)
    replica = redis_on(free_port(), place, "--replicaof", "127.0.0.1", str(master.port))
    with running(master, replica):
        until(lambda: replica_in_step(master), "the replica follows")
        async with stores(f"redis://127.0.0.1:{master.port}", replicas=1) as given:
            assert await given.rollouts.commit(transition(None, a_rollout())) == 1
            replica.freeze()
            try:
                assert await given.rollouts.commit(transition(a_rollout(), a_rollout(revision=2))) == 0
            finally:
                replica.thaw()


async def test_a_replica_refuses_and_says_so(place: Path, a_rollout: MakeRollout) -> None:
    """An address that leads to a replica can be read, and nothing can be changed there."""
    master = redis_on(free_port(), place)
    replica = redis_on(free_port(), place, "--replicaof", "127.0.0.1", str(master.port))
    with running(master, replica):
        until(lambda: replica_in_step(master), "the replica follows")
        async with stores(f"redis://127.0.0.1:{replica.port}") as given:
            assert (await given.rollouts.load("chat")).rollout is None
            with pytest.raises(StoreUnavailable, match="read only replica"):
                await given.rollouts.commit(transition(None, a_rollout()))


@pytest.fixture
def watched(place: Path) -> Iterator[Watched]:
    """A master, a replica, three Sentinels."""
    with watched_by_sentinels(place) as made:
        yield made


async def test_the_master_is_found_and_followed_through_sentinels(watched: Watched, a_rollout: MakeRollout) -> None:
    """Every verb works; when the master dies the link moves to the promoted replica, by itself, with the state."""
    async with stores_that_found(watched, replicas=1) as given:
        await everything(given, a_rollout(endpoint="first"))
        await given.rollouts.commit(transition(None, a_rollout()))
        until(lambda: replica_in_step(watched.master), "the replica has it")
        watched.master.stop()
        with anyio.fail_after(30):
            await _answers(given)
        assert (await given.rollouts.load("chat")).rollout == a_rollout()
        await heard(given, lambda: given.rollouts.commit(transition(a_rollout(), a_rollout(revision=2))))


async def test_an_old_master_that_wakes_up_is_not_believed(watched: Watched, a_rollout: MakeRollout) -> None:
    """Frozen, replaced, woken: what is written afterwards is at the new master, where it stays."""
    async with stores_that_found(watched) as given:
        await given.rollouts.commit(transition(None, a_rollout()))
        until(lambda: replica_in_step(watched.master), "the replica has it")
        watched.master.freeze()
        try:
            until(lambda: watched.leader_port() == watched.replica.port, "the Sentinels have moved on")
            with anyio.fail_after(30):
                await _answers(given)
        finally:
            watched.master.thaw()
        await given.rollouts.commit(transition(a_rollout(), a_rollout(revision=2)))
        with watched.replica.client() as client:
            assert b'"revision":2' in (client.get(EndpointKeys("dg", "chat").rollout) or b"")


async def test_two_of_three_sentinels_are_enough(watched: Watched, a_rollout: MakeRollout) -> None:
    """One is dead, another frozen: the third still knows the master."""
    watched.sentinels[0].stop()
    watched.sentinels[1].freeze()
    try:
        async with stores_that_found(watched) as given:
            await given.rollouts.commit(transition(None, a_rollout()))
    finally:
        watched.sentinels[1].thaw()


async def test_a_name_that_no_sentinel_knows_is_said(watched: Watched) -> None:
    """The operator mistyped it."""
    async with stores(watched.url.replace("/drift", "/drfit")) as given:
        with pytest.raises(StoreUnavailable, match="no Sentinel knows a master called 'drfit'"):
            await given.rollouts.load("chat")


# ── Cluster ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def cluster(place: Path) -> Iterator[Clustered]:
    """Three masters and their replicas."""
    with clustered(place) as made:
        yield made


async def test_a_cluster_keeps_each_endpoint_in_one_place(cluster: Clustered, a_rollout: MakeRollout) -> None:
    """Every verb works for endpoints on different nodes, a replica confirms, and publications arrive from any node."""
    async with stores_that_found(cluster, replicas=1) as given:
        for endpoint in CANDIDATES:
            await everything(given, a_rollout(endpoint=endpoint, id=f"{endpoint}-1"))
        homes = {server.port for server in cluster.masters if _keys(server)}
        assert len(homes) > 1, "the endpoints lie on one node, which shows nothing"
        after = a_rollout(id="chat-1", revision=2)
        await heard(given, lambda: given.rollouts.commit(transition(a_rollout(id="chat-1"), after)))
        with pytest.raises(Conflict):
            await given.rollouts.commit(transition(a_rollout(id="chat-1"), after))


async def test_a_cluster_that_replaces_a_node_is_followed(cluster: Clustered, a_rollout: MakeRollout) -> None:
    """The node with the endpoint's keys dies; its replica takes over, and the stores find it there."""
    async with stores_that_found(cluster, replicas=1) as given:
        assert await given.rollouts.commit(transition(None, a_rollout())) == 1
        (home,) = [server for server in cluster.masters if _keys(server)]
        home.stop()
        with anyio.fail_after(60):
            await _answers(given)
        ended = a_rollout(revision=2, phase=Phase.ROLLED_BACK, weight_bps=0)
        await given.rollouts.commit(transition(a_rollout(), ended, shrinks=True))
        with cluster.replica_of(home).client() as client:
            assert b"rolled_back" in (client.get(EndpointKeys("dg", "chat").rollout) or b"")


async def test_a_slot_that_is_moved_under_load_is_waited_for(cluster: Clustered, a_rollout: MakeRollout) -> None:
    """Back and forth between two nodes, key by key, while everything is used: no call fails and no write is lost."""
    slot = key_slot(EndpointKeys("dg", "chat").rollout.encode())
    async with stores_that_found(cluster) as given:
        before = a_rollout()
        await given.rollouts.commit(transition(None, before))
        moves = 0

        async def move() -> None:
            nonlocal moves
            while True:
                await anyio.to_thread.run_sync(cluster.move, slot)
                moves += 1

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(move)
            while moves < 3 or before.revision < 10:
                after = replace(before, revision=before.revision + 1)
                await given.rollouts.commit(transition(before, after))
                await given.exposure.add_counts("chat", after.id, f"b{after.revision}", {"stable": 1})
                seen = await given.observe()
                assert (seen.revision, seen.grant is None) == (after.revision, False)
                assert len(await given.rollouts.entries("chat", 1)) == 1
                before = after
            tasks.cancel_scope.cancel()
        assert await given.rollouts.counts(before) == {"stable": before.revision - 1}
        assert len(await given.rollouts.entries("chat", 10_000)) == before.revision


async def test_a_move_that_stopped_half_way_is_said_and_recovered_from(
    cluster: Clustered, a_rollout: MakeRollout
) -> None:
    """Some keys are on either node: the state is unavailable, in a sentence, until the move is completed."""
    slot = key_slot(EndpointKeys("dg", "chat").rollout.encode())
    async with stores_that_found(cluster) as given:
        await given.rollouts.commit(transition(None, a_rollout()))
        with cluster.moving(slot, keys=1), pytest.raises(StoreUnavailable, match="moving this key's slot"):
            await given.rollouts.load("chat")
        with anyio.fail_after(10):
            await _answers(given)
        assert (await given.rollouts.load("chat")).rollout == a_rollout()


def test_a_node_without_a_name_of_its_own_is_where_it_was_asked() -> None:
    """A node that was never met answers with an empty host."""
    asked = Place("10.0.0.1", 7000)
    answer = [(0, 99, (b"", 7000, b"id")), (100, 199, (b"h", 1, b"id"), (b"r", 2, b"id"))]
    assert slot_ranges(answer, asked) == (SlotRange(0, 99, asked), SlotRange(100, 199, Place("h", 1)))


def _keys(server: Server) -> int:
    with server.client() as client:
        return int(client.dbsize())


async def _answers(given: Stores) -> None:
    while True:
        try:
            await given.rollouts.lead("me", 1_000)
            await given.rollouts.load("chat")
        except StoreUnavailable:
            await anyio.sleep(0.05)
        else:
            return
