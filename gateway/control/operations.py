"""What operators can do to an endpoint, but for rolling back (`rolling`) and freezing (`freezing`).

Each command reads, makes the next document by a pure function of `rollback.commands`, and commits it under the same
fence as the controller. If another transition comes first, it reads again: an operator means the rollout, not a
revision of it.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import anyio

from gateway.config.model import Config
from gateway.config.plans import expecting
from gateway.control.forecasting import Arms, Forecasting, Supposed
from gateway.control.forecasting import view as forecast_view
from gateway.control.home import Home
from gateway.control.probing import Upstream, probe
from gateway.control.standing import standing, with_standing
from gateway.control.views import View, decision_view, freeze_view, generation_view, rollout_view
from rollback import commands
from rollback.audit import AuditEntry
from rollback.carrying import Because, Carrier, next_generation
from rollback.differences import differences
from rollback.errors import Conflict, Frozen, NotPossible, UnknownEndpoint, UnknownRollout
from rollback.freeze import Freeze
from rollback.plan import Plan
from rollback.refusals import refusal_changes
from rollback.rollout import Phase, Rollout
from rollback.store import Loaded, RolloutStore
from rollback.watching import Watched
from routing.errors import StoreUnavailable
from routing.exposure import Generation

DECISIONS: Final = 5
"""The latest, shown with an endpoint."""

TRIES: Final = 5
"""A command that loses five races in a row is told so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an operator wants started."""

    candidate: str
    plan: str | None = None
    reason: str = ""
    expect: tuple[str, ...] = ()
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """A rollout that has begun, and what its operator should know."""

    rollout: Rollout
    notes: tuple[str, ...]


class Operations:
    """Operators' commands on the endpoints of `config`."""

    def __init__(
        self,
        config: Config,
        store: RolloutStore,
        home: Home,
        carrier: Carrier,
        watched: Mapping[str, Watched],
        upstream: Upstream,
        forecasting: Forecasting,
        signal_versions: Mapping[str, int],
    ) -> None:
        self._config = config
        self._store = store
        self._home = home
        self._carrier = carrier
        self._watched = watched
        self._upstream = upstream
        self._forecasting = forecasting
        self._signal_versions = signal_versions

    def check(self, endpoint: str) -> None:
        """Raises `UnknownEndpoint`."""
        if endpoint not in self._config.endpoints:
            known = ", ".join(sorted(self._config.endpoints))
            raise UnknownEndpoint(f"there is no endpoint {endpoint!r}; the configuration has {known}")

    def stable_of(self, endpoint: str, known: Generation | None) -> Generation:
        """The endpoint's generation: as Redis has it, else as remembered, else the configuration's."""
        remembered = self._home.journal.generations.get(endpoint)
        latest = max((g for g in (known, remembered) if g is not None), key=lambda g: g.number, default=None)
        return latest or Generation(number=0, model=self._config.endpoints[endpoint].stable, since_at=0.0, by="config")

    async def start(self, endpoint: str, wish: Wish, actor: str, *, action: str = "start") -> Started:
        """Begin a rollout. Raises `NotPossible`, `InvalidPlan`, `ProbeFailed` with what to do instead."""
        self.check(endpoint)
        plan = self._plan(endpoint, wish)
        loaded = await self._store.load(endpoint)
        self._may_start(endpoint, wish, loaded)
        arms = Arms(self.stable_of(endpoint, loaded.generation).model, wish.candidate)
        said = await self._forecasting.before_start(endpoint, plan, arms)
        await probe(self._upstream, wish.candidate)
        if loaded.rollout is not None and loaded.rollout.is_running:
            await self._make_room(loaded.rollout, wish, actor)
        for _ in range(TRIES):
            loaded = await self._store.load(endpoint)
            self._may_start(endpoint, replace(wish, replace=False), loaded)
            because = Because(actor=actor, action=action, now=loaded.now)
            try:
                change = await self._carrier.carry_out(
                    loaded.rollout, self._first(endpoint, wish, plan, loaded, actor), because
                )
            except Conflict:
                continue
            self._watched[endpoint].rollout = change.after
            return Started(change.after, (*self._notes(change.after), *said))
        raise NotPossible(
            f"{endpoint} is being changed by others; look at `driftgate history {endpoint}` and try again"
        )

    async def retry(self, endpoint: str, wish: Wish, actor: str) -> Started:
        """Begin a rollout after one that was rolled back: with its plan, and its candidate unless `wish` names one."""
        self.check(endpoint)
        last = (await self._store.load(endpoint)).rollout
        candidate = commands.retry(last, wish.candidate, wish.reason)
        known = last is not None and last.plan.name in self._config.plan_names()
        plan = wish.plan or (last.plan.name if last is not None and known else None)
        return await self.start(endpoint, replace(wish, candidate=candidate, plan=plan), actor, action="retry")

    async def forecast(self, endpoint: str, wish: Wish, supposed: Supposed) -> View:
        """What a rollout would take, before it starts. Raises as `start` does, but for a plan that cannot finish."""
        self.check(endpoint)
        plan = self._plan(endpoint, wish)
        made = await self._forecasting.made(endpoint, plan, supposed)
        try:
            known = (await self._store.load(endpoint)).generation
        except StoreUnavailable:
            known = None
        arms = Arms(self.stable_of(endpoint, known).model, wish.candidate)
        return forecast_view(endpoint, arms, made, await self._forecasting.bill(endpoint, arms, made))

    async def differences(self, endpoint: str, wish: Wish) -> View:
        """What of the latest rollout is not as `wish` wants it: nothing, where starting it would be to no purpose."""
        self.check(endpoint)
        plan = self._plan(endpoint, wish)
        rollout = (await self._store.load(endpoint)).rollout
        if rollout is None:
            raise NotPossible(f"no rollout has run on {endpoint}; begin one with `driftgate start {endpoint}`")
        found = differences(rollout.plan, plan)
        if rollout.candidate != wish.candidate:
            found = (f"candidate: {rollout.candidate} where {wish.candidate} is asked for", *found)
        return {"rollout": rollout.id, "differences": list(found)}

    def _plan(self, endpoint: str, wish: Wish) -> Plan:
        if wish.candidate not in self._config.models:
            known = ", ".join(sorted(self._config.models))
            raise NotPossible(f"the configuration has no model {wish.candidate!r}; it has {known}")
        return expecting(self._config.plan_for(endpoint, wish.plan), wish.expect)

    def _may_start(self, endpoint: str, wish: Wish, loaded: Loaded) -> None:
        stable = self.stable_of(endpoint, loaded.generation).model
        if wish.candidate == stable:
            raise NotPossible(f"{wish.candidate} is the stable model of {endpoint} already; name another candidate")
        if loaded.freeze is not None:
            raise Frozen(loaded.freeze.sentence(endpoint))
        if loaded.rollout is not None and loaded.rollout.is_running and not wish.replace:
            raise NotPossible(
                f"{loaded.rollout.id} is running on {endpoint} ({loaded.rollout.candidate}, {loaded.rollout.phase}): "
                "wait for it, roll it back, or start with --replace"
            )

    async def _make_room(self, running: Rollout, wish: Wish, actor: str) -> None:
        reason = f"replaced by a rollout of {wish.candidate}"

        def step(rollout: Rollout, now: float) -> Rollout:
            return commands.roll_back(rollout, actor=actor, reason=reason, now=now)

        await self.command(running.endpoint, "rollback", actor, step)

    def _first(self, endpoint: str, wish: Wish, plan: Plan, loaded: Loaded, actor: str) -> Rollout:
        journal = self._home.journal
        known = loaded.rollout
        day = datetime.fromtimestamp(loaded.now, UTC).strftime("%Y%m%d")
        return commands.start(
            id=f"{endpoint}-{day}-{secrets.token_hex(2)}",
            endpoint=endpoint,
            stable=self.stable_of(endpoint, loaded.generation).model,
            candidate=wish.candidate,
            plan=plan,
            salt=secrets.token_hex(8),
            revision=max(known.revision if known else 0, journal.revisions.get(endpoint, 0)) + 1,
            epoch=max(known.epoch if known else 0, journal.epochs.get(endpoint, 0)) + 1,
            actor=actor,
            reason=wish.reason,
            now=loaded.now,
            signal_versions=dict(self._signal_versions),
            slices=self._config.deciding_slices(endpoint),
        )

    def _notes(self, rollout: Rollout) -> tuple[str, ...]:
        notes = [
            f"until it is promoted, {rollout.stable} must be able to carry all traffic: a lost lease sends it all there"
        ]
        served = sum(
            value
            for key, value in self._home.counters().items()
            if key.startswith("driftgate_requests_total{") and f'endpoint="{rollout.endpoint}"' in key
        )
        if not served:
            notes.append(f"{rollout.endpoint} has had no requests yet: nothing can be judged before there are some")
        return tuple(notes)

    async def pause(self, endpoint: str, actor: str, reason: str) -> Rollout:
        """Keep the weight, do not widen."""
        return await self.command(
            endpoint, "pause", actor, lambda r, now: commands.pause(r, actor=actor, reason=reason, now=now)
        )

    async def resume(self, endpoint: str, actor: str, reason: str) -> Rollout:
        """End a pause."""
        return await self.command(
            endpoint, "resume", actor, lambda r, now: commands.resume(r, actor=actor, reason=reason, now=now)
        )

    async def approve(self, endpoint: str, actor: str, reason: str) -> Rollout:
        """Consent to leave the stage."""
        return await self.command(
            endpoint, "approve", actor, lambda r, now: commands.approve(r, actor=actor, reason=reason, now=now)
        )

    async def promote(self, endpoint: str, actor: str, reason: str, *, full: bool) -> Rollout:
        """Widen by one stage, or promote at once, without evidence; the latter needs a reason."""
        if full and not reason:
            raise NotPossible("a full promotion bypasses all evidence: say why with --reason")
        verb = commands.promote_full if full else commands.promote_step
        action = "promote_full" if full else "promote_step"
        return await self.command(endpoint, action, actor, lambda r, now: verb(r, actor=actor, reason=reason, now=now))

    async def command(
        self, endpoint: str, action: str, actor: str, step: Callable[[Rollout, float], Rollout]
    ) -> Rollout:
        """Carry `step` out on the latest rollout. Raises `NotPossible`, `StoreUnavailable`, `MalformedState`."""
        self.check(endpoint)
        for _ in range(TRIES):
            loaded = await self._store.load(endpoint)
            before = loaded.rollout
            if before is None:
                raise NotPossible(f"no rollout has run on {endpoint}; begin one with `driftgate start {endpoint}`")
            after = step(before, loaded.now)
            generation = None
            if after.phase is Phase.PROMOTED and before.is_running:
                generation = next_generation(loaded.generation, after, self._home.journal, by=actor, now=loaded.now)
            because = Because(actor=actor, action=action, now=loaded.now)
            try:
                change = await self._carrier.carry_out(before, after, because, generation)
            except Conflict:
                continue
            self._watched[endpoint].rollout = change.after
            return change.after
        raise NotPossible(
            f"{endpoint} is being changed by others; look at `driftgate history {endpoint}` and try again"
        )

    async def rollout(self, rollout_id: str) -> View:
        """A rollout by its id, ended ones too; raises `UnknownRollout`."""
        found = await self._store.find(self._config.endpoints, rollout_id)
        if found is None:
            raise UnknownRollout(
                f"there is no rollout {rollout_id!r}; `driftgate history ENDPOINT` lists those there were"
            )
        return await self._shown(found)

    async def past(self, endpoint: str, rollout_id: str) -> Watched:
        """A rollout of an endpoint as it stood at its end, with its counters as long as Redis keeps them."""
        self.check(endpoint)
        found = await self._store.find([endpoint], rollout_id)
        if found is None:
            raise UnknownRollout(f"{endpoint} has had no rollout {rollout_id!r}; its history lists those there were")
        cells, counts = await self._store.evidence(replace(found, epoch=found.own_epoch))
        ended = found.ended_at or found.started_at
        return Watched(now=ended, rollout=found, counts=counts, cells=cells, refusals=refusal_changes(cells))

    async def endpoint(self, name: str) -> View:
        """An endpoint with its generations and its latest rollout; with Redis gone, as last seen, and saying so."""
        self.check(name)
        try:
            loaded = await self._store.load(name)
            generations = await self._store.generations(name)
            decisions = await self._store.entries(name, DECISIONS, whole=False)
        except StoreUnavailable as error:
            return {**self.remembered(name), "generations": [], "decisions": [], "fault": str(error)}
        return {
            **self._headline(name, loaded.generation, loaded.freeze),
            "generations": [generation_view(generation) for generation in self._all(name, generations)],
            "decisions": [decision_view(entry) for entry in decisions],
            "rollout": await self._shown(loaded.rollout) if loaded.rollout is not None else None,
        }

    def remembered(self, name: str) -> View:
        """An endpoint as this process last saw it, without asking Redis."""
        watched = self._watched[name]
        return {
            **self._headline(name, watched.generation, watched.freeze),
            "fault": watched.fault,
            "rollout": _seen(watched) if watched.rollout is not None else None,
        }

    def everything(self) -> list[View]:
        """All endpoints as this process last saw them."""
        return [self.remembered(name) for name in self._config.endpoints]

    async def entries(self, endpoint: str, limit: int) -> Sequence[AuditEntry]:
        """The latest audit entries, newest first."""
        self.check(endpoint)
        return await self._store.entries(endpoint, limit)

    async def entries_of(self, endpoint: str, rollout: str) -> Sequence[AuditEntry]:
        """A rollout's audit entries, newest first."""
        self.check(endpoint)
        return await self._store.entries_of(endpoint, rollout)

    async def entry(self, endpoint: str, entry_id: str) -> AuditEntry:
        """One audit entry; raises `UnknownRollout` where it is not among those kept."""
        self.check(endpoint)
        found = await self._store.entry(endpoint, entry_id)
        if found is not None:
            return found
        raise UnknownRollout(f"{endpoint} has no decision {entry_id!r}; `driftgate history {endpoint}` lists the ids")

    def _headline(self, name: str, known: Generation | None, freeze: Freeze | None) -> View:
        stable = self.stable_of(name, known)
        return {
            "name": name,
            "stable": stable.model,
            "generation": stable.number,
            "freeze": freeze_view(freeze),
        }

    def _all(self, name: str, stored: Sequence[Generation]) -> list[Generation]:
        first = Generation(number=0, model=self._config.endpoints[name].stable, since_at=0.0, by="config")
        return [first, *stored]

    async def _shown(self, rollout: Rollout) -> View:
        cells, counts = await self._store.evidence(rollout)
        watched = self._watched[rollout.endpoint]
        same = watched.rollout is not None and watched.rollout.id == rollout.id
        kept = watched.kept_reports if same else ()
        if same and watched.reports:
            seen = await anyio.to_thread.run_sync(standing, rollout, cells, watched.now)
            view = rollout_view(rollout, counts, watched.reports, kept, refusals=watched.refusals)
            return with_standing(_with_shares(view, watched), seen)
        decided = [entry for entry in await self._store.entries_of(rollout.endpoint, rollout.id) if entry.signals]
        if not decided:
            return rollout_view(rollout, counts, (), kept)
        refusals = refusal_changes(decided[0].cells)
        return rollout_view(rollout, counts, decided[0].signals, kept, refusals=refusals)


def _seen(watched: Watched) -> View:
    assert watched.rollout is not None  # the caller has looked
    view = rollout_view(
        watched.rollout, watched.counts, watched.reports, watched.kept_reports, refusals=watched.refusals
    )
    return _with_shares(view, watched)


def _with_shares(view: View, watched: Watched) -> View:
    """What the candidate really has of the traffic, and what the cap on exposure keeps from it."""
    return {**view, "actual_share": watched.actual_exposure, "crowded_share": watched.crowded_share}
