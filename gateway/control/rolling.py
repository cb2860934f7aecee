"""An operator's rollback: it needs the endpoint's name, and nothing else that could be missing.

The order is that of invariant 2: the workers of this gateway first, then the journal, then Redis, then the answer,
which says truly how far it got. Asking twice is answered the same. With Redis gone, the running rollout is the one that
this process, or the journal, last knew; the journal asserts the rollback again when Redis returns.

Not here: going back to an earlier model when nothing is running (`returning`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from gateway.control.home import Home
from gateway.control.views import View, latched_view, rollout_view
from rollback import commands
from rollback.carrying import Because, Carrier, Latched
from rollback.document import ended as ended_unread
from rollback.errors import Conflict, NotPossible
from rollback.rollout import Phase, Rollout
from rollback.store import Loaded, RolloutStore
from rollback.watching import Watched
from routing.errors import MalformedState, StoreUnavailable

TRIES: Final = 5
SETTLE_SECONDS: Final = 2.0
"""How long the answer waits for workers' acknowledgements; they usually take a millisecond."""

COMMITTED: Final = "committed"
SYNCED: Final = "synced"
FORGOTTEN: Final = "has lost the rollout: leases at other gateways run out by themselves"
OVERTAKEN: Final = "overtaken by other changes five times: try again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Durability:
    """How far a rollback got. `state`: durable (everywhere), pending (somewhere not yet), failed (kept nowhere)."""

    journal: str
    redis: str
    acknowledged: int
    pending: tuple[str, ...]

    @property
    def state(self) -> str:
        """One word for all of it."""
        kept = self.journal == SYNCED, self.redis == COMMITTED
        if all(kept) and not self.pending:
            return "durable"
        return "pending" if any(kept) else "failed"

    def view(self) -> View:
        """As the API shows it."""
        workers = {"acknowledged": self.acknowledged, "pending": list(self.pending)}
        return {"state": self.state, "journal": self.journal, "redis": self.redis, "workers": workers}


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What a rollback did."""

    rollout: View
    durability: Durability


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants an endpoint rolled back, and why."""

    endpoint: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Target:
    """The rollout to stop, as far as it is known: `rollout` None where only the journal knows of it."""

    id: str
    revision: int
    rollout: Rollout | None


class RollingBack:
    """Stops running rollouts."""

    def __init__(self, store: RolloutStore, home: Home, carrier: Carrier, watched: Mapping[str, Watched]) -> None:
        self._store = store
        self._home = home
        self._carrier = carrier
        self._watched = watched

    async def stop(self, order: Order) -> RolledBack | None:
        """Roll the running rollout back; None where none runs, nor was the last one rolled back.

        Raises `StoreUnavailable` where Redis is gone and nothing is remembered either.
        """
        target = self._remembered(order.endpoint)
        latched = await self._latch(order, target) if target is not None else None
        for _ in range(TRIES):
            try:
                loaded = await self._store.load(order.endpoint)
                found = _target_in(loaded.rollout)
                if found is None:
                    return await self._gone(order, target, latched, loaded)
                if target is None or latched is None or target.id != found.id or target.revision < found.revision:
                    latched = await self._latch(order, found)
                target = found
                return await self._commit(order, found, latched, loaded)
            except Conflict:
                continue
            except StoreUnavailable as error:
                if target is None or latched is None:
                    raise
                return await self._answer(order, target, latched, f"unreachable: {error}")
            except MalformedState as error:
                return await self._unread(order, target, latched, str(error))
        raise NotPossible(f"the rollback of {order.endpoint} was {OVERTAKEN}; this gateway's workers are on stable")

    def _remembered(self, endpoint: str) -> Target | None:
        """What this process, or the journal, last knew to run; or the last rollback, if that was the latest."""
        rollout = self._watched[endpoint].rollout
        journal = self._home.journal
        highest = journal.revisions.get(endpoint, 0)
        if rollout is not None:
            return Target(rollout.id, max(highest, rollout.revision), rollout) if _stoppable(rollout) else None
        running, latch = journal.running.get(endpoint), journal.latches.get(endpoint)
        if running is not None:
            return Target(running.rollout, max(highest, running.revision), None)
        return Target(latch.rollout, latch.revision, None) if latch is not None else None

    async def _latch(self, order: Order, target: Target) -> Latched:
        ended = target.rollout is not None and not target.rollout.is_running
        revision = target.revision if ended else target.revision + 1
        return await self._home.latch_id(order.endpoint, target.id, revision, order.reason, order.actor)

    async def _commit(self, order: Order, target: Target, latched: Latched, loaded: Loaded) -> RolledBack:
        before = loaded.rollout
        if before is None or not before.is_running:  # rolled back already: the same answer again
            return await self._answer(order, target, latched, COMMITTED)
        ended = self._ended(before, order, loaded.now)
        because = Because(actor=order.actor, action="rollback", now=loaded.now)
        change = await self._carrier.commit(before, ended, because)
        self._watched[order.endpoint].rollout = ended
        return await self._answer(order, Target(ended.id, ended.revision, ended), latched, self._kept(change.replicas))

    def _ended(self, rollout: Rollout, order: Order, now: float) -> Rollout:
        ended = commands.roll_back(rollout, actor=order.actor, reason=order.reason, now=now)
        highest = self._home.journal.revisions.get(order.endpoint, 0)
        return replace(ended, revision=max(ended.revision, highest))

    async def _gone(
        self, order: Order, target: Target | None, latched: Latched | None, loaded: Loaded
    ) -> RolledBack | None:
        """Redis knows of nothing to stop: a flushed server, or a rollout that ended meanwhile."""
        self._watched[order.endpoint].rollout = loaded.rollout
        if target is None or latched is None or loaded.rollout is not None:
            return None
        if target.rollout is None:
            await self._store.withdraw(order.endpoint)
            return await self._answer(order, target, latched, FORGOTTEN)
        return await self._write_again(order, target.rollout, latched, loaded.now)

    async def _write_again(self, order: Order, known: Rollout, latched: Latched, now: float) -> RolledBack:
        """Redis has lost the rollout, but other gateways' workers may hold its lease: its end is written again."""
        ended = self._ended(known, order, now) if known.is_running else known
        change = await self._carrier.commit(None, ended, Because(actor=order.actor, action="rollback", now=now))
        self._watched[order.endpoint].rollout = ended
        return await self._answer(order, Target(ended.id, ended.revision, ended), latched, self._kept(change.replicas))

    def _kept(self, replicas: int) -> str:
        """How far Redis has a transition that so many replicas have."""
        missing = self._store.replicas - replicas
        return COMMITTED if missing <= 0 else f"written, but {missing} of {self._store.replicas} replicas are missing"

    async def _unread(self, order: Order, target: Target | None, latched: Latched | None, why: str) -> RolledBack:
        """The document is of another version: its core is enough to end it. Without even that, its lease is deleted."""
        for _ in range(TRIES):
            document, now = await self._store.document(order.endpoint)
            ended = ended_unread(document or b"", actor=order.actor, reason=order.reason, now=now)
            if ended is None:
                return await self._withdrawn(order, target, latched, why)
            if latched is None or target is None or target.id != ended.rollout:
                target = Target(ended.rollout, ended.before_revision, None)
                latched = await self._latch(order, target)
            try:
                replicas = await self._store.end(order.endpoint, ended)
            except Conflict:
                continue
            except StoreUnavailable as error:
                return await self._answer(order, target, latched, f"unreachable: {error}")
            return await self._answer(order, replace(target, revision=ended.revision), latched, self._kept(replicas))
        raise NotPossible(f"the rollback of {order.endpoint} was {OVERTAKEN}; this gateway's workers are on stable")

    async def _withdrawn(self, order: Order, target: Target | None, latched: Latched | None, why: str) -> RolledBack:
        await self._store.withdraw(order.endpoint)
        if target is None or latched is None:
            raise NotPossible(f"{why}. Its lease is deleted, so {order.endpoint} is on stable everywhere")
        return await self._answer(order, target, latched, f"{why}; its lease is deleted")

    async def _answer(self, order: Order, target: Target, latched: Latched, redis: str) -> RolledBack:
        settled = await self._home.settled(latched.seq, SETTLE_SECONDS)
        durability = Durability(
            journal=f"failed: {latched.journal_failure}" if latched.journal_failure else SYNCED,
            redis=redis,
            acknowledged=settled.acknowledged,
            pending=settled.pending,
        )
        return RolledBack(self._view(order, target), durability)

    def _view(self, order: Order, target: Target) -> View:
        watched = self._watched[order.endpoint]
        rollout = target.rollout
        if rollout is None:
            return latched_view(order.endpoint, target.id, target.revision, order.reason)
        if rollout.is_running:  # Redis has not got it yet, but it has ended here
            rollout = self._ended(rollout, order, watched.now)
            watched.rollout = rollout
        return rollout_view(rollout, watched.counts, watched.reports, refusals=watched.refusals)


def _stoppable(rollout: Rollout) -> bool:
    return rollout.is_running or rollout.phase is Phase.ROLLED_BACK


def _target_in(rollout: Rollout | None) -> Target | None:
    if rollout is None or not _stoppable(rollout):
        return None
    return Target(rollout.id, rollout.revision, rollout)
