"""Kept pairs on real servers: a bounded uniform sample that expires, and labels that count once."""

import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest
from redis.asyncio import Redis

from routing.address import parse
from routing.connecting import connect
from routing.errors import StoreUnavailable
from routing.names import EndpointKeys
from shadow.errors import UnknownPair
from shadow.review import KeptAnswer, KeptPair, Label, Review, judged_in, labels_in
from shadow.review_store import Labelled, ReviewStore
from tests.redis_server import RedisServer, binary_of

pytestmark = pytest.mark.anyio

KEYS = EndpointKeys("dg", "chat")
REVIEW = Review(share=1.0, keep_seconds=60.0, most=3)
REFUSES = KeptAnswer("I can't.", "unwilling", refused=True)
ANSWERS = KeptAnswer("Paris.", "answer", refused=False)


def pair(number: int, order: float = 0.5) -> KeptPair:
    """A pair whose candidate refused."""
    return KeptPair(f"{number:016x}", "chat-1", 3, 1_000.0, order, f"Question {number}?", ANSWERS, REFUSES)


@dataclass
class Subject:
    """A store, and the server behind it."""

    store: ReviewStore
    redis: "Redis"

    async def counts(self) -> dict[str, int]:
        """The rollout's counters."""
        found = await self.redis.hgetall(KEYS.counts("chat-1"))
        return {name.decode(): int(count) for name, count in found.items() if isinstance(name, bytes)}

    async def labels(self) -> dict[tuple[int, str], int]:
        """People's labels of the epoch, as the correction reads them."""
        return {(read, label.value): count for read, label, count in labels_in(await self.counts(), 3)}

    async def judged(self) -> dict[tuple[int, str], int]:
        """The judge model's."""
        return {(read, label.value): count for read, label, count in judged_in(await self.counts(), 3)}


@pytest.fixture(params=["valkey", "debian"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """An empty store on each server."""
    with tempfile.TemporaryDirectory(prefix="dg") as place:
        server = RedisServer(binary_of(request.param), Path(place))
        server.start()
        link, redis = connect(parse(server.url), timeout_seconds=2.0), Redis.from_url(server.url)
        try:
            yield Subject(ReviewStore(link, "dg"), redis)
        finally:
            await redis.aclose()
            await link.aclose()
            server.stop()


async def test_pairs_wait_in_the_order_of_their_draw(subject: Subject) -> None:
    """Of their epoch, and once each."""
    for number, order in ((1, 0.7), (2, 0.1), (1, 0.7)):
        await subject.store.keep("chat", pair(number, order), REVIEW)
    await subject.store.keep("chat", replace(pair(9), epoch=4), REVIEW)
    assert await subject.store.kept("chat", 3) == [pair(2, 0.1), pair(1, 0.7)]
    assert await subject.store.find("chat", pair(1).id) == pair(1, 0.7)


async def test_of_too_many_those_with_the_smallest_draws_stay(subject: Subject) -> None:
    """Whenever they came: a uniform sample of all. What made room is gone, text and all."""
    for number in range(8):
        await subject.store.keep("chat", pair(number, (5 * number % 8) / 8), REVIEW)
    assert [each.order for each in await subject.store.kept("chat", 3)] == [0.0, 1 / 8, 2 / 8]
    assert len(await subject.redis.keys("*pair:*")) == 3


async def test_a_pair_expires(subject: Subject) -> None:
    """By itself, in the store; it is not listed then, and cannot be found."""
    await subject.store.keep("chat", pair(1), REVIEW)
    assert 0 < await subject.redis.pttl(KEYS.review_pair(pair(1).id)) <= 60_000
    assert 0 < await subject.redis.pttl(KEYS.review(3)) <= 60_000
    await subject.store.keep("chat", pair(2), replace(REVIEW, keep_seconds=0.001))
    with anyio.fail_after(5):
        while await subject.redis.exists(KEYS.review_pair(pair(2).id)):  # noqa: ASYNC110 - the server's own clock
            await anyio.sleep(0.005)
    with pytest.raises(UnknownPair, match="expired"):
        await subject.store.find("chat", pair(2).id)
    assert pair(2) not in await subject.store.kept("chat", 3)


async def test_a_label_counts_once_and_can_be_changed(subject: Subject) -> None:
    """The first count is taken back; who said it is kept, and no text."""
    assert await subject.store.label("chat", pair(1), Label.BOTH, "ann") is None
    assert await subject.store.label("chat", pair(2), Label.BOTH, "ann") is None
    assert await subject.labels() == {(1, "both"): 2}
    assert await subject.store.label("chat", pair(1), Label.CANDIDATE, "ben") is Label.BOTH
    assert await subject.labels() == {(1, "both"): 1, (1, "candidate"): 1}
    assert await subject.store.labelled("chat", 3) == Labelled(frozenset({pair(1).id, pair(2).id}), frozenset())
    assert await subject.redis.hget(KEYS.labels(3), pair(1).id) == b"candidate ben"


async def test_a_judges_label_is_counted_apart_and_gives_way_to_a_persons(subject: Subject) -> None:
    """The pair still waits for people; what a person said is never replaced by the judge."""
    assert await subject.store.judge("chat", pair(1), Label.NEITHER, "referee", {"judge.calls": 2})
    assert await subject.store.judge("chat", pair(2), Label.CANDIDATE, "referee", {"judge.calls": 2})
    assert (await subject.judged(), await subject.labels()) == ({(1, "neither"): 1, (1, "candidate"): 1}, {})
    assert await subject.store.labelled("chat", 3) == Labelled(frozenset(), frozenset({pair(1).id, pair(2).id}))
    assert await subject.store.label("chat", pair(1), Label.BOTH, "ann") is None
    assert (await subject.judged(), await subject.labels()) == ({(1, "candidate"): 1}, {(1, "both"): 1})
    assert not await subject.store.judge("chat", pair(1), Label.NEITHER, "referee", {"judge.calls": 2})
    assert (await subject.judged(), await subject.labels()) == ({(1, "candidate"): 1}, {(1, "both"): 1})
    assert await subject.store.labelled("chat", 3) == Labelled(frozenset({pair(1).id}), frozenset({pair(2).id}))
    assert (await subject.counts())["judge.calls"] == 6


async def test_what_asking_the_judge_took_is_counted_without_a_label_too(subject: Subject) -> None:
    """Nothing is labelled by a reply of no use."""
    assert not await subject.store.judge("chat", pair(1), None, "referee", {"judge.calls": 2, "judge.failed": 1})
    assert (await subject.judged(), await subject.redis.exists(KEYS.labels(3))) == ({}, 0)
    assert await subject.counts() == {"judge.calls": 2, "judge.failed": 1}


async def test_a_store_that_is_away_says_so() -> None:
    """As everything on Redis does."""
    link = connect(parse("unix:///nowhere/redis.sock"), timeout_seconds=0.2)
    with anyio.fail_after(5), pytest.raises(StoreUnavailable):
        await ReviewStore(link, "dg").kept("chat", 3)
    await link.aclose()
