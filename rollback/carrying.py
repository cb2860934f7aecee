"""Carrying a transition out, in the one order that can be interrupted anywhere.

What ends a rollout badly is made true at home first: workers at weight 0, journal synced, and then Redis. What gives
exposure is made true in Redis first, so that no worker ever knows more than Redis does. Then everyone is told.

Not here: what the transition is (`decision`, `commands`), and the means at home, which the gateway brings as `Local`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rollback import audit
from rollback.audit import AuditEntry, Basis
from rollback.journal import JournalState
from rollback.rollout import Phase, Rollout
from rollback.store import Transition
from rollback.triggers import Trigger
from rollback.verdict import SignalReport
from routing.exposure import Generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Latched:
    """How far a rollback got at home: told to the workers as message `seq`, and in the journal.

    `journal_failure` is empty where the journal is synced.
    """

    seq: int
    journal_failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A transition that Redis has. `granted_at` is the monotonic clock before Redis was asked: leases count from it.

    `replicas` is how many replicas have it; `trigger` says what led to it, such as `guardrail` or `operator`.
    """

    before: Rollout | None
    after: Rollout
    entry: AuditEntry
    generation: Generation | None
    granted_at: float
    lease_ms: int
    replicas: int
    trigger: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """Who wants a transition, and the numbers that it is wanted for."""

    actor: str
    action: str
    now: float
    trigger: str = Trigger.OPERATOR
    signals: tuple[SignalReport, ...] = ()
    cells: Mapping[str, int] = field(default_factory=dict)
    basis: Basis | None = None


class Local(Protocol):
    """What this gateway can do without Redis."""

    @property
    def journal(self) -> JournalState:
        """What this gateway remembers."""

    async def latch(self, rollout: Rollout, revision: int, reason: str, actor: str) -> Latched:
        """Workers of this gateway to weight 0 for this rollout, for good, and the journal synced. Never raises."""

    async def seen(self, endpoint: str, rollout: Rollout | None, generation: Generation | None) -> None:
        """Remember what Redis says of an endpoint; may raise `JournalFailed`."""

    async def applied(self, change: Change) -> None:
        """A transition is in Redis: tell the workers and whoever listens, and remember it. Never raises."""

    def held(self, rollout: Rollout, reports: Sequence[SignalReport]) -> None:
        """The reason for holding has changed, without a transition; `reports` are the numbers of that moment."""


class Commits(Protocol):
    """The store's one verb that is needed here."""

    async def commit(self, change: Transition) -> int:
        """Make the transition; raises `Conflict` or `StoreUnavailable`. Returns how many replicas have it."""


class Carrier:
    """Carries transitions out, for the controller and for operators alike."""

    def __init__(self, store: Commits, local: Local, clock: Callable[[], float]) -> None:
        """`clock` is monotonic, and the same for all processes of the machine."""
        self._store = store
        self._local = local
        self._clock = clock

    async def carry_out(
        self, before: Rollout | None, after: Rollout, because: Because, generation: Generation | None = None
    ) -> Change:
        """Make `after` true everywhere. Raises `Conflict`, `Frozen` or `StoreUnavailable`.

        A rollback is latched even then.
        """
        if after.phase is Phase.ROLLED_BACK:
            await self._local.latch(after, after.revision, after.reason, because.actor)
        return await self.commit(before, after, because, generation)

    async def commit(
        self, before: Rollout | None, after: Rollout, because: Because, generation: Generation | None = None
    ) -> Change:
        """The part of `carry_out` that needs Redis: commit, then tell."""
        entry = audit.entry_of(
            before,
            after,
            at=because.now,
            actor=because.actor,
            action=because.action,
            signals=because.signals,
            cells=because.cells,
            basis=because.basis,
        )
        lease_ms = int(after.plan.lease_seconds * 1000)
        granted_at = self._clock()
        replicas = await self._store.commit(
            Transition(
                before_revision=before.revision if before is not None else 0,
                after=after,
                entry=entry,
                lease_ms=lease_ms,
                shrinks=before is not None and _exposes(after) <= _exposes(before),
                widens=_widens(before, after),
                generation=generation,
                over=_over(before, after),
                superseded=_superseded(before, after),
            )
        )
        change = Change(
            before=before,
            after=after,
            entry=entry,
            generation=generation,
            granted_at=granted_at,
            lease_ms=lease_ms,
            replicas=replicas,
            trigger=because.trigger,
        )
        await self._local.applied(change)
        return change


def _exposes(rollout: Rollout) -> tuple[int, int]:
    """How far a rollout reaches: its weight (0 still mirrors, −1 not at all), and how many it includes beside."""
    if not rollout.is_running:
        return -1, 0
    return rollout.weight_bps, len(rollout.plan.stages[rollout.stage].include)


def _widens(before: Rollout | None, after: Rollout) -> bool:
    """Whether the candidate gains by it: more weight, mirrors where there were none, or a promotion."""
    if after.phase is Phase.PROMOTED:
        return True
    return _exposes(after) > (_exposes(before) if before is not None else (-1, 0))


def _over(before: Rollout | None, after: Rollout) -> list[int]:
    """The epochs in which nobody votes any more after this."""
    left = {before.epoch} - {after.epoch} if before is not None else set()
    votes_on = after.is_running or (after.phase is Phase.PROMOTED and after.kept_until is not None)
    return sorted(left if votes_on else left | {after.epoch})


def _superseded(before: Rollout | None, after: Rollout) -> list[int]:
    """The epochs of an earlier rollout: until the next one, the latest is shown, and plans are made from it."""
    return sorted({before.epoch, before.own_epoch}) if before is not None and before.id != after.id else []


def next_generation(
    current: Generation | None, rollout: Rollout, journal: JournalState, *, by: str, now: float
) -> Generation:
    """The generation that makes `rollout`'s candidate the endpoint's stable."""
    return generation_of(rollout.candidate, current, journal.generations.get(rollout.endpoint), by=by, now=now)


def generation_of(
    model: str, current: Generation | None, remembered: Generation | None, *, by: str, now: float
) -> Generation:
    """The next generation, with `model`. Number 0 is the configuration's and is never stored."""
    highest = max((known.number for known in (current, remembered) if known is not None), default=0)
    return Generation(number=highest + 1, model=model, since_at=now, by=by)
