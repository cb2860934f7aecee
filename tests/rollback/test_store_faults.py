"""What the stores do when Redis is full, frozen, gone, or holds something unreadable."""

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import SocketAttribute, SocketStream

from rollback.audit import entry_of
from rollback.errors import Frozen
from rollback.rollout import Phase, Rollout
from rollback.store import RolloutStore, Transition
from routing.breaker import TRIPS_AFTER
from routing.bucketing import WEIGHT_SCALE
from routing.connecting import connect
from routing.errors import MalformedState, StoreUnavailable
from routing.exposure import Observation
from routing.link import unavailable_as_error
from routing.names import EndpointKeys
from routing.store import ExposureStore, read_observation
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio

MakeRollout = Callable[..., Rollout]
KEYS = EndpointKeys("dg", "chat")
ON_UVLOOP = [("asyncio", {"use_uvloop": True})]
"""The loop that every process of a gateway runs on."""


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[RolloutStore]:
    """The real store on each kind of server."""
    redis = connect(redis_server.url, timeout_seconds=2.0)
    yield RolloutStore(redis, "dg")
    await redis.aclose()


@pytest.fixture
async def exposure(redis_server: RedisServer) -> AsyncIterator[ExposureStore]:
    """A worker's store on the same server."""
    redis = connect(redis_server.url, timeout_seconds=2.0)
    yield ExposureStore(redis, "dg", timeout_seconds=2.0)
    await redis.aclose()


def transition(before: Rollout | None, after: Rollout, *, shrinks: bool = False) -> Transition:
    """A transition under a lease of a minute."""
    entry = entry_of(before, after, at=1_000.0, actor="ann", action="test")
    revision = before.revision if before else 0
    return Transition(before_revision=revision, after=after, entry=entry, lease_ms=60_000, shrinks=shrinks)


async def test_a_full_server_takes_a_rollback_and_no_widening(
    store: RolloutStore, exposure: ExposureStore, redis_server: RedisServer, a_rollout: MakeRollout
) -> None:
    """What takes exposure away works when memory is full; what gives it, or renews it, does not."""
    running = a_rollout()
    await store.commit(transition(None, running))
    with redis_server.client() as client:
        client.config_set("maxmemory", "1")
    with pytest.raises(StoreUnavailable, match="memory"):
        await store.commit(transition(running, a_rollout(revision=2, weight_bps=WEIGHT_SCALE)))
    with pytest.raises(StoreUnavailable, match="memory"):
        await store.renew(running, 60_000)
    ended = a_rollout(revision=2, phase=Phase.ROLLED_BACK, weight_bps=0)
    await store.commit(transition(running, ended, shrinks=True))
    assert (await exposure.observe("chat", anyio.current_time)).grant is None
    assert (await store.load("chat")).rollout == ended


async def test_flushed_scripts_do_not_matter(
    store: RolloutStore, redis_server: RedisServer, a_rollout: MakeRollout
) -> None:
    """SCRIPT FLUSH between two transitions changes nothing."""
    await store.commit(transition(None, a_rollout()))
    with redis_server.client() as client:
        client.script_flush()
    await store.commit(transition(a_rollout(), a_rollout(revision=2)))


async def test_an_unreadable_document_grants_nothing_and_can_be_withdrawn(
    store: RolloutStore, exposure: ExposureStore, redis_server: RedisServer, a_rollout: MakeRollout
) -> None:
    """Loading says what is wrong, and a worker that has seen the grant's revision is at weight 0 at once."""
    await store.commit(transition(None, a_rollout()))
    with redis_server.client() as client:
        client.set(KEYS.rollout, b'{"version": 99')
    with pytest.raises(MalformedState):
        await store.load("chat")
    seen = await exposure.observe("chat", anyio.current_time)
    assert (seen.grant, seen.revision) == (None, 1)
    await store.withdraw("chat")
    with redis_server.client() as client:
        assert client.get(KEYS.grant) is None


async def test_a_freeze_that_cannot_be_read_holds(
    store: RolloutStore, redis_server: RedisServer, a_rollout: MakeRollout
) -> None:
    """A later version wrote it: what it forbids is not known, so nothing widens."""
    with redis_server.client() as client:
        client.set(KEYS.freeze, b"[]")
    freeze = (await store.load("chat")).freeze
    assert freeze is not None
    assert "cannot be read" in freeze.sentence("chat")
    widening = replace(transition(None, a_rollout()), widens=True)
    with pytest.raises(Frozen):
        await store.commit(widening)


async def test_missing_replicas_are_told(redis_server: RedisServer, a_rollout: MakeRollout) -> None:
    """A transition that should be on a replica says that it is on none."""
    redis = connect(redis_server.url, timeout_seconds=2.0)
    store = RolloutStore(redis, "dg", replicas=1, timeout_seconds=0.5)
    assert await store.commit(transition(None, a_rollout())) == 0
    await redis.aclose()


async def test_a_batch_of_counts_is_added_once(
    store: RolloutStore, exposure: ExposureStore, a_rollout: MakeRollout
) -> None:
    """A flush whose answer was lost may be sent again."""
    for batch in ("one", "one", "two"):
        await exposure.add_counts("chat", "chat-1", batch, {"stable": 3, "fallback": 1})
    assert await store.counts(a_rollout()) == {"stable": 6, "fallback": 2}


async def test_a_lease_without_an_end_grants_nothing(
    store: RolloutStore, exposure: ExposureStore, redis_server: RedisServer, a_rollout: MakeRollout
) -> None:
    """A grant that somebody made permanent is no lease."""
    await store.commit(transition(None, a_rollout()))
    with redis_server.client() as client:
        client.persist(KEYS.grant)
    assert (await exposure.observe("chat", anyio.current_time)).grant is None


async def test_a_frozen_server_costs_a_bounded_wait(own_redis: RedisServer) -> None:
    """A worker's question ends within its deadline, and works again when the server does."""
    redis = connect(own_redis.url)
    exposure = ExposureStore(redis, "dg")
    await exposure.observe("chat", anyio.current_time)
    own_redis.freeze()
    asked = anyio.current_time()
    with pytest.raises(StoreUnavailable):
        await exposure.observe("chat", anyio.current_time)
    assert anyio.current_time() - asked < 1.0
    own_redis.thaw()
    with anyio.fail_after(5):
        await _answered(exposure)
    await redis.aclose()


async def test_a_transition_that_is_cut_gives_its_connection_back(
    own_redis: RedisServer, a_rollout: MakeRollout
) -> None:
    """At its deadline, in the middle of an answer: none is left to the garbage collection, with an error in the log."""
    link = connect(own_redis.url, timeout_seconds=2.0)
    store = RolloutStore(link, "dg", timeout_seconds=0.2)
    await store.load("chat")
    own_redis.freeze()
    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always")
        with pytest.raises(StoreUnavailable, match="did not answer in time"):
            await store.commit(transition(None, a_rollout()))
        gc.collect()
    own_redis.thaw()
    assert [str(each.message) for each in left] == []
    await store.commit(transition(None, a_rollout()))
    await link.aclose()


async def test_a_server_in_trouble_is_not_waited_for_by_everybody(own_redis: RedisServer) -> None:
    """After failures in a row a question fails at once, until it is asked again; a rollback asks in any case."""
    link = connect(own_redis.url)
    exposure, store = ExposureStore(link, "dg"), RolloutStore(link, "dg", timeout_seconds=0.2)
    own_redis.freeze()
    try:
        for _ in range(TRIPS_AFTER):
            with pytest.raises(StoreUnavailable, match="did not answer in time"):
                await exposure.observe("chat", anyio.current_time)
        with pytest.raises(StoreUnavailable, match="not asked again so soon"):
            await exposure.observe("chat", anyio.current_time)
    finally:
        own_redis.thaw()
    await store.withdraw("chat")
    await exposure.observe("chat", anyio.current_time)
    await link.aclose()


@pytest.mark.parametrize("anyio_backend", ON_UVLOOP, ids=["uvloop"])
async def test_a_server_that_refuses_and_closes_is_unavailable() -> None:
    """As Redis does in protected mode, or with too many clients; asked by many at once, on the loop that we run on."""
    told: list[str] = []

    async def refuse(client: SocketStream) -> None:
        async with client:
            await client.send(b"-DENIED Redis is running in protected mode\r\n")

    async def ask() -> None:
        try:
            await link.run("dg:{chat}:rollout", 5.0, lambda redis: redis.get("dg:{chat}:rollout"), insist=True)
        except StoreUnavailable as error:
            told.append(str(error))

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as serving,
    ):
        serving.start_soon(listener.serve, refuse)
        link = connect(f"redis://127.0.0.1:{listener.extra(SocketAttribute.local_port)}")
        for _ in range(30):
            async with anyio.create_task_group() as asking:
                for _ in range(8):
                    asking.start_soon(ask)
        await link.aclose()
        serving.cancel_scope.cancel()
    assert len(told) == 30 * 8


@pytest.mark.parametrize("anyio_backend", ON_UVLOOP, ids=["uvloop"])
async def test_writing_to_a_connection_that_is_closed_is_unavailable() -> None:
    """The error that uvloop raises for it is none of the client's, and names no cause."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        _, writer = await asyncio.open_connection("127.0.0.1", listener.extra(SocketAttribute.local_port))
        writer.transport.abort()
        await anyio.lowlevel.checkpoint()
        with pytest.raises(StoreUnavailable, match="closed the connection"), unavailable_as_error():
            writer.writelines([b"PING\r\n"])
    with pytest.raises(RuntimeError, match="of ours"), unavailable_as_error():
        raise RuntimeError("a mistake of ours")


async def test_a_server_that_refuses_is_asked_again_at_once(
    store: RolloutStore, redis_server: RedisServer, a_rollout: MakeRollout
) -> None:
    """A full server answers: nobody is kept from asking it something else."""
    with redis_server.client() as client:
        client.config_set("maxmemory", "1")
    for _ in range(TRIPS_AFTER + 1):
        with pytest.raises(StoreUnavailable, match="memory"):
            await store.commit(transition(None, a_rollout()))
    assert (await store.load("chat")).rollout is None


async def test_following_survives_a_restart_and_says_so_once(own_redis: RedisServer, a_rollout: MakeRollout) -> None:
    """Observations come by publication; an outage is reported when it begins and when it ends."""
    redis = connect(own_redis.url)
    follower, store = ExposureStore(redis, "dg"), RolloutStore(redis, "dg")
    seen: dict[str, Observation] = {}
    states: list[bool] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(
            follower.follow,
            ["chat"],
            seen.__setitem__,
            anyio.current_time,
            0.05,
            lambda up, _why: states.append(up),
        )
        with anyio.fail_after(10):
            await _until(lambda: states == [True])
            own_redis.stop()
            await _until(lambda: states == [True, False])
            own_redis.start()
            await _until(lambda: states == [True, False, True])
            await store.commit(transition(None, a_rollout()))
            await _until(lambda: seen["chat"].grant is not None)
        tasks.cancel_scope.cancel()
    await redis.aclose()


async def test_a_publication_is_followed_long_before_the_poll(
    redis_server: RedisServer, a_rollout: MakeRollout
) -> None:
    """With a poll of an hour, a transition still arrives at once."""
    redis = connect(redis_server.url)
    follower, store = ExposureStore(redis, "dg"), RolloutStore(redis, "dg")
    seen: dict[str, Observation] = {}
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follower.follow, ["chat"], seen.__setitem__, anyio.current_time, 3_600.0)
        with anyio.fail_after(10):
            await _until(lambda: "chat" in seen)
            await store.commit(transition(None, a_rollout()))
            await _until(lambda: seen["chat"].grant is not None)
        tasks.cancel_scope.cancel()
    await redis.aclose()


@pytest.mark.parametrize("grant", [b"", b"{", b"[]", b'{"rollout": 1}', b"\xff", b'{"weight_bps": 20000}'])
def test_an_unreadable_grant_grants_nothing(grant: bytes) -> None:
    """Whatever the bytes, the observation is weight 0 at the document's revision."""
    seen = read_observation(b'{"revision": 7, "more": true}', grant, 10_000, None, 0.0)
    assert (seen.grant, seen.revision) == (None, 7)


async def _until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110  # what is waited for is in another process
        await anyio.sleep(0.01)


async def _answered(exposure: ExposureStore) -> Observation:
    while True:
        try:
            return await exposure.observe("chat", anyio.current_time)
        except StoreUnavailable:
            await anyio.sleep(0.01)
