"""The contract of the cell store: the same claims for the real one, on two servers, and for its in-memory twin."""

import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from routing.connecting import connect
from routing.names import EndpointKeys
from shadow.batching import Batch, Home
from shadow.cells import Vote
from shadow.errors import FlushFailed
from shadow.store import MOST_MARKS, CellStore, MemoryCellStore, RedisCellStore
from tests.redis_server import RedisServer, binary_of

pytestmark = pytest.mark.anyio

HOME = Home("chat", "chat-1", 3)
KEYS = EndpointKeys("dg", "chat")
GOOD, BAD = "p/refusal/*/0/0", "p/refusal/*/0/20"

Hash = dict[str, int]


@dataclass(frozen=True)
class Subject:
    """A store of at most five voters, and what is in it."""

    store: CellStore
    cells: Callable[[int], Awaitable[Hash]]
    counts: Callable[[], Awaitable[Hash]]
    clear: Callable[[], Awaitable[object]]


def vote(member: str, *cells: str) -> Vote:
    """A vote of `member`; one good pair unless cells are given."""
    return Vote(member, cells or (GOOD,))


def batch(number: int, *votes: Vote, home: Home = HOME, **counts: int) -> Batch:
    """A batch with an id of its own."""
    return Batch("w", number, home, votes, counts)


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[str], RedisServer]]:
    """Servers by kind, started when they are first asked for."""
    started: dict[str, RedisServer] = {}

    def of(kind: str) -> RedisServer:
        if kind not in started:
            started[kind] = RedisServer(binary_of(kind), Path(tempfile.mkdtemp(prefix="dg")))
            started[kind].start()
        return started[kind]

    yield of
    for server in started.values():
        server.stop()


async def _hash(redis: "Redis", name: str) -> Hash:
    found = await redis.hgetall(name)
    return {field.decode() if isinstance(field, bytes) else field: int(count) for field, count in found.items()}


def _memory() -> Subject:
    store = MemoryCellStore(max_voters=5)

    async def cells(epoch: int) -> Hash:
        return dict(store.cells["chat", epoch])

    async def counts() -> Hash:
        return dict(store.counts["chat", "chat-1"])

    async def clear() -> None:
        store.clear()

    return Subject(store, cells, counts, clear)


@pytest.fixture(params=["valkey", "debian", "memory"])
async def subject(
    request: pytest.FixtureRequest, servers: Callable[[str], RedisServer], anyio_backend: str
) -> AsyncIterator[Subject]:
    """Each store in turn, empty."""
    if request.param == "memory":
        yield _memory()
        return
    url = servers(request.param).url
    redis, link = Redis.from_url(url, socket_timeout=2.0), connect(url, timeout_seconds=2.0)
    await redis.flushall()
    yield Subject(
        RedisCellStore(link, "dg", max_voters=5),
        lambda epoch: _hash(redis, KEYS.cells(epoch)),
        lambda: _hash(redis, KEYS.counts("chat-1")),
        redis.flushall,
    )
    await link.aclose()
    await redis.aclose()


async def test_a_batch_adds_its_votes_cells_and_counts(subject: Subject) -> None:
    """Together, and to the epoch that it names."""
    later = replace(HOME, epoch=4)
    assert await subject.store.flush(batch(1, vote("p:a", GOOD, "k/0/paired/stable"), vote("p:b", BAD), shadowed=2))
    assert await subject.store.flush(batch(2, vote("p:a"), home=later, shadowed=1))
    assert await subject.cells(3) == {GOOD: 1, BAD: 1, "k/0/paired/stable": 1}
    assert await subject.cells(4) == {GOOD: 1}
    assert await subject.counts() == {"shadowed": 3}


async def test_a_batch_written_again_adds_nothing(subject: Subject) -> None:
    """The answer to the first write was lost, say."""
    same = batch(1, vote("p:a"), shadowed=1)
    assert await subject.store.flush(same)
    assert not await subject.store.flush(same)
    assert await subject.cells(3) == {GOOD: 1}
    assert await subject.counts() == {"shadowed": 1}


async def test_a_key_votes_once_per_source_and_epoch(subject: Subject) -> None:
    """Its second vote is left out whole, whatever it says; another source is another vote."""
    await subject.store.flush(batch(1, vote("p:a"), vote("p:a", BAD)))
    await subject.store.flush(batch(2, vote("p:a", BAD), vote("s:a", "s/errors/*/1/100/stable/0")))
    assert await subject.cells(3) == {GOOD: 1, "s/errors/*/1/100/stable/0": 1}


async def test_new_keys_are_excluded_once_the_set_is_full_and_old_ones_stay(subject: Subject) -> None:
    """Forgetting would let a key vote twice; the excluded are counted."""
    await subject.store.flush(batch(1, *(vote(f"p:{i}") for i in range(4))))
    await subject.store.flush(batch(2, vote("p:0"), vote("p:4"), vote("p:5"), vote("p:6")))
    await subject.store.flush(batch(3, vote("p:0"), vote("p:7")))
    assert await subject.cells(3) == {GOOD: 5}
    assert await subject.counts() == {"lost.votes_full": 3}


async def test_a_batch_of_counts_alone_is_written(subject: Subject) -> None:
    """Nothing was compared, but something was shed."""
    assert await subject.store.flush(batch(1, shed=4))
    assert await subject.counts() == {"shed": 4}
    assert await subject.cells(3) == {}


WRITES = st.lists(
    st.tuples(
        st.integers(0, 3), st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from([GOOD, BAD])), max_size=4)
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=WRITES)
async def test_what_is_counted_is_the_first_vote_of_each_key_in_the_first_write_of_each_batch(
    subject: Subject, writes: list[tuple[int, list[tuple[str, str]]]]
) -> None:
    """Whatever is written, and however often."""
    await subject.clear()
    expected: Counter[str] = Counter()
    voted, seen = set(), set()
    for number, votes in writes:
        for member, cell in votes if number not in seen else ():
            expected[cell] += member not in voted
            voted.add(member)
        seen.add(number)
        await subject.store.flush(batch(number, *(vote(member, cell) for member, cell in votes)))
    assert await subject.cells(3) == dict(+expected)


async def test_a_store_that_is_away_says_so_in_time() -> None:
    """Within the write's deadline, as the error that the worker keeps the batch for."""
    link = connect("unix:///nowhere/valkey.sock", timeout_seconds=0.2)
    with anyio.fail_after(3), pytest.raises(FlushFailed):
        await RedisCellStore(link, "dg").flush(batch(1, vote("p:a")))
    await link.aclose()
    memory = MemoryCellStore()
    memory.available = False
    with pytest.raises(FlushFailed):
        await memory.flush(batch(1, vote("p:a")))


async def test_evidence_that_nobody_adds_to_ends(servers: Callable[[str], RedisServer]) -> None:
    """A late write to an old epoch leaves nothing behind for ever."""
    server = servers("valkey")
    redis, link = Redis.from_url(server.url, socket_timeout=2.0), connect(server.url, timeout_seconds=2.0)
    await redis.flushall()
    store = RedisCellStore(link, "dg")
    await store.flush(batch(1, vote("p:a"), shed=1))
    for name in (KEYS.cells(3), KEYS.votes(3), KEYS.counts("chat-1"), KEYS.marks("w")):
        assert 0 < await redis.ttl(name) <= 30 * 86_400
    await redis.expire(KEYS.votes(3), 60)
    await store.flush(batch(2, vote("p:b"), shed=1))
    assert await redis.ttl(KEYS.votes(3)) <= 60, "a late batch must not keep what the controller lets go"
    await link.aclose()
    await redis.aclose()


async def test_only_the_last_batches_of_a_writer_are_remembered(servers: Callable[[str], RedisServer]) -> None:
    """A busy day is hundreds of thousands of batches; one that is tried again is among the last few."""
    server = servers("valkey")
    redis, link = Redis.from_url(server.url, socket_timeout=2.0), connect(server.url, timeout_seconds=2.0)
    await redis.flushall()
    store = RedisCellStore(link, "dg")
    for number in range(1, MOST_MARKS + 11):
        assert await store.flush(batch(number, shed=1))
    assert await redis.zcard(KEYS.marks("w")) == MOST_MARKS
    assert not await store.flush(batch(MOST_MARKS - 50, shed=1))
    assert await redis.hget(KEYS.counts("chat-1"), "shed") == b"%d" % (MOST_MARKS + 10)
    await link.aclose()
    await redis.aclose()
