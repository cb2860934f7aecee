"""Request counts of running rollouts, on their way to Redis.

Counted in memory, flushed in the background, each batch exactly once: a batch keeps its id and its content until Redis
has confirmed it, since a flush that timed out may have been applied. Meanwhile new counts gather in the next one. So
memory is bounded by the number of rollouts, however long Redis is away. Nearly all requests add to the same few
counters at once, so what is kept is how often each set of them was added to; a flush tells them apart.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final, Protocol
from uuid import uuid4

import anyio

from gateway.data.draft import Draft
from routing.arms import CANDIDATE, STABLE
from routing.errors import StoreUnavailable
from shadow.exchange import Outcome

FLUSH_SECONDS: Final = 0.5
_COMPLETED: Final = Outcome.COMPLETED
MOST_ROLLOUTS: Final = 256
"""Rollouts with unflushed counts. Above it the oldest are dropped: it would mean days without Redis."""


class CountStore(Protocol):
    """Where counts go; `routing.store.ExposureStore` is one."""

    async def add_counts(self, endpoint: str, rollout_id: str, batch_id: str, counts: Mapping[str, int]) -> None:
        """Add the counts once per batch id; raises `StoreUnavailable`."""


class Counts:
    """Counts by endpoint and rollout."""

    def __init__(self) -> None:
        self._gathering: dict[tuple[str, str], dict[tuple[str, ...], int]] = {}
        self._flushing: dict[tuple[str, str], tuple[str, Counter[str]]] = {}

    def add(self, endpoint: str, rollout: str, names: tuple[str, ...]) -> None:
        """Count each of `names` once more."""
        key = (endpoint, rollout)
        added = self._gathering.get(key)
        if added is None:
            if len(self._gathering) >= MOST_ROLLOUTS:
                self._gathering.pop(next(iter(self._gathering)))
            added = self._gathering[key] = {}
        added[names] = added.get(names, 0) + 1

    def waiting(self, endpoint: str, rollout: str) -> Mapping[str, int]:
        """What was counted and is not known to be in Redis."""
        key = (endpoint, rollout)
        _, flushing = self._flushing.get(key, ("", Counter[str]()))
        return _apart(self._gathering.get(key, {})) + flushing

    async def flush(self, store: CountStore) -> None:
        """Send what there is; what Redis does not confirm is kept for the next time."""
        for key, added in list(self._gathering.items()):
            if key not in self._flushing:
                self._flushing[key] = (uuid4().hex, _apart(added))
                del self._gathering[key]
        for (endpoint, rollout), (batch_id, counter) in list(self._flushing.items()):
            try:
                await store.add_counts(endpoint, rollout, batch_id, counter)
            except StoreUnavailable:
                return
            del self._flushing[(endpoint, rollout)]

    async def run(self, store: CountStore) -> None:
        """Flush for ever."""
        while True:
            await anyio.sleep(FLUSH_SECONDS)
            await self.flush(store)


def _apart(added: Mapping[tuple[str, ...], int]) -> Counter[str]:
    """The counters, of how often each set of them was added to."""
    counter = Counter[str]()
    for names, times in added.items():
        for name in names:
            counter[name] += times
    return counter


def counted(draft: Draft) -> tuple[str, ...]:
    """The counters that a finished request adds to, by the arm that was assigned and the arm that answered.

    What comes after a promotion is counted apart, or the rollout's own numbers would go on growing.
    """
    assignment = draft.assignment
    kept = assignment.grant is not None and assignment.grant.kept
    if draft.outcome is _COMPLETED and assignment.is_drawn and not (draft.fallback or kept):
        return _ON_STABLE if assignment.arm is STABLE else _ON_CANDIDATE
    names = [f"assigned.{assignment.arm}"]
    if not assignment.is_drawn:
        names.append(f"undrawn.{assignment.by}")
    if draft.outcome is Outcome.CANCELLED:
        names.append("cancelled")
    elif draft.relayed:
        names.append(str(draft.answered))
    if draft.fallback:
        names.append("fallback")
    if draft.failure and assignment.arm is CANDIDATE and draft.outcome is not Outcome.CANCELLED:
        names.append("hard_failure.candidate")  # stable has shown that it is not the request's own fault
    if draft.stable_failed:
        names.append("hard_failure.stable")
    return tuple(f"kept.{name}" for name in names) if kept else tuple(names)


def dropped(draft: Draft) -> tuple[str, ...]:
    """The counters of an exchange that the hand-over dropped: in all, and of its arm at the weight that drew it.

    How many drops an arm should have is known for each weight only, and for those that were drawn.
    """
    grant = draft.assignment.grant
    if grant is None or grant.kept or not draft.assignment.is_drawn:
        return ("handover_dropped",)
    return ("handover_dropped", f"handover_dropped.{grant.weight_bps}.{draft.assignment.arm}")


_ON_STABLE: Final = ("assigned.stable", "stable")
_ON_CANDIDATE: Final = ("assigned.candidate", "candidate")
"""What nearly all requests add to."""
