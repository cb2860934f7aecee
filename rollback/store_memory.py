"""The in-memory twin of `store`: the same verbs, the same fences, one process, no waiting.

For tests of what stands on the store. `available` False makes every call fail as a lost Redis does. `now` is the
server's time; nothing here reads a clock.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from rollback.audit import AuditEntry
from rollback.document import from_json, to_json
from rollback.errors import Conflict, Frozen
from rollback.freeze import Freeze
from rollback.rollout import Rollout
from rollback.store import Loaded, Transition
from routing.errors import StoreUnavailable
from routing.exposure import Generation, Grant, Observation


@dataclass(slots=True)
class _Endpoint:
    document: bytes | None = None
    grant: Grant | None = None
    grant_ends_at: float = 0.0
    generations: list[Generation] = field(default_factory=list)
    rollouts: dict[str, bytes] = field(default_factory=dict)
    entries: list[AuditEntry] = field(default_factory=list)
    freeze: Freeze | None = None


class MemoryRolloutStore:
    """What `RolloutStore` does, kept in this object."""

    replicas = 0

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._endpoints: defaultdict[str, _Endpoint] = defaultdict(_Endpoint)
        self._leader = ("", 0.0)
        self.available = True
        self.cells: defaultdict[tuple[str, int], dict[str, int]] = defaultdict(dict)
        self.counted: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def _of(self, endpoint: str) -> _Endpoint:
        if not self.available:
            raise StoreUnavailable("Redis: switched off in a test")
        return self._endpoints[endpoint]

    def _fenced(self, endpoint: str, revision: int) -> _Endpoint:
        kept = self._of(endpoint)
        found = from_json(kept.document).revision if kept.document else 0
        if found != revision:
            raise Conflict(f"{endpoint}: decided on revision {revision}, but Redis has revision {found}")
        return kept

    def flush(self) -> None:
        """Forget everything, as FLUSHALL does."""
        self._endpoints.clear()
        self.cells.clear()
        self.counted.clear()
        self._leader = ("", 0.0)

    def put(self, rollout: Rollout) -> None:
        """Set the document without a fence, as a failover to an older replica does."""
        self._endpoints[rollout.endpoint].document = to_json(rollout)

    def put_document(self, endpoint: str, document: bytes) -> None:
        """Set the document's bytes, as a gateway of another version does."""
        self._endpoints[endpoint].document = document

    async def load(self, endpoint: str) -> Loaded:
        """See `RolloutStore.load`."""
        kept = self._of(endpoint)
        return Loaded(
            rollout=from_json(kept.document) if kept.document is not None else None,
            generation=kept.generations[-1] if kept.generations else None,
            now=self._now(),
            freeze=self._freeze_of(kept),
        )

    async def commit(self, change: Transition) -> int:
        """See `RolloutStore.commit`."""
        kept = self._fenced(change.after.endpoint, change.before_revision)
        freeze = self._freeze_of(kept)
        if change.widens and freeze is not None:
            raise Frozen(freeze.sentence(change.after.endpoint))
        kept.document = kept.rollouts[change.after.id] = to_json(change.after)
        kept.grant, kept.grant_ends_at = change.after.grant(), self._now() + change.lease_ms / 1000
        if change.generation is not None:
            kept.generations.append(change.generation)
        kept.entries.append(replace(change.entry, id=f"{len(kept.entries) + 1}-0"))
        return 0

    async def renew(self, rollout: Rollout, lease_ms: int, *, rewrite: bool = False) -> None:
        """See `RolloutStore.renew`."""
        kept = self._fenced(rollout.endpoint, rollout.revision)
        if rewrite:
            kept.document = kept.rollouts[rollout.id] = to_json(rollout)
        if rollout.grant() is not None:
            kept.grant, kept.grant_ends_at = rollout.grant(), self._now() + lease_ms / 1000

    def _freeze_of(self, kept: _Endpoint) -> Freeze | None:
        freeze = kept.freeze
        ended = freeze is not None and freeze.until_at is not None and self._now() >= freeze.until_at
        return None if ended else freeze

    async def freeze(self, endpoint: str, freeze: Freeze, entry: AuditEntry) -> None:
        """See `RolloutStore.freeze`."""
        kept = self._of(endpoint)
        kept.freeze = freeze
        kept.entries.append(replace(entry, id=f"{len(kept.entries) + 1}-0"))

    async def unfreeze(self, endpoint: str, entry: AuditEntry) -> bool:
        """See `RolloutStore.unfreeze`."""
        kept = self._of(endpoint)
        if self._freeze_of(kept) is None:
            return False
        kept.freeze = None
        kept.entries.append(replace(entry, id=f"{len(kept.entries) + 1}-0"))
        return True

    async def withdraw(self, endpoint: str) -> None:
        """See `RolloutStore.withdraw`."""
        self._of(endpoint).grant = None

    async def restore(self, endpoint: str, generation: Generation) -> None:
        """See `RolloutStore.restore`."""
        kept = self._of(endpoint).generations
        if not kept or kept[-1].number < generation.number:
            kept.append(generation)

    async def lead(self, holder: str, lease_ms: int) -> bool:
        """See `RolloutStore.lead`."""
        self._of("")
        leader, ends_at = self._leader
        if leader not in ("", holder) and self._now() < ends_at:
            return False
        self._leader = (holder, self._now() + lease_ms / 1000)
        return True

    async def resign(self, holder: str) -> None:
        """See `RolloutStore.resign`."""
        if self._leader[0] == holder:
            self._leader = ("", 0.0)

    async def evidence(self, rollout: Rollout) -> tuple[dict[str, int], dict[str, int]]:
        """See `RolloutStore.evidence`."""
        self._of(rollout.endpoint)
        return dict(self.cells[rollout.endpoint, rollout.epoch]), dict(self.counted[rollout.id])

    async def counts(self, rollout: Rollout) -> dict[str, int]:
        """See `RolloutStore.counts`."""
        return (await self.evidence(rollout))[1]

    async def generations(self, endpoint: str) -> tuple[Generation, ...]:
        """See `RolloutStore.generations`."""
        return tuple(self._of(endpoint).generations)

    async def entries(self, endpoint: str, limit: int, *, whole: bool = True) -> tuple[AuditEntry, ...]:
        """See `RolloutStore.entries`."""
        found = tuple(reversed(self._of(endpoint).entries))[:limit]
        return found if whole else tuple(replace(entry, signals=(), cells={}, basis=None) for entry in found)

    async def entries_of(self, endpoint: str, rollout: str) -> tuple[AuditEntry, ...]:
        """See `RolloutStore.entries_of`."""
        return tuple(entry for entry in reversed(self._of(endpoint).entries) if entry.rollout == rollout)

    async def entry(self, endpoint: str, entry_id: str) -> AuditEntry | None:
        """See `RolloutStore.entry`."""
        return next((entry for entry in self._of(endpoint).entries if entry.id == entry_id), None)

    async def find(self, endpoints: Iterable[str], rollout_id: str) -> Rollout | None:
        """See `RolloutStore.find`."""
        for endpoint in endpoints:
            document = self._of(endpoint).rollouts.get(rollout_id)
            if document is not None:
                return from_json(document)
        return None

    async def observe(self, endpoint: str, clock: Callable[[], float]) -> Observation:
        """What `ExposureStore.observe` would see."""
        kept = self._of(endpoint)
        live = kept.grant if self._now() < kept.grant_ends_at else None
        return Observation(
            generation=kept.generations[-1] if kept.generations else None,
            grant=live,
            expires_at=clock() + kept.grant_ends_at - self._now() if live else clock(),
            revision=from_json(kept.document).revision if kept.document else 0,
        )
