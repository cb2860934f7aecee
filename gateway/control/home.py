"""What this gateway does without Redis: tell its workers, remember in the journal, raise alarms.

The journal's lines are synced in a thread, one at a time. A line that could not be written is kept and tried again, and
counts as remembered meanwhile: a full disk must not make this process forget a rollback.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence

import anyio

from gateway.channel.messages import FromControl, RollBack, RouteUpdate
from gateway.channel.server import ControlServer, Settled
from gateway.control.alerts import Alerts
from gateway.control.routes import Routes
from gateway.telemetry.otlp import Exporting
from rollback.carrying import Change, Latched
from rollback.errors import JournalFailed
from rollback.journal import GenerationNoted, Journal, JournalState, Line, RolledBackNoted, SeenNoted
from rollback.rollout import Phase, Rollout
from rollback.verdict import SignalReport
from routing.exposure import Generation

logger = logging.getLogger(__name__)


class Home:
    """The gateway's side of every transition (`rollback.carrying.Local`)."""

    def __init__(
        self,
        journal: Journal,
        channel: ControlServer,
        routes: Routes,
        alerts: Alerts,
        exporting: Exporting | None = None,
    ) -> None:
        self._file = journal
        self._channel = channel
        self._routes = routes
        self._alerts = alerts
        self._exporting = exporting
        self._memory = journal.state
        self._unwritten: list[Line] = []
        self._writing = anyio.Lock()
        self.fault = ""
        self._rollbacks: Counter[str] = Counter()
        for endpoint, latch in journal.state.latches.items():
            routes.keep(RollBack(seq=0, endpoint=endpoint, rollout=latch.rollout, revision=latch.revision))

    @property
    def journal(self) -> JournalState:
        """What this gateway remembers, written or not yet."""
        return self._memory

    @property
    def rollbacks(self) -> Mapping[str, int]:
        """Rollbacks carried out by this process, by trigger."""
        return self._rollbacks

    def counters(self) -> Mapping[str, float]:
        """What all workers of this gateway have counted."""
        return self._channel.counters()

    async def latch(self, rollout: Rollout, revision: int, reason: str, actor: str) -> Latched:
        """See `Local.latch`. The workers are told before anything is waited for."""
        return await self.latch_id(rollout.endpoint, rollout.id, revision, reason, actor)

    async def latch_id(self, endpoint: str, rollout: str, revision: int, reason: str, actor: str) -> Latched:
        """`latch` for a rollout of which no more than the id is known."""
        seq = self._tell(RollBack(seq=0, endpoint=endpoint, rollout=rollout, revision=revision))
        line = RolledBackNoted(endpoint=endpoint, rollout=rollout, revision=revision, reason=reason, actor=actor)
        known = self._memory.latches.get(endpoint)
        if known is not None and known.rollout == rollout and known.revision >= revision:
            line = known
        try:
            await self._note(line)
        except JournalFailed as error:
            return Latched(seq=seq, journal_failure=str(error))
        return Latched(seq=seq)

    async def settled(self, seq: int, seconds: float) -> Settled:
        """Who of this gateway's workers has applied message `seq`, after `seconds` at most."""
        return await self._channel.settle(seq, seconds)

    async def seen(self, endpoint: str, rollout: Rollout | None, generation: Generation | None) -> None:
        """See `Local.seen`. A rollback that another gateway made is latched here, too."""
        if rollout is not None and rollout.phase is Phase.ROLLED_BACK:
            latch = self._memory.latches.get(endpoint)
            if latch is None or latch.rollout != rollout.id:
                await self.latch(rollout, rollout.revision, rollout.reason, rollout.actor)
        if generation is not None:
            await self._note(GenerationNoted(endpoint=endpoint, generation=generation))
        lost = self._memory.running.get(endpoint) if rollout is None else None
        if lost is not None:
            logger.error("endpoint %s: Redis has lost rollout %s; it ends here, at 0 %%", endpoint, lost.rollout)
        if rollout is not None or lost is not None:
            await self._note(_seen(endpoint, rollout))
        if self._unwritten:
            await self._write()

    async def applied(self, change: Change) -> None:
        """See `Local.applied`. A journal that fails does not undo what Redis has."""
        after = change.after
        self.route(after.endpoint, change.generation, after, change.granted_at, change.lease_ms)
        if after.phase is Phase.ROLLED_BACK:
            self._rollbacks[change.trigger] += 1
        logger.warning(
            "endpoint %s: %s by %s: %s → %s, weight %g %%, revision %d: %s",
            after.endpoint,
            change.entry.action,
            change.entry.actor,
            change.entry.phase_from,
            after.phase,
            after.weight_bps / 100,
            after.revision,
            after.reason,
        )
        if self._exporting is not None:
            self._exporting.changed(change)
        self._alerts.transition(change.before, after, change.entry.signals)
        try:
            if change.generation is not None:
                await self._note(GenerationNoted(endpoint=after.endpoint, generation=change.generation))
            await self._note(_seen(after.endpoint, after))
        except JournalFailed as error:  # Redis has it; the line is kept, and tried again at the next tick
            logger.error("%s", error)  # noqa: TRY400  # the message is the cause

    def route(
        self, endpoint: str, generation: Generation | None, after: Rollout, granted_at: float, lease_ms: int
    ) -> int:
        """Tell the workers an endpoint's new route; returns the message's number, for `settled`."""
        return self._tell(
            RouteUpdate(
                seq=0,
                endpoint=endpoint,
                generation=generation,
                grant=after.grant(),
                lease_ms=lease_ms,
                revision=after.revision,
                granted_at=granted_at,
            )
        )

    def held(self, rollout: Rollout, reports: Sequence[SignalReport]) -> None:
        """See `Local.held`."""
        if self._exporting is not None:
            self._exporting.held(rollout, reports)
        held = f"holds ({rollout.holding})" if rollout.holding else "goes on"
        logger.info("endpoint %s: %s: %s", rollout.endpoint, held, rollout.reason)
        self._alerts.holding(rollout)

    async def remember(self, endpoint: str, generation: Generation) -> str:
        """Put a generation in the journal; returns why that failed, empty where it did not."""
        try:
            await self._note(GenerationNoted(endpoint=endpoint, generation=generation))
        except JournalFailed as error:
            return str(error)
        return ""

    def _tell(self, message: FromControl) -> int:
        self._routes.keep(message)
        return self._channel.push(message)

    async def _note(self, line: Line) -> None:
        after = self._memory.after(line)
        if after == self._memory and not self._unwritten:
            return
        self._memory = after
        self._unwritten.append(line)
        await self._write()

    async def _write(self) -> None:
        async with self._writing:
            while self._unwritten:
                try:
                    await anyio.to_thread.run_sync(self._file.note, self._unwritten[0])
                except JournalFailed as error:
                    self.fault = str(error)
                    raise
                self._unwritten.pop(0)
            self.fault = ""


def _seen(endpoint: str, rollout: Rollout | None) -> SeenNoted:
    if rollout is None:
        return SeenNoted(endpoint=endpoint, revision=0, epoch=0)
    running = rollout.is_running
    return SeenNoted(
        endpoint=endpoint,
        revision=rollout.revision,
        epoch=rollout.epoch,
        rollout=rollout.id if running else "",
        weight_bps=rollout.weight_bps if running else 0,
    )
