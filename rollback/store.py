"""A rollout's state in Redis: every transition is one script, fenced by the revision it was decided on.

The script compares, then writes document, lease, generation and audit entry, and publishes; so either all of a
transition is there or none of it. What takes exposure away runs under `allow-oom`, so that a full Redis cannot keep a
rollback from happening; what gives exposure does not, so that there exposure ends.

Not here: what to decide (`decision`), and what this gateway does before Redis knows (`controller.Local`).
The in-memory twin is `store_memory`; both pass the same tests.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import anyio
import msgspec
from redis.asyncio import Redis

from rollback import audit
from rollback.audit import AuditEntry
from rollback.audit_store import AuditStore
from rollback.document import Ended, from_json, to_json
from rollback.errors import Conflict, Frozen
from rollback.freeze import UNREADABLE, Freeze
from rollback.rollout import Phase, Rollout
from rollback.scripts import (
    DONE,
    FORGET,
    FREEZE,
    FROZEN,
    LEAD,
    LOAD,
    RENEW,
    RESIGN,
    RESTORE,
    SHRINK,
    UNFREEZE,
    WIDEN,
)
from routing.errors import MalformedState, StoreUnavailable
from routing.exposure import Generation
from routing.link import Argument, Link, Script
from routing.names import EndpointKeys, exposure_channel, leader_key
from routing.stored import generation_from_json, generation_to_json, grant_to_json
from shadow.store import KEEP_SECONDS

WRITE_SECONDS: Final = 2.0
"""How long a transition may take: a synced write on a busy disk, with room; well below any lease."""

GIVE_BACK_SECONDS: Final = 0.1
"""For giving a connection back to its pool; nothing is sent for that."""

AUDIT_LENGTH: Final = 3_000
"""About how many audit entries an endpoint keeps: 500 rollouts of six stages, some 30 MB."""

MOST_ROLLOUTS: Final = 200
"""Documents of an endpoint's rollouts that are kept, the latest ones: 8 KB each."""

VOTERS_SECONDS: Final = 60
"""How long it is known who has voted in an epoch that is over. Nothing is decided on it any more, so a vote that a
worker brings later, and that counts twice, does no harm."""

SUPERSEDED_SECONDS: Final = 3_600
"""How long counters of an endpoint's earlier rollouts stay; what was decided on them is in the audit."""

_Arguments: TypeAlias = Sequence[Argument]

_freezes = msgspec.json.Decoder(Freeze)


@dataclass(frozen=True, slots=True)
class Loaded:
    """An endpoint as Redis has it: its latest rollout and generation, and the server's time in Unix seconds.

    `freeze` None: not frozen.
    """

    rollout: Rollout | None
    generation: Generation | None
    now: float
    freeze: Freeze | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """What to commit: `after` in the place of the document whose revision is `before_revision` (0: none).

    `shrinks` says that it only takes exposure away, `widens` that the candidate gains by it, which a freeze forbids.
    `generation` is a new stable model, at a promotion. `over` are epochs in which nobody votes any more, `superseded`
    those of an earlier rollout of the endpoint.
    """

    before_revision: int
    after: Rollout
    entry: AuditEntry
    lease_ms: int
    shrinks: bool = False
    widens: bool = False
    generation: Generation | None = None
    over: Sequence[int] = ()
    superseded: Sequence[int] = ()


class RolloutStore:
    """The rollouts of all endpoints in one Redis. Every call ends within its deadline, or is `StoreUnavailable`.

    `replicas`: how many replicas must have a transition before it counts as durable; 0 where the server itself syncs
    every write.
    """

    def __init__(self, link: Link, prefix: str, *, replicas: int = 0, timeout_seconds: float = WRITE_SECONDS) -> None:
        self._link = link
        self._prefix = prefix
        self._replicas = replicas
        self._timeout = timeout_seconds
        self._audit = AuditStore(link, prefix, timeout_seconds)

    def _keys(self, endpoint: str) -> EndpointKeys:
        return EndpointKeys(self._prefix, endpoint)

    async def load(self, endpoint: str) -> Loaded:
        """The endpoint's present state; raises `MalformedState` where it cannot be read."""
        keys = self._keys(endpoint)
        document, stable, time, freeze = await self._ask(LOAD, [keys.rollout, keys.stable, keys.freeze], ())
        return Loaded(
            rollout=from_json(document) if document is not None else None,
            generation=generation_from_json(stable) if stable is not None else None,
            now=_instant(time),
            freeze=_freeze(freeze) if freeze is not None else None,
        )

    async def commit(self, change: Transition) -> int:
        """Make the transition; raises `Conflict` if another came first, `Frozen` where it may not widen.

        Returns how many replicas have it.
        """
        endpoint, grant = change.after.endpoint, change.after.grant()
        keys = self._keys(endpoint)
        ending = {keys.votes(epoch): VOTERS_SECONDS for epoch in change.over}
        ending |= {keys.cells(epoch): SUPERSEDED_SECONDS for epoch in change.superseded}
        happened, numbers = audit.to_fields(change.entry)
        arguments: _Arguments = [
            change.before_revision,
            to_json(change.after),
            change.after.id,
            grant_to_json(grant) if grant is not None else b"",
            change.lease_ms,
            generation_to_json(change.generation) if change.generation is not None else b"",
            happened,
            AUDIT_LENGTH,
            exposure_channel(self._prefix),
            endpoint,
            int(change.widens),
            numbers,
            *ending.values(),
        ]
        replicas = await self._write(endpoint, change.before_revision, arguments, ending, shrinks=change.shrinks)
        if change.entry.phase_from is Phase.IDLE:
            await self._forget_oldest(keys)
        return replicas

    async def _forget_oldest(self, keys: EndpointKeys) -> None:
        """Keep no more documents than may be. It is a new rollout's, so it comes seldom, and may as well fail."""
        with suppress(StoreUnavailable):
            known: Any = await self._link.run(keys.rollouts, self._timeout, lambda redis: redis.hkeys(keys.rollouts))
            if len(known) <= MOST_ROLLOUTS:
                return
            stored: Any = await self._link.run(keys.rollouts, self._timeout, lambda redis: redis.hgetall(keys.rollouts))
            oldest = sorted(stored, key=lambda name: _started_at(stored[name]))[:-MOST_ROLLOUTS]
            await self._ask(FORGET, [keys.rollouts], oldest)

    async def end(self, endpoint: str, ended: Ended) -> int:
        """Roll back a rollout of a version that is not understood. Raises and returns what `commit` does."""
        arguments: _Arguments = [
            ended.before_revision,
            ended.document,
            ended.rollout,
            b"",
            0,
            b"",
            audit.to_fields(ended.entry)[0],
            AUDIT_LENGTH,
            exposure_channel(self._prefix),
            endpoint,
            0,
            b"",
        ]
        return await self._write(endpoint, ended.before_revision, arguments, shrinks=True)

    async def _write(
        self,
        endpoint: str,
        before_revision: int,
        arguments: _Arguments,
        ending: Iterable[str] = (),
        *,
        shrinks: bool,
    ) -> int:
        """Run the script; `ending` are keys that get an end, whose seconds are the last arguments."""
        keys = self._keys(endpoint)
        names = [keys.rollout, keys.rollouts, keys.grant, keys.stable, keys.audit, keys.freeze, *ending]

        async def write(redis: "Redis") -> tuple[int, int]:
            connection = redis.client()  # WAIT counts the writes of its own connection
            try:
                outcome = int(await (SHRINK if shrinks else WIDEN).on(connection, names, arguments))
                if outcome != DONE or not self._replicas:
                    return outcome, 0
                wait_ms = int(self._timeout * 500)
                return outcome, int(await connection.wait(self._replicas, wait_ms))
            finally:
                with anyio.move_on_after(GIVE_BACK_SECONDS, shield=True):  # its own way out leaves it when it is cut
                    await connection.aclose()

        outcome, replicas = await self._link.run(names[0], self._timeout, write, insist=shrinks)
        if outcome == FROZEN:
            freeze = (await self.load(endpoint)).freeze
            raise Frozen(freeze.sentence(endpoint) if freeze else "frozen until now: try again")
        _check_fence(outcome, endpoint, before_revision)
        return replicas

    async def document(self, endpoint: str) -> tuple[bytes | None, float]:
        """The endpoint's rollout document as it stands there, of whatever version, and the server's time."""
        keys = self._keys(endpoint)
        asked = await self._ask(LOAD, [keys.rollout, keys.stable, keys.freeze], ())
        return asked[0], _instant(asked[2])

    @property
    def replicas(self) -> int:
        """How many replicas a durable transition needs."""
        return self._replicas

    async def renew(self, rollout: Rollout, lease_ms: int, *, rewrite: bool = False) -> None:
        """Renew the rollout's lease if its revision still stands (`Conflict` otherwise), and the end of its counters.

        `rewrite` also replaces the document, for what changes without a transition: holding, reason, peaks.
        """
        keys = self._keys(rollout.endpoint)
        grant = rollout.grant()
        arguments: _Arguments = [
            rollout.revision,
            rollout.id,
            grant_to_json(grant) if grant is not None else b"",
            lease_ms,
            to_json(rollout) if rewrite else b"",
            KEEP_SECONDS,
        ]
        names = [keys.rollout, keys.rollouts, keys.grant, keys.cells(rollout.epoch), keys.votes(rollout.epoch)]
        names += [keys.counts(rollout.id)]
        names += [keys.cells(rollout.judged_epoch)] if rollout.judged_epoch else []
        outcome = await self._ask(RENEW, names, arguments)
        _check_fence(int(outcome), rollout.endpoint, rollout.revision)

    async def freeze(self, endpoint: str, freeze: Freeze, entry: AuditEntry) -> None:
        """Let nothing widen there until the freeze ends; in the place of an earlier freeze."""
        keys = self._keys(endpoint)
        until_ms: int | str = "" if freeze.until_at is None else int(freeze.until_at * 1000)
        arguments: _Arguments = [msgspec.json.encode(freeze), until_ms, audit.to_fields(entry)[0], AUDIT_LENGTH]
        names = [keys.freeze, keys.audit]
        await self._ask(FREEZE, names, arguments)

    async def unfreeze(self, endpoint: str, entry: AuditEntry) -> bool:
        """End a freeze; False where there was none."""
        keys = self._keys(endpoint)
        arguments: _Arguments = [audit.to_fields(entry)[0], AUDIT_LENGTH]
        names = [keys.freeze, keys.audit]
        return bool(await self._ask(UNFREEZE, names, arguments))

    async def withdraw(self, endpoint: str) -> None:
        """Delete the lease, whatever the document says: for a rollback of a document that cannot be read."""
        keys = self._keys(endpoint)

        async def write(redis: "Redis") -> None:
            await redis.delete(keys.grant)
            await redis.publish(exposure_channel(self._prefix), endpoint)

        await self._link.run(keys.grant, self._timeout, write, insist=True)

    async def restore(self, endpoint: str, generation: Generation) -> None:
        """Put a generation back that Redis has lost; changes nothing where Redis knows it, or a later one."""
        arguments: _Arguments = [
            generation.number,
            generation_to_json(generation),
            exposure_channel(self._prefix),
            endpoint,
        ]
        names = [self._keys(endpoint).stable]
        await self._ask(RESTORE, names, arguments)

    async def lead(self, holder: str, lease_ms: int) -> bool:
        """Become or stay the leader for `lease_ms`. False: another leads."""
        names = [leader_key(self._prefix)]
        return bool(await self._ask(LEAD, names, [holder, lease_ms]))

    async def resign(self, holder: str) -> None:
        """Let another lead at once."""
        names = [leader_key(self._prefix)]
        await self._ask(RESIGN, names, [holder])

    async def evidence(self, rollout: Rollout) -> tuple[dict[str, int], dict[str, int]]:
        """The rollout's evidence cells, and its request counts."""
        keys = self._keys(rollout.endpoint)

        async def ask(redis: "Redis") -> list[Any]:
            async with redis.pipeline(transaction=False) as pipeline:
                pipeline.hgetall(keys.cells(rollout.epoch))
                pipeline.hgetall(keys.counts(rollout.id))
                return await pipeline.execute()

        cells, counts = await self._link.run(keys.rollout, self._timeout, ask)
        return _integers(cells), _integers(counts)

    async def counts(self, rollout: Rollout) -> dict[str, int]:
        """The rollout's request counts: `stable`, `candidate`, `fallback` and others."""
        return (await self.evidence(rollout))[1]

    async def generations(self, endpoint: str) -> tuple[Generation, ...]:
        """All generations kept, oldest first; those that cannot be read are left out."""
        name = self._keys(endpoint).stable
        stored: Any = await self._link.run(name, self._timeout, lambda redis: redis.lrange(name, 0, -1))
        known = [generation_from_json(item) for item in stored]
        return tuple(generation for generation in known if generation is not None)

    async def entries(self, endpoint: str, limit: int, *, whole: bool = True) -> tuple[AuditEntry, ...]:
        """The last `limit` audit entries, newest first; without the numbers where not `whole`."""
        return await self._audit.latest(endpoint, limit, whole=whole)

    async def entries_of(self, endpoint: str, rollout: str) -> tuple[AuditEntry, ...]:
        """A rollout's audit entries, newest first."""
        return await self._audit.of_rollout(endpoint, rollout)

    async def entry(self, endpoint: str, entry_id: str) -> AuditEntry | None:
        """One audit entry; None where it is not kept, or never was."""
        return await self._audit.one(endpoint, entry_id)

    async def find(self, endpoints: Iterable[str], rollout_id: str) -> Rollout | None:
        """The rollout of that id on any of `endpoints`, ended ones too."""
        for endpoint in endpoints:
            document: Any = await self._field(self._keys(endpoint).rollouts, rollout_id)
            if document is not None:
                return from_json(document)
        return None

    async def _field(self, name: str, field: str) -> Any:  # Any: bytes, or None
        return await self._link.run(name, self._timeout, lambda redis: redis.hget(name, field))

    async def _ask(self, asked: Script, names: Sequence[str], arguments: _Arguments) -> Any:  # Any: as the script says
        return await self._link.run(names[0], self._timeout, lambda redis: asked.on(redis, names, arguments))


def _check_fence(outcome: int, endpoint: str, expected: int) -> None:
    if outcome != DONE:
        found = "a document that cannot be read" if outcome == -1 else f"revision {outcome}"
        raise Conflict(f"{endpoint}: decided on revision {expected}, but Redis has {found}")


def _instant(time: Sequence[bytes]) -> float:
    """What TIME says, in Unix seconds."""
    return int(time[0]) + int(time[1]) / 1e6


def _integers(stored: Mapping[bytes, bytes]) -> dict[str, int]:
    return {name.decode(): int(value) for name, value in stored.items()}


def _freeze(stored: bytes) -> Freeze:
    """The freeze as stored; one that cannot be read holds as well."""
    try:
        return _freezes.decode(stored)
    except msgspec.MsgspecError:
        return Freeze(by=UNREADABLE, reason="", since_at=0.0)


def _started_at(document: bytes) -> float:
    """When a rollout began; what cannot be read is older than all."""
    try:
        return from_json(document).started_at
    except MalformedState:
        return 0.0
