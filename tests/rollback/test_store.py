"""The contract of the rollout store: the same claims for the real one, on two servers, and for its in-memory twin."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import anyio
import pytest

from rollback.audit import entry_of, noted
from rollback.errors import Conflict, Frozen
from rollback.freeze import Freeze
from rollback.rollout import Holding, Phase, Rollout
from rollback.store import RolloutStore, Transition
from rollback.store_memory import MemoryRolloutStore
from routing.connecting import connect
from routing.exposure import Generation, Observation
from routing.store import ExposureStore
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio

MakeRollout = Callable[..., Rollout]


@dataclass(frozen=True)
class Subject:
    """A store, and a worker's view of the same state."""

    store: RolloutStore | MemoryRolloutStore
    observe: Callable[[str], Awaitable[Observation]]


@asynccontextmanager
async def _real(server: RedisServer) -> AsyncIterator[Subject]:
    redis = connect(server.url, timeout_seconds=2.0)
    exposure = ExposureStore(redis, "dg", timeout_seconds=2.0)
    yield Subject(RolloutStore(redis, "dg"), lambda endpoint: exposure.observe(endpoint, anyio.current_time))
    await redis.aclose()


@pytest.fixture(params=["valkey", "debian", "memory"])
async def subject(
    request: pytest.FixtureRequest, redis_servers: Callable[[str], RedisServer]
) -> AsyncIterator[Subject]:
    """Each store in turn, empty."""
    if request.param == "memory":
        store = MemoryRolloutStore(anyio.current_time)
        yield Subject(store, lambda endpoint: store.observe(endpoint, anyio.current_time))
        return
    async with _real(redis_servers(request.param)) as real:
        yield real


def transition(before: Rollout | None, after: Rollout, **fields: object) -> Transition:
    """A transition by ann at 1,000 s, under a lease of ten seconds."""
    entry = entry_of(before, after, at=1_000.0, actor="ann", action="test")
    made = Transition(before_revision=before.revision if before else 0, after=after, entry=entry, lease_ms=10_000)
    return replace(made, **fields)  # type: ignore[arg-type]  # tests name the field and give its own type


async def test_an_endpoint_without_rollouts_is_empty(subject: Subject) -> None:
    """Nothing stored means no rollout, no generation, and no exposure."""
    loaded = await subject.store.load("chat")
    seen = await subject.observe("chat")
    assert (loaded.rollout, loaded.generation) == (None, None)
    assert (seen.grant, seen.generation, seen.revision) == (None, None, 0)


async def test_a_committed_rollout_is_loaded_as_it_was(subject: Subject, a_rollout: MakeRollout) -> None:
    """The document, and the entry in the audit stream, come back as they were written."""
    rollout = a_rollout()
    await subject.store.commit(transition(None, rollout))
    (entry,) = await subject.store.entries("chat", 10)
    assert (await subject.store.load("chat")).rollout == rollout
    assert (entry.rollout, entry.phase_from, entry.phase_to, entry.revision) == ("chat-1", Phase.IDLE, Phase.CANARY, 1)
    assert entry.id


async def test_a_commit_grants_a_lease_that_ends(subject: Subject, a_rollout: MakeRollout) -> None:
    """A worker sees the weight, the revision, and an end within the lease."""
    asked = anyio.current_time()
    await subject.store.commit(transition(None, a_rollout()))
    seen = await subject.observe("chat")
    assert seen.grant is not None
    assert (seen.grant.weight_bps, seen.revision) == (1_000, 1)
    assert asked < seen.expires_at <= anyio.current_time() + 10.0


async def test_a_lease_that_is_not_renewed_is_gone(subject: Subject, a_rollout: MakeRollout) -> None:
    """Exposure ends by itself, with nobody doing anything."""
    await subject.store.commit(transition(None, a_rollout(), lease_ms=50))
    with anyio.fail_after(5):
        while (await subject.observe("chat")).grant is not None:  # noqa: ASYNC110  # only asking shows it
            await anyio.sleep(0.01)
    assert (await subject.store.load("chat")).rollout == a_rollout()


async def test_a_stale_revision_commits_nothing(subject: Subject, a_rollout: MakeRollout) -> None:
    """Of two transitions decided on the same revision, the second is refused whole."""
    first, second = a_rollout(), a_rollout(revision=2, weight_bps=5_000)
    await subject.store.commit(transition(None, first))
    await subject.store.commit(transition(first, second))
    with pytest.raises(Conflict):
        await subject.store.commit(transition(first, a_rollout(revision=2, weight_bps=10_000)))
    assert (await subject.store.load("chat")).rollout == second
    assert len(await subject.store.entries("chat", 10)) == 2


async def test_a_rollback_takes_the_lease_away(subject: Subject, a_rollout: MakeRollout) -> None:
    """After it nothing is granted, though the old lease would have run on."""
    running = a_rollout()
    ended = a_rollout(revision=2, phase=Phase.ROLLED_BACK, weight_bps=0, ended_at=1_001.0)
    await subject.store.commit(transition(None, running))
    await subject.store.commit(transition(running, ended, shrinks=True))
    seen = await subject.observe("chat")
    assert (seen.grant, seen.revision) == (None, 2)


async def test_a_renewal_needs_the_revision_it_was_decided_on(subject: Subject, a_rollout: MakeRollout) -> None:
    """An old leader that wakes up cannot renew what has been rolled back since."""
    running = a_rollout()
    ended = a_rollout(revision=2, phase=Phase.ROLLED_BACK, weight_bps=0)
    await subject.store.commit(transition(None, running))
    await subject.store.renew(running, 10_000)
    await subject.store.commit(transition(running, ended))
    with pytest.raises(Conflict):
        await subject.store.renew(running, 10_000)
    assert (await subject.observe("chat")).grant is None


async def test_a_renewal_may_rewrite_what_is_no_transition(subject: Subject, a_rollout: MakeRollout) -> None:
    """Holding and reason change without a revision and without an audit entry."""
    running = a_rollout()
    await subject.store.commit(transition(None, running))
    await subject.store.renew(replace(running, holding=Holding.BAKE, reason="bakes"), 10_000, rewrite=True)
    loaded = (await subject.store.load("chat")).rollout
    assert loaded is not None
    assert (loaded.holding, loaded.reason, loaded.revision) == (Holding.BAKE, "bakes", 1)
    assert len(await subject.store.entries("chat", 10)) == 1


async def test_a_promotion_adds_a_generation(subject: Subject, a_rollout: MakeRollout) -> None:
    """The new stable and the ended rollout are one transition."""
    running, generation = a_rollout(), Generation(1, "new", 1_000.0, "driftgate")
    promoted = a_rollout(revision=2, phase=Phase.PROMOTED, weight_bps=10_000)
    await subject.store.commit(transition(None, running))
    await subject.store.commit(transition(running, promoted, generation=generation))
    assert (await subject.store.load("chat")).generation == generation
    assert (await subject.observe("chat")).generation == generation
    assert await subject.store.generations("chat") == (generation,)


async def test_a_lost_generation_is_restored_once(subject: Subject) -> None:
    """What Redis knows, or knows better, is left alone."""
    second = Generation(2, "newer", 2_000.0, "ann")
    await subject.store.restore("chat", second)
    await subject.store.restore("chat", second)
    await subject.store.restore("chat", Generation(1, "new", 1_000.0, "ann"))
    assert await subject.store.generations("chat") == (second,)


async def test_one_leads_until_it_resigns(subject: Subject) -> None:
    """The lead is renewed by its holder, refused to others, and free at once after resigning."""
    assert await subject.store.lead("a", 10_000)
    assert await subject.store.lead("a", 10_000)
    assert not await subject.store.lead("b", 10_000)
    await subject.store.resign("b")
    assert not await subject.store.lead("b", 10_000)
    await subject.store.resign("a")
    assert await subject.store.lead("b", 10_000)


async def test_the_lead_runs_out(subject: Subject) -> None:
    """A leader that died is replaced."""
    assert await subject.store.lead("a", 30)
    with anyio.fail_after(5):
        while not await subject.store.lead("b", 10_000):  # noqa: ASYNC110  # only asking shows it
            await anyio.sleep(0.01)


async def test_an_ended_rollout_is_found_by_its_id(subject: Subject, a_rollout: MakeRollout) -> None:
    """The document of an earlier rollout stays, after the next one has begun."""
    first = a_rollout(phase=Phase.ROLLED_BACK, weight_bps=0)
    await subject.store.commit(transition(None, first))
    await subject.store.commit(transition(first, a_rollout(id="chat-2", revision=2)))
    assert await subject.store.find(["mail", "chat"], "chat-1") == first
    assert await subject.store.find(["mail", "chat"], "chat-9") is None


async def test_withdrawing_ends_exposure_whatever_the_document_says(subject: Subject, a_rollout: MakeRollout) -> None:
    """It needs no revision: shrinking needs no proof."""
    await subject.store.commit(transition(None, a_rollout()))
    await subject.store.withdraw("chat")
    assert (await subject.observe("chat")).grant is None


async def test_entries_come_newest_first_and_no_more_than_asked(subject: Subject, a_rollout: MakeRollout) -> None:
    """History is read from its end."""
    before: Rollout | None = None
    for revision in range(1, 6):
        after = a_rollout(revision=revision)
        await subject.store.commit(transition(before, after))
        before = after
    assert [entry.revision for entry in await subject.store.entries("chat", 3)] == [5, 4, 3]


async def test_a_frozen_endpoint_takes_no_widening_and_every_rollback(subject: Subject, a_rollout: MakeRollout) -> None:
    """The script that commits sees the freeze, whoever asks; who asked is told by whom it was frozen."""
    running = a_rollout()
    await subject.store.commit(transition(None, running))
    await _freeze(subject, until_at=None)
    with pytest.raises(Frozen, match="frozen by ann"):
        await subject.store.commit(transition(running, a_rollout(revision=2, weight_bps=5_000), widens=True))
    assert (await subject.store.load("chat")).rollout == running
    await subject.store.renew(running, 10_000)
    ended = a_rollout(revision=2, phase=Phase.ROLLED_BACK, weight_bps=0)
    await subject.store.commit(transition(running, ended, shrinks=True))
    assert (await subject.store.load("chat")).rollout == ended


async def test_a_freeze_is_ended_once_and_both_are_audited(subject: Subject) -> None:
    """With actor and reason, on an endpoint that never had a rollout too."""
    await _freeze(subject, until_at=None)
    frozen = (await subject.store.load("chat")).freeze
    assert frozen is not None
    assert (frozen.by, frozen.reason, frozen.until_at) == ("ann", "holidays", None)
    thawed = noted(None, at=1_001.0, actor="bob", action="unfreeze", reason="back")
    assert await subject.store.unfreeze("chat", thawed)
    assert not await subject.store.unfreeze("chat", thawed)
    assert (await subject.store.load("chat")).freeze is None
    entries = await subject.store.entries("chat", 10)
    assert [(entry.action, entry.actor, entry.reason, entry.rollout) for entry in entries] == [
        ("unfreeze", "bob", "back", ""),
        ("freeze", "ann", "holidays", ""),
    ]


async def test_a_freeze_ends_by_itself(subject: Subject, a_rollout: MakeRollout) -> None:
    """At the time that it was given, with nobody doing anything."""
    now = (await subject.store.load("chat")).now
    await _freeze(subject, until_at=now + 0.2)
    assert (await subject.store.load("chat")).freeze is not None
    with anyio.fail_after(5):
        while (await subject.store.load("chat")).freeze is not None:  # noqa: ASYNC110  # only asking shows it
            await anyio.sleep(0.02)
    await subject.store.commit(transition(None, a_rollout(), widens=True))


async def _freeze(subject: Subject, until_at: float | None) -> None:
    freeze = Freeze(by="ann", reason="holidays", since_at=1_000.0, until_at=until_at)
    entry = noted(None, at=1_000.0, actor="ann", action="freeze", reason="holidays")
    await subject.store.freeze("chat", freeze, entry)
