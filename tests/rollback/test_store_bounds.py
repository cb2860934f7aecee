"""What is left of rollouts that have ended, on real servers: it is bounded, and what is still wanted stays."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from redis.asyncio import Redis

from rollback.audit import AuditEntry
from rollback.carrying import Because, Carrier, Change, Latched
from rollback.journal import JournalState
from rollback.rollout import Phase, Rollout
from rollback.store import MOST_ROLLOUTS, SUPERSEDED_SECONDS, VOTERS_SECONDS, RolloutStore
from rollback.verdict import SignalReport
from routing.connecting import connect
from routing.exposure import Generation
from routing.names import EndpointKeys
from shadow.batching import Batch, Home
from shadow.cells import Vote
from shadow.store import KEEP_SECONDS, RedisCellStore
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio

MakeRollout = Callable[..., Rollout]
KEYS = EndpointKeys("dg", "chat")


class _Nobody:
    """A gateway without workers or a journal."""

    journal = JournalState()

    async def latch(self, rollout: Rollout, revision: int, reason: str, actor: str) -> Latched:
        return Latched(seq=0)

    async def seen(self, endpoint: str, rollout: Rollout | None, generation: Generation | None) -> None:
        return

    async def applied(self, change: Change) -> None:
        return

    def held(self, rollout: Rollout, reports: Sequence[SignalReport]) -> None:
        return


@dataclass(frozen=True)
class Subject:
    """A store, its transitions, what workers add, and the server itself."""

    store: RolloutStore
    carrier: Carrier
    cells: RedisCellStore
    redis: "Redis"

    async def move(self, before: Rollout | None, after: Rollout) -> None:
        """One transition by ann."""
        await self.carrier.commit(before, after, Because(actor="ann", action="test", now=1_000.0))

    async def vote(self, rollout: Rollout, number: int) -> None:
        """A worker counts something for the rollout's epoch."""
        home = Home(rollout.endpoint, rollout.id, rollout.epoch)
        await self.cells.flush(Batch("w", number, home, (Vote(f"p:{number}", ("p/refusal/*/0/0",)),), {"shed": 1}))


@pytest.fixture(params=["valkey", "debian"])
async def subject(
    request: pytest.FixtureRequest, redis_servers: Callable[[str], RedisServer]
) -> AsyncIterator[Subject]:
    """On each server, empty."""
    url = redis_servers(request.param).url
    link, redis = connect(url, timeout_seconds=2.0), Redis.from_url(url, socket_timeout=2.0)
    store = RolloutStore(link, "dg")
    yield Subject(store, Carrier(store, _Nobody(), lambda: 0.0), RedisCellStore(link, "dg"), redis)
    await link.aclose()
    await redis.aclose()


async def test_voters_of_an_epoch_that_is_over_are_forgotten_and_counters_stay_for_the_next_plan(
    subject: Subject, a_rollout: MakeRollout
) -> None:
    """After a rollback; a worker's late batch does not bring them back for a month."""
    running = a_rollout()
    ended = replace(running, revision=2, phase=Phase.ROLLED_BACK, weight_bps=0, ended_at=1_001.0)
    await subject.move(None, running)
    await subject.vote(running, 1)
    await subject.move(running, ended)
    await subject.vote(running, 2)
    assert 0 < await subject.redis.ttl(KEYS.votes(running.epoch)) <= VOTERS_SECONDS
    assert await subject.redis.ttl(KEYS.cells(running.epoch)) > KEEP_SECONDS - 60
    following = a_rollout(id="chat-2", revision=3, epoch=running.epoch + 1)
    await subject.move(ended, following)
    assert 0 < await subject.redis.ttl(KEYS.cells(running.epoch)) <= SUPERSEDED_SECONDS


async def test_while_a_rollout_runs_its_voters_and_counters_stay(subject: Subject, a_rollout: MakeRollout) -> None:
    """However long nobody asks anything: the controller that renews the lease renews them, too."""
    running = a_rollout()
    await subject.move(None, running)
    await subject.vote(running, 1)
    names = (KEYS.votes(running.epoch), KEYS.cells(running.epoch), KEYS.counts(running.id))
    for name in names:
        await subject.redis.expire(name, 3_600)
    await subject.store.renew(running, 10_000)
    for name in names:
        assert await subject.redis.ttl(name) > KEEP_SECONDS - 60


async def test_mirrors_to_an_old_stable_that_is_kept_still_vote_once(subject: Subject, a_rollout: MakeRollout) -> None:
    """The epoch after the promotion is not over; the one before it is."""
    running = a_rollout(phase=Phase.BAKING, weight_bps=10_000)
    epoch = running.epoch
    promoted = replace(
        running,
        revision=2,
        phase=Phase.PROMOTED,
        ended_at=1_001.0,
        kept_until=5_000.0,
        judged_epoch=epoch,
        epoch=epoch + 1,
    )
    await subject.move(None, running)
    await subject.vote(running, 1)
    await subject.move(running, promoted)
    await subject.vote(promoted, 2)
    assert await subject.redis.ttl(KEYS.votes(epoch)) <= VOTERS_SECONDS
    assert await subject.redis.ttl(KEYS.votes(epoch + 1)) > KEEP_SECONDS - 60
    assert await subject.redis.ttl(KEYS.cells(epoch)) > KEEP_SECONDS - 60


async def test_the_latest_rollouts_are_kept_and_no_more(subject: Subject, a_rollout: MakeRollout) -> None:
    """The oldest go when one more is started."""
    before: Rollout | None = None
    for number in range(1, MOST_ROLLOUTS + 6):
        after = a_rollout(id=f"chat-{number}", revision=number, epoch=number, started_at=float(number))
        await subject.move(before, after)
        before = after
    assert await subject.redis.hlen(KEYS.rollouts) == MOST_ROLLOUTS
    assert await subject.store.find(["chat"], "chat-5") is None
    found = await subject.store.find(["chat"], "chat-6")
    assert found is not None
    assert found.id == "chat-6"


async def test_a_rollouts_entries_are_found_among_those_of_others(subject: Subject, a_rollout: MakeRollout) -> None:
    """Over more than one page, newest first; one entry is found by its id, and nonsense is no id."""
    before: Rollout | None = None
    for revision in range(1, 121):
        after = a_rollout(id=f"chat-{(revision - 1) // 40}", revision=revision, epoch=1 + (revision - 1) // 40)
        await subject.move(before, after)
        before = after
    found = await subject.store.entries_of("chat", "chat-1")
    assert [entry.revision for entry in found] == list(range(80, 40, -1))
    assert await subject.store.entries_of("chat", "chat-9") == ()
    one: AuditEntry | None = await subject.store.entry("chat", found[7].id)
    assert one == found[7]
    for nonsense in ("", "-", "+", "1-", "0-1", "x-y", "1" * 40 + "-1"):
        assert await subject.store.entry("chat", nonsense) is None
