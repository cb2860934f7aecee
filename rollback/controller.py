"""The loop: read the state and the evidence, decide, carry out, once a second.

It holds no state that matters: whatever it remembers between ticks can be lost with it. Leading is for economy; that
two controllers never both step is the revision's doing. When Redis does not answer, nothing is renewed, and exposure
ends by itself within one lease. A fault at one endpoint leaves the others alone, and is said once when it begins and
once when it ends.

Not here: what to decide (`decision`), and the order of carrying out (`carrying`).
"""

import logging
from collections.abc import Callable, Mapping
from math import inf
from typing import Final, Protocol

import anyio

from rollback import decision as judging
from rollback import phases
from rollback.audit import basis_of
from rollback.carrying import Because, Carrier, Local, generation_of, next_generation
from rollback.decision import Decision, DecisionKind, Facts
from rollback.errors import Conflict, Frozen, JournalFailed
from rollback.recall import BY_JOURNAL, lost_generation, recalled
from rollback.refusals import refusal_changes
from rollback.rollout import Phase, Rollout
from rollback.store import Loaded, Transition
from rollback.triggers import Trigger
from rollback.watching import Watched
from routing.errors import MalformedState, NewerState, StoreUnavailable
from routing.exposure import Generation

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 1.0
LEADER_TICKS: Final = 5
"""A leader that misses five ticks has lost the lead: less than a grant's usual lease of ten seconds."""

LISTENING_TICKS: Final = 2
"""How long a leader exposes nobody anew once Redis has answered again. Another gateway may have rolled back meanwhile,
and Redis may have come back with older data: each gateway's journal has its say within a tick of seeing Redis."""

YIELD_EVERY_SECONDS: Final = 60.0
"""How often the lead is offered to a gateway that can read what this one cannot. Nobody leads for five ticks then, if
there is no such gateway: seldom enough."""

ACTOR: Final = "driftgate"
"""Who acts where no operator does."""


class Store(Protocol):
    """What the loop needs of `RolloutStore`."""

    async def load(self, endpoint: str) -> Loaded:
        """The endpoint's present state."""

    async def evidence(self, rollout: Rollout) -> tuple[dict[str, int], dict[str, int]]:
        """Cells and counts."""

    async def commit(self, change: Transition) -> int:
        """Make a transition."""

    async def renew(self, rollout: Rollout, lease_ms: int, *, rewrite: bool = False) -> None:
        """Renew the lease."""

    async def restore(self, endpoint: str, generation: Generation) -> None:
        """Put a lost generation back."""


class Leadership(Protocol):
    """Who leads."""

    async def lead(self, holder: str, lease_ms: int) -> bool:
        """Become or stay the leader."""

    async def resign(self, holder: str) -> None:
        """Stop leading."""


class Controller:
    """Attends to the endpoints of `watched`, and keeps there what it saw last; complete after the first tick.

    `versions` say what counters mean in this gateway, by signal (None: as the rollouts say).
    """

    def __init__(  # noqa: PLR0913 - the seams of the loop, each with its own twin in tests
        self,
        store: Store,
        leadership: Leadership,
        local: Local,
        carrier: Carrier,
        watched: Mapping[str, Watched],
        *,
        holder: str,
        tick_seconds: float = TICK_SECONDS,
        decide: Callable[[Rollout, Facts, float], Decision] = judging.decide,
        versions: Mapping[str, int] | None = None,
    ) -> None:
        self._store = store
        self._leadership = leadership
        self._local = local
        self._carrier = carrier
        self._holder = holder
        self._tick_seconds = tick_seconds
        self._decide = decide
        self._versions = versions
        self.watched = watched
        self._woken = anyio.Event()
        self._yields_until = self._yields_next = self._listens_until = -inf
        self.leads = False
        self.store_fault = ""
        self.ticks = 0

    async def run(self) -> None:
        """Tick for ever; when cancelled, let another lead."""
        try:
            while True:
                began = anyio.current_time()
                await self.tick()
                with anyio.move_on_after(max(0.0, began + self.pause_seconds() - anyio.current_time())):
                    await self._woken.wait()
                self._woken = anyio.Event()
        finally:
            with anyio.move_on_after(0.5, shield=True):
                await self._resign()

    def wake(self) -> None:
        """Tick now: an operator has changed something."""
        self._woken.set()

    def pause_seconds(self) -> float:
        """From the beginning of a tick to that of the next: half as long while a verdict would spare users."""
        rollouts = (seen.rollout for seen in self.watched.values())
        exposes = any(rollout is not None and rollout.exposes for rollout in rollouts)
        return self._tick_seconds / 2 if self.leads and exposes else self._tick_seconds

    async def _resign(self) -> None:
        try:
            await self._leadership.resign(self._holder)
        except StoreUnavailable:
            logger.debug("could not resign: the lead runs out by itself")

    async def tick(self) -> None:
        """Attend once to each endpoint; a lost Redis ends the tick."""
        try:
            self.leads = await self._claim()
            if self.store_fault:
                self._listens_until = anyio.current_time() + LISTENING_TICKS * self._tick_seconds
            for endpoint, watched in self.watched.items():
                await self._contained(endpoint, watched)
            self._store_state("")
        except StoreUnavailable as error:
            self.leads = False
            self._store_state(str(error))
        self.ticks += 1

    async def _claim(self) -> bool:
        """Become or stay the leader, unless the lead is being offered to a newer gateway."""
        if anyio.current_time() < self._yields_until:
            return False
        return await self._leadership.lead(self._holder, int(LEADER_TICKS * self._tick_seconds * 1000))

    async def _yield_lead(self) -> None:
        """A newer driftgate wrote a document that cannot be read here: whoever reads it should lead."""
        now = anyio.current_time()
        if self.leads and now >= self._yields_next:
            self._yields_until = now + LEADER_TICKS * self._tick_seconds
            self._yields_next = now + YIELD_EVERY_SECONDS
            self.leads = False
            await self._leadership.resign(self._holder)

    def _store_state(self, fault: str) -> None:
        if bool(fault) != bool(self.store_fault):
            if fault:
                logger.error("store lost (%s): nothing is renewed, exposure ends within one lease", fault)
            else:
                logger.warning("store is back")
        self.store_fault = fault

    @property
    def _acts(self) -> bool:
        """Whether this gateway leads, and has heard the others out. Only a rollback waits for nobody."""
        return self.leads and anyio.current_time() >= self._listens_until

    async def _contained(self, endpoint: str, watched: Watched) -> None:
        try:
            await self._attend(endpoint, watched)
            fault = ""
        except StoreUnavailable:
            raise
        except (Conflict, Frozen):
            return  # another transition, or a freeze, came first: the next tick reads it
        except (MalformedState, JournalFailed) as error:
            fault = str(error)
            if isinstance(error, NewerState):
                await self._yield_lead()
        except Exception as error:  # a fault in one endpoint's judging must not cost the others theirs
            fault = f"{type(error).__name__}: {error}"
            if watched.fault != fault:
                logger.exception("endpoint %s cannot be judged; nothing is renewed", endpoint)
        if watched.fault != fault:
            logger.error("endpoint %s: %s", endpoint, fault) if fault else logger.warning(
                "endpoint %s is well", endpoint
            )
        watched.fault = fault

    async def _attend(self, endpoint: str, watched: Watched) -> None:
        loaded = await self._store.load(endpoint)
        watched.rollout, watched.generation, watched.now = loaded.rollout, loaded.generation, loaded.now
        watched.freeze = loaded.freeze
        lost = lost_generation(loaded.generation, endpoint, self._local.journal)
        if lost is not None:
            await self._store.restore(endpoint, lost)
            watched.generation = lost
        again = recalled(loaded.rollout, self._local.journal, loaded.now)
        if loaded.rollout is not None and again is not None:
            if self.leads or again.phase is Phase.ROLLED_BACK:
                because = Because(actor=BY_JOURNAL, action="reassert", now=loaded.now, trigger=Trigger.JOURNAL)
                watched.rollout = (await self._carrier.carry_out(loaded.rollout, again, because)).after
            return
        await self._local.seen(endpoint, loaded.rollout, loaded.generation)
        if loaded.rollout is not None and (loaded.rollout.is_running or _is_kept(loaded.rollout, loaded)):
            if self._means_something_else(loaded.rollout):
                await self._reopen(loaded.rollout, loaded, watched)
            else:
                await self._judge(loaded.rollout, loaded, watched)

    def _means_something_else(self, rollout: Rollout) -> bool:
        return self._acts and self._versions is not None and rollout.signal_versions != self._versions

    async def _reopen(self, rollout: Rollout, loaded: Loaded, watched: Watched) -> None:
        """Counters of different meaning are never added up: what comes from now on is a new epoch."""
        after = phases.reopened(rollout, self._versions or {}, actor=ACTOR, now=loaded.now)
        because = Because(actor=ACTOR, action="new_epoch", now=loaded.now, trigger="versions")
        watched.rollout = (await self._carrier.carry_out(rollout, after, because)).after

    async def _judge(self, rollout: Rollout, loaded: Loaded, watched: Watched) -> None:
        cells, counts = await self._store.evidence(rollout)
        facts = watched.facts(rollout, cells, counts, loaded.now)
        decision = self._decide(rollout, facts, loaded.now)
        if rollout.is_running or decision.changed:
            watched.reports, watched.kept_reports = decision.reports, ()
            watched.refusals = refusal_changes(cells)
        else:
            watched.kept_reports = decision.reports
        if not (self._acts or (self.leads and decision.kind is DecisionKind.ROLL_BACK)):
            return  # every gateway shows the numbers; the leader acts on them
        if not decision.changed:
            lease_ms = int(rollout.plan.lease_seconds * 1000)
            await self._store.renew(decision.after, lease_ms, rewrite=decision.after != rollout)
            watched.rollout = decision.after
            if decision.after.holding is not rollout.holding:
                self._local.held(decision.after, decision.reports)
            return
        generation = self._generation(rollout, decision, loaded)
        because = Because(
            actor=ACTOR,
            action=decision.kind.value,
            now=loaded.now,
            trigger=decision.trigger,
            signals=decision.reports,
            cells=cells,
            basis=basis_of(rollout, facts, loaded.now),
        )
        change = await self._carrier.carry_out(rollout, decision.after, because, generation)
        watched.rollout = change.after
        if generation is not None:
            watched.generation = generation

    def _generation(self, rollout: Rollout, decision: Decision, loaded: Loaded) -> Generation | None:
        """The endpoint's next stable: the candidate at a promotion, the old one where that is taken back."""
        journal = self._local.journal
        if decision.kind is DecisionKind.PROMOTE:
            return next_generation(loaded.generation, rollout, journal, by=ACTOR, now=loaded.now)
        if rollout.is_running:
            return None
        remembered = journal.generations.get(rollout.endpoint)
        return generation_of(rollout.stable, loaded.generation, remembered, by=ACTOR, now=loaded.now)


def _is_kept(rollout: Rollout, loaded: Loaded) -> bool:
    """Whether there is an old stable to go back to: the promotion is the last thing that happened to the endpoint."""
    generation = loaded.generation
    return rollout.is_kept(loaded.now) and generation is not None and generation.model == rollout.candidate
