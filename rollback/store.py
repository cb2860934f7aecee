"""A rollout's state in Redis: every transition is one script, fenced by the revision it was decided on.

The script compares, then writes document, lease, generation and audit entry, and publishes; so either all of a
transition is there or none of it. What takes exposure away runs under `allow-oom`, so that a full Redis cannot keep a
rollback from happening; what gives exposure does not, so that there exposure ends.

Not here: what to decide (`decision`), and what this gateway does before Redis knows (`controller.Local`).
The in-memory twin is `store_memory`; both pass the same tests.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import msgspec
from redis.asyncio import Redis

from rollback import audit
from rollback.audit import AuditEntry
from rollback.document import Ended, from_json, to_json
from rollback.errors import Conflict, Frozen
from rollback.freeze import UNREADABLE, Freeze
from rollback.rollout import Rollout
from routing.errors import MalformedState
from routing.exposure import Generation
from routing.keys import EndpointKeys, exposure_channel, leader_key
from routing.link import Argument, Link, Script, script
from routing.stored import generation_from_json, generation_to_json, grant_to_json

WRITE_SECONDS: Final = 2.0
"""How long a transition may take: a synced write on a busy disk, with room; well below any lease."""

AUDIT_LENGTH: Final = 10_000
"""About how many audit entries an endpoint keeps."""

_READ_REVISION: Final = """
local document = redis.call('GET', KEYS[1])
local revision = 0
if document then
  local ok, decoded = pcall(cjson.decode, document)
  revision = ok and type(decoded) == 'table' and tonumber(decoded['revision']) or -1
end
if revision ~= tonumber(ARGV[1]) then return revision end
"""

_COMMIT: Final = (
    _READ_REVISION
    + """
if ARGV[11] == '1' and redis.call('EXISTS', KEYS[6]) == 1 then return -3 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[2])
if ARGV[4] == '' then redis.call('DEL', KEYS[3]) else redis.call('SET', KEYS[3], ARGV[4], 'PX', ARGV[5]) end
if ARGV[6] ~= '' then redis.call('RPUSH', KEYS[4], ARGV[6]) end
redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[8], '*', 'entry', ARGV[7])
redis.call('PUBLISH', ARGV[9], ARGV[10])
return -2
"""
)
_SHRINK: Final = script("#!lua flags=allow-oom" + _COMMIT)
_WIDEN: Final = script("#!lua" + _COMMIT)

_RENEW: Final = script(
    "#!lua"
    + _READ_REVISION
    + """
if ARGV[5] ~= '' then
  redis.call('SET', KEYS[1], ARGV[5])
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[5])
end
if ARGV[3] ~= '' then redis.call('SET', KEYS[3], ARGV[3], 'PX', ARGV[4]) end
return -2
"""
)

_LEAD: Final = script("""#!lua flags=allow-oom
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
""")

_RESIGN: Final = script("""#!lua flags=allow-oom
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
""")

_RESTORE: Final = script("""#!lua
local last = redis.call('LINDEX', KEYS[1], -1)
if last then
  local ok, decoded = pcall(cjson.decode, last)
  if ok and tonumber(decoded['number']) >= tonumber(ARGV[1]) then return 0 end
end
redis.call('RPUSH', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
""")

_LOAD: Final = script("""#!lua flags=no-writes
return { redis.call('GET', KEYS[1]), redis.call('LINDEX', KEYS[2], -1), redis.call('TIME'), redis.call('GET', KEYS[3]) }
""")

_FREEZE: Final = script("""#!lua flags=allow-oom
redis.call('SET', KEYS[1], ARGV[1])
if ARGV[2] ~= '' then redis.call('PEXPIREAT', KEYS[1], ARGV[2]) end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'entry', ARGV[3])
return 1
""")

_UNFREEZE: Final = script("""#!lua flags=allow-oom
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], '*', 'entry', ARGV[1])
return 1
""")

_DONE: Final = -2
_FROZEN: Final = -3

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
    `generation` is a new stable model, at a promotion.
    """

    before_revision: int
    after: Rollout
    entry: AuditEntry
    lease_ms: int
    shrinks: bool = False
    widens: bool = False
    generation: Generation | None = None


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

    def _keys(self, endpoint: str) -> EndpointKeys:
        return EndpointKeys(self._prefix, endpoint)

    async def load(self, endpoint: str) -> Loaded:
        """The endpoint's present state; raises `MalformedState` where it cannot be read."""
        keys = self._keys(endpoint)
        document, stable, time, freeze = await self._ask(_LOAD, [keys.rollout, keys.stable, keys.freeze], ())
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
        arguments: _Arguments = [
            change.before_revision,
            to_json(change.after),
            change.after.id,
            grant_to_json(grant) if grant is not None else b"",
            change.lease_ms,
            generation_to_json(change.generation) if change.generation is not None else b"",
            audit.to_json(change.entry),
            AUDIT_LENGTH,
            exposure_channel(self._prefix),
            endpoint,
            int(change.widens),
        ]
        return await self._write(endpoint, change.before_revision, arguments, shrinks=change.shrinks)

    async def end(self, endpoint: str, ended: Ended) -> int:
        """Roll back a rollout of a version that is not understood. Raises and returns what `commit` does."""
        arguments: _Arguments = [
            ended.before_revision,
            ended.document,
            ended.rollout,
            b"",
            0,
            b"",
            audit.to_json(ended.entry),
            AUDIT_LENGTH,
            exposure_channel(self._prefix),
            endpoint,
            0,
        ]
        return await self._write(endpoint, ended.before_revision, arguments, shrinks=True)

    async def _write(self, endpoint: str, before_revision: int, arguments: _Arguments, *, shrinks: bool) -> int:
        keys = self._keys(endpoint)
        names = [keys.rollout, keys.rollouts, keys.grant, keys.stable, keys.audit, keys.freeze]

        async def write(redis: "Redis") -> tuple[int, int]:
            async with redis.client() as connection:  # WAIT counts the writes of its own connection
                outcome = int(await (_SHRINK if shrinks else _WIDEN).on(connection, names, arguments))
                if outcome != _DONE or not self._replicas:
                    return outcome, 0
                wait_ms = int(self._timeout * 500)
                return outcome, int(await connection.wait(self._replicas, wait_ms))

        outcome, replicas = await self._link.run(names[0], self._timeout, write, insist=shrinks)
        if outcome == _FROZEN:
            freeze = (await self.load(endpoint)).freeze
            raise Frozen(freeze.sentence(endpoint) if freeze else "frozen until now: try again")
        _check_fence(outcome, endpoint, before_revision)
        return replicas

    async def document(self, endpoint: str) -> tuple[bytes | None, float]:
        """The endpoint's rollout document as it stands there, of whatever version, and the server's time."""
        keys = self._keys(endpoint)
        asked = await self._ask(_LOAD, [keys.rollout, keys.stable, keys.freeze], ())
        return asked[0], _instant(asked[2])

    @property
    def replicas(self) -> int:
        """How many replicas a durable transition needs."""
        return self._replicas

    async def renew(self, rollout: Rollout, lease_ms: int, *, rewrite: bool = False) -> None:
        """Renew the rollout's lease if its revision still stands (`Conflict` otherwise).

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
        ]
        names = [keys.rollout, keys.rollouts, keys.grant]
        outcome = await self._ask(_RENEW, names, arguments)
        _check_fence(int(outcome), rollout.endpoint, rollout.revision)

    async def freeze(self, endpoint: str, freeze: Freeze, entry: AuditEntry) -> None:
        """Let nothing widen there until the freeze ends; in the place of an earlier freeze."""
        keys = self._keys(endpoint)
        until_ms: int | str = "" if freeze.until_at is None else int(freeze.until_at * 1000)
        arguments: _Arguments = [msgspec.json.encode(freeze), until_ms, audit.to_json(entry), AUDIT_LENGTH]
        names = [keys.freeze, keys.audit]
        await self._ask(_FREEZE, names, arguments)

    async def unfreeze(self, endpoint: str, entry: AuditEntry) -> bool:
        """End a freeze; False where there was none."""
        keys = self._keys(endpoint)
        arguments: _Arguments = [audit.to_json(entry), AUDIT_LENGTH]
        names = [keys.freeze, keys.audit]
        return bool(await self._ask(_UNFREEZE, names, arguments))

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
        await self._ask(_RESTORE, names, arguments)

    async def lead(self, holder: str, lease_ms: int) -> bool:
        """Become or stay the leader for `lease_ms`. False: another leads."""
        names = [leader_key(self._prefix)]
        return bool(await self._ask(_LEAD, names, [holder, lease_ms]))

    async def resign(self, holder: str) -> None:
        """Let another lead at once."""
        names = [leader_key(self._prefix)]
        await self._ask(_RESIGN, names, [holder])

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

    async def entries(self, endpoint: str, limit: int) -> tuple[AuditEntry, ...]:
        """The last `limit` audit entries, newest first; those that cannot be read are left out."""
        name = self._keys(endpoint).audit
        stored: Any = await self._link.run(name, self._timeout, lambda redis: redis.xrevrange(name, count=limit))
        read = [_entry(bytes(stream_id).decode(), fields) for stream_id, fields in stored]
        return tuple(entry for entry in read if entry is not None)

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
    if outcome != _DONE:
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


def _entry(stream_id: str, fields: Mapping[bytes, bytes]) -> AuditEntry | None:
    try:
        return replace(audit.from_json(fields.get(b"entry", b"")), id=stream_id)
    except MalformedState:
        return None
