"""The controller on the in-memory store, with scripted decisions and with real ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio
import pytest

from rollback import commands, phases
from rollback.audit import noted
from rollback.carrying import Carrier, Change, Latched
from rollback.controller import TICK_SECONDS, Controller
from rollback.decision import Decision, DecisionKind, Facts, decide
from rollback.document import to_json
from rollback.freeze import Freeze
from rollback.journal import GenerationNoted, JournalState, RolledBackNoted, SeenNoted
from rollback.rollout import Holding, Phase, Rollout
from rollback.store_memory import MemoryRolloutStore
from rollback.verdict import SignalReport
from rollback.watching import Watched
from routing.exposure import Generation

pytestmark = pytest.mark.anyio

MakeRollout = Callable[..., Rollout]
Decide = Callable[[Rollout, Facts, float], Decision]


@dataclass
class Clock:
    """Server time and monotonic time at once, moved by the test."""

    now: float = 1_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@dataclass
class Home:
    """A gateway without workers or disk: it remembers, and writes down in which order it was told what."""

    store: MemoryRolloutStore
    journal: JournalState = field(default_factory=JournalState)
    told: list[str] = field(default_factory=list)

    async def latch(self, rollout: Rollout, revision: int, reason: str, actor: str) -> Latched:
        """Remember the rollback."""
        self.told.append("latched")
        self.journal = self.journal.after(RolledBackNoted(rollout.endpoint, rollout.id, revision, reason, actor))
        return Latched(seq=1)

    async def seen(self, endpoint: str, rollout: Rollout | None, generation: Generation | None) -> None:
        """Remember the state."""
        if rollout is not None:
            running = rollout.id if rollout.is_running else ""
            noted = SeenNoted(endpoint, rollout.revision, rollout.epoch, running, rollout.weight_bps)
            self.journal = self.journal.after(noted)
        if generation is not None:
            self.journal = self.journal.after(GenerationNoted(endpoint, generation))

    async def applied(self, change: Change) -> None:
        """Remember the transition."""
        self.told.append(f"applied {change.after.phase}")
        await self.seen(change.after.endpoint, change.after, change.generation)

    def held(self, rollout: Rollout, reports: Sequence[SignalReport]) -> None:
        """Write it down."""
        self.told.append(f"held {rollout.holding}")


@dataclass
class Gateway:
    """A controller with everything around it."""

    clock: Clock
    store: MemoryRolloutStore
    home: Home
    controller: Controller
    watched: Mapping[str, Watched]

    async def started(self, rollout: Rollout) -> None:
        """Put a running rollout where the controller finds it."""
        self.store.put(rollout)
        await self.store.renew(rollout, 10_000)

    async def weight(self) -> int | None:
        """What a worker may expose; None without a lease."""
        grant = (await self.store.observe("chat", self.clock)).grant
        return grant.weight_bps if grant is not None else None


def gateway(
    decide: Decide = decide,
    store: MemoryRolloutStore | None = None,
    clock: Clock | None = None,
    versions: Mapping[str, int] | None = None,
    tick_seconds: float = TICK_SECONDS,
) -> Gateway:
    """A gateway; several may share one store."""
    clock = clock or Clock()
    store = store or MemoryRolloutStore(clock)
    home = Home(store)
    watched = {"chat": Watched()}
    carrier = Carrier(store, home, clock)
    controller = Controller(
        store,
        store,
        home,
        carrier,
        watched,
        holder=str(id(home)),
        tick_seconds=tick_seconds,
        decide=decide,
        versions=versions,
    )
    return Gateway(clock, store, home, controller, watched)


def keeping(rollout: Rollout, _facts: Facts, _now: float) -> Decision:
    """Always: hold, for the same reason."""
    after = replace(rollout, holding=Holding.BAKE, reason="bakes")
    return Decision(kind=DecisionKind.HOLD, after=after, changed=False, reports=(), sentence="bakes", trigger="bake")


def stepping(kind: DecisionKind) -> Decide:
    """Always: this transition."""

    def decided(rollout: Rollout, _facts: Facts, now: float) -> Decision:
        if kind is DecisionKind.WIDEN:
            after = phases.entered(rollout, 2, actor="driftgate", reason="harmless", now=now)
        elif kind is DecisionKind.PROMOTE:
            after = phases.promoted(rollout, actor="driftgate", reason="harmless", now=now)
        else:
            after = phases.rolled_back(rollout, actor="driftgate", reason="harm", now=now)
        return Decision(kind=kind, after=after, changed=True, reports=(), sentence="so", trigger="guardrail")

    return decided


async def test_a_healthy_tick_renews_the_lease_and_writes_the_reason(a_rollout: MakeRollout) -> None:
    """Ticks keep exposure alive; the reason for holding is kept without a transition."""
    at = gateway(keeping)
    await at.started(a_rollout())
    for _ in range(5):
        at.clock.now += 8.0
        await at.controller.tick()
        assert await at.weight() == 1_000
    kept = at.watched["chat"].rollout
    assert kept is not None
    assert (kept.holding, kept.revision) == (Holding.BAKE, 1)
    assert at.home.told == ["held bake"]
    assert await at.store.entries("chat", 10) == ()


async def test_who_leads_looks_twice_as_often_while_a_candidate_has_users(a_rollout: MakeRollout) -> None:
    """A verdict spares them; before and after, and on a gateway that only follows, there is none to wait for."""
    at = gateway(keeping)
    await at.controller.tick()
    assert at.controller.pause_seconds() == TICK_SECONDS
    await at.started(replace(a_rollout(), weight_bps=0))
    await at.controller.tick()
    assert at.controller.pause_seconds() == TICK_SECONDS
    exposing = gateway(keeping)
    await exposing.started(a_rollout())
    await exposing.controller.tick()
    assert exposing.controller.pause_seconds() == TICK_SECONDS / 2
    exposing.controller.leads = False
    assert exposing.controller.pause_seconds() == TICK_SECONDS


async def lost_and_back(at: Gateway) -> None:
    """Redis is gone for longer than a lease, and answers again."""
    at.store.available = False
    await at.controller.tick()
    assert at.controller.store_fault
    at.clock.now += 11.0
    at.store.available = True
    assert await at.weight() is None


async def test_a_lost_store_ends_exposure_and_comes_back(a_rollout: MakeRollout) -> None:
    """Nothing is renewed while Redis is gone, and soon after it the rollout goes on where it was."""
    at = gateway(keeping, tick_seconds=0.0)
    await at.started(a_rollout())
    await lost_and_back(at)
    await at.controller.tick()
    assert not at.controller.store_fault
    assert await at.weight() == 1_000


async def test_who_rolled_back_without_redis_is_heard_before_anyone_is_exposed_again(a_rollout: MakeRollout) -> None:
    """The leader, who was never told, renews nothing until the other's journal has had its say."""
    leader = gateway(keeping)
    other = gateway(keeping, store=leader.store, clock=leader.clock)
    await leader.started(a_rollout())
    await leader.controller.tick()
    await lost_and_back(leader)
    await other.home.latch(a_rollout(), 2, "users complain", "ann")
    for _ in range(3):
        await leader.controller.tick()
        assert (leader.controller.leads, await leader.weight()) == (True, None)
    await other.controller.tick()
    await leader.controller.tick()
    ended = leader.watched["chat"].rollout
    assert ended is not None
    assert (ended.phase, await leader.weight()) == (Phase.ROLLED_BACK, None)


async def test_harm_that_is_found_right_after_an_outage_rolls_back_at_once(a_rollout: MakeRollout) -> None:
    """To end an exposure nobody is asked."""
    at = gateway(stepping(DecisionKind.ROLL_BACK))
    await at.started(a_rollout())
    await lost_and_back(at)
    await at.controller.tick()
    ended = at.watched["chat"].rollout
    assert ended is not None
    assert ended.phase is Phase.ROLLED_BACK


async def test_a_widening_is_committed_before_anyone_is_told(a_rollout: MakeRollout) -> None:
    """The transition is in Redis with its audit entry, and then the workers hear of it."""
    at = gateway(stepping(DecisionKind.WIDEN))
    await at.started(a_rollout())
    await at.controller.tick()
    (entry,) = await at.store.entries("chat", 10)
    assert (entry.action, entry.actor, entry.revision, entry.weight_bps) == ("widen", "driftgate", 2, 10_000)
    assert at.home.told == ["applied baking"]
    assert await at.weight() == 10_000


async def test_a_rollback_is_latched_at_home_before_redis_has_it(a_rollout: MakeRollout) -> None:
    """Order of invariant 2: workers and journal first."""
    at = gateway(stepping(DecisionKind.ROLL_BACK))
    await at.started(a_rollout())
    await at.controller.tick()
    assert at.home.told == ["latched", "applied rolled_back"]
    assert await at.weight() is None


async def test_a_promotion_makes_a_generation(a_rollout: MakeRollout) -> None:
    """The candidate is the endpoint's stable from then on, numbered after the last."""
    at = gateway(stepping(DecisionKind.PROMOTE))
    await at.store.restore("chat", Generation(4, "old", 900.0, "ann"))
    await at.started(a_rollout())
    await at.controller.tick()
    assert (await at.store.load("chat")).generation == Generation(5, "new", 1_000.0, "driftgate")


async def test_a_freeze_that_comes_between_looking_and_acting_is_obeyed(a_rollout: MakeRollout) -> None:
    """What was decided without knowing of it is not committed, and is no fault either."""
    at = gateway(stepping(DecisionKind.PROMOTE))
    await at.started(a_rollout())
    freeze = Freeze(by="ann", reason="holidays", since_at=1_000.0)
    await at.store.freeze("chat", freeze, noted(None, at=1_000.0, actor="ann", action="freeze", reason=""))
    await at.controller.tick()
    assert (at.home.told, at.watched["chat"].fault, at.watched["chat"].freeze) == ([], "", freeze)
    assert (await at.store.load("chat")).generation is None


async def test_an_ended_rollout_is_left_alone(a_rollout: MakeRollout) -> None:
    """Nothing is decided, and nothing granted, after the end."""
    at = gateway(stepping(DecisionKind.WIDEN))
    at.store.put(a_rollout(phase=Phase.ROLLED_BACK, weight_bps=0))
    await at.controller.tick()
    assert at.home.told == []
    assert await at.weight() is None


async def test_only_the_leader_acts_and_both_see_the_numbers(a_rollout: MakeRollout) -> None:
    """A second gateway judges for display and commits nothing."""
    leader = gateway(keeping)
    other = gateway(stepping(DecisionKind.WIDEN), leader.store, leader.clock)
    await leader.started(a_rollout())
    await leader.controller.tick()
    await other.controller.tick()
    assert (leader.controller.leads, other.controller.leads) == (True, False)
    assert other.watched["chat"].rollout is not None
    assert await leader.weight() == 1_000


async def test_a_leader_that_overslept_cannot_step(a_rollout: MakeRollout) -> None:
    """A controller that decided on an old document is fenced off: two that both lead make one step, not two."""
    second = gateway(stepping(DecisionKind.WIDEN))

    def overslept(rollout: Rollout, facts: Facts, now: float) -> Decision:
        decision = stepping(DecisionKind.WIDEN)(rollout, facts, now)
        second.store.put(decision.after)  # meanwhile the new leader has made this very step
        return decision

    first = gateway(overslept, second.store, second.clock)
    await first.started(a_rollout())
    await first.controller.tick()
    kept = (await first.store.load("chat")).rollout
    assert kept is not None
    assert (kept.revision, kept.stage) == (2, 2)
    assert first.home.told == []


async def test_a_journaled_rollback_is_asserted_again(a_rollout: MakeRollout) -> None:
    """Redis came back with the rollout running: it is rolled back again, above every revision known, reason kept."""
    at = gateway(stepping(DecisionKind.WIDEN))
    at.home.journal = JournalState().after(RolledBackNoted("chat", "chat-1", 7, "refusal +4 pp", "ann"))
    await at.started(a_rollout(revision=3))
    await at.controller.tick()
    again = (await at.store.load("chat")).rollout
    assert again is not None
    assert (again.phase, again.revision, again.reason) == (Phase.ROLLED_BACK, 8, "refusal +4 pp")
    assert await at.weight() is None


async def test_a_follower_asserts_its_journaled_rollback_too(a_rollout: MakeRollout) -> None:
    """Shrinking needs no lead."""
    at = gateway(keeping)
    await at.store.lead("somebody else", 100_000)
    at.home.journal = JournalState().after(RolledBackNoted("chat", "chat-1", 7))
    await at.started(a_rollout(revision=3))
    await at.controller.tick()
    assert await at.weight() is None


async def test_a_rewound_revision_is_held_at_the_lower_weight(a_rollout: MakeRollout) -> None:
    """After a failover that lost a step down, the rollout waits, paused, for an operator."""
    at = gateway(stepping(DecisionKind.WIDEN))
    at.home.journal = JournalState().after(SeenNoted("chat", 9, 1, "chat-1", 0))
    await at.started(a_rollout(revision=6))
    await at.controller.tick()
    held = (await at.store.load("chat")).rollout
    assert held is not None
    assert (held.paused, held.weight_bps, held.stage, held.revision) == (True, 0, 0, 10)
    assert "older state" in held.reason


async def test_a_flushed_redis_gets_its_generation_back() -> None:
    """The stable model survives in the journal."""
    at = gateway()
    generation = Generation(2, "new", 900.0, "driftgate")
    at.home.journal = JournalState().after(GenerationNoted("chat", generation))
    await at.controller.tick()
    assert (await at.store.load("chat")).generation == generation


async def test_a_lost_promotion_stays_a_promotion(a_rollout: MakeRollout) -> None:
    """Redis forgot the last transition, but the candidate is stable already: it is not exposed as a candidate again."""
    at = gateway(keeping)
    noted = GenerationNoted("chat", Generation(1, "new", 1_000.0, "driftgate"))
    at.home.journal = JournalState().after(noted).after(SeenNoted("chat", 5, 1, "", 0))
    await at.started(a_rollout(revision=4))
    await at.controller.tick()
    ended = (await at.store.load("chat")).rollout
    assert ended is not None
    assert (ended.phase, ended.revision) == (Phase.PROMOTED, 6)


async def test_a_fault_at_one_endpoint_leaves_the_others_alone(
    a_rollout: MakeRollout, caplog: pytest.LogCaptureFixture
) -> None:
    """An endpoint whose judging fails is not renewed, and says so once; the next one is."""
    clock = Clock()
    store = MemoryRolloutStore(clock)
    home = Home(store)
    watched = {"bad": Watched(), "chat": Watched()}

    def decided(rollout: Rollout, facts: Facts, now: float) -> Decision:
        if rollout.endpoint == "bad":
            raise ZeroDivisionError("a bug")
        return keeping(rollout, facts, now)

    carrier = Carrier(store, home, clock)
    controller = Controller(store, store, home, carrier, watched, holder="me", decide=decided)
    store.put(a_rollout(endpoint="bad", id="bad-1"))
    store.put(a_rollout())
    for _ in range(3):
        await controller.tick()
    assert (await store.observe("bad", clock)).grant is None
    assert (await store.observe("chat", clock)).grant is not None
    assert "a bug" in watched["bad"].fault
    assert len([record for record in caplog.records if "cannot be judged" in record.message]) == 1


async def test_a_burst_is_seen_over_several_seconds(a_rollout: MakeRollout) -> None:
    """The facts compare with counts of ten seconds ago, not with those of the last tick only."""
    seen: list[Facts] = []

    def decided(rollout: Rollout, facts: Facts, now: float) -> Decision:
        seen.append(facts)
        return keeping(rollout, facts, now)

    at = gateway(decided)
    await at.started(a_rollout())
    for second in range(15):
        at.store.counted["chat-1"] = {"candidate": second}
        await at.controller.tick()
        at.clock.now += 1.0
    assert seen[-1].previous_at == pytest.approx(at.clock.now - 11.0)
    assert seen[-1].counts["candidate"] - seen[-1].previous_counts["candidate"] == 10


async def test_blindness_is_counted_only_while_requests_are_served(a_rollout: MakeRollout) -> None:
    """Without traffic nobody is blind; with traffic and no evidence, the seconds add up until evidence comes."""
    seen: list[float] = []

    def decided(rollout: Rollout, facts: Facts, now: float) -> Decision:
        seen.append(facts.blind_seconds)
        return keeping(rollout, facts, now)

    at = gateway(decided)
    await at.started(a_rollout())
    for served, cells in [(0, 0), (0, 0), (5, 0), (9, 0), (12, 0), (15, 1), (15, 1)]:
        at.store.counted["chat-1"] = {"stable": served}
        at.store.cells["chat", 1] = {"p/refusal/*/1/0": cells}
        await at.controller.tick()
        at.clock.now += 1.0
    assert seen == [0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0]


async def test_real_evidence_of_harm_rolls_back(a_rollout: MakeRollout) -> None:
    """With the real judge: hundreds of pairs in which only the candidate refused end the rollout, for refusal."""
    at = gateway()
    await at.started(a_rollout(stage=0, phase=Phase.SHADOWING, weight_bps=0))
    at.store.cells["chat", 1] = {"p/refusal/*/0/20": 150, "p/refusal/*/0/0": 150, "k/0/paired": 300}
    await at.controller.tick()
    ended = at.watched["chat"].rollout
    assert ended is not None
    assert ended.phase is Phase.ROLLED_BACK
    assert ended.reason.startswith("refusal")


async def test_an_operators_transition_between_reading_and_committing_wins(a_rollout: MakeRollout) -> None:
    """The controller's step is refused by the fence, without an alarm, and the next tick sees the pause."""
    at = gateway()

    def decided(rollout: Rollout, facts: Facts, now: float) -> Decision:
        if not rollout.paused:
            at.store.put(commands.pause(rollout, actor="ann", reason="wait", now=now))
        return stepping(DecisionKind.WIDEN)(rollout, facts, now)

    at = gateway(decided)
    await at.started(a_rollout())
    await at.controller.tick()
    kept = (await at.store.load("chat")).rollout
    assert kept is not None
    assert (kept.paused, kept.revision, at.watched["chat"].fault) == (True, 2, "")


async def test_evidence_begins_anew_where_its_meaning_has_changed(a_rollout: MakeRollout) -> None:
    """After an upgrade a running rollout goes on in a new epoch, says why, and is judged from then on."""
    at = gateway(keeping, versions={"refusal": 3, "schema": 1})
    await at.started(a_rollout(signal_versions={"refusal": 2, "schema": 1}, stage_started_at=500.0))
    at.clock.now += 2.0
    await at.controller.tick()
    after = at.watched["chat"].rollout
    assert after is not None
    assert (after.epoch, after.epoch_index, after.revision, after.stage_started_at) == (2, 2, 2, at.clock.now)
    assert after.reason == "evidence begins anew, since its meaning has changed: refusal 2 → 3"
    (entry,) = await at.store.entries("chat", 10)
    assert (entry.action, entry.actor, entry.weight_bps) == ("new_epoch", "driftgate", 1_000)
    await at.controller.tick()
    again = at.watched["chat"].rollout
    assert again is not None
    assert (again.epoch, again.holding) == (2, Holding.BAKE)


async def test_a_gateway_that_does_not_lead_leaves_the_epoch_alone(a_rollout: MakeRollout) -> None:
    """During an upgrade of several gateways only the leader's version counts."""
    leader = gateway(keeping, versions={"refusal": 2})
    await leader.started(a_rollout(signal_versions={"refusal": 2}))
    await leader.controller.tick()
    other = gateway(keeping, leader.store, leader.clock, versions={"refusal": 3})
    await other.controller.tick()
    kept = other.watched["chat"].rollout
    assert kept is not None
    assert (other.controller.leads, kept.epoch) == (False, 1)


async def test_a_kept_model_is_watched_in_a_new_epoch_too(a_rollout: MakeRollout) -> None:
    """And the rollout's own evidence is still found where it was decided."""
    keeping_stable = replace(a_rollout().plan, keep_stable_seconds=86_400.0)
    promoted = phases.promoted(a_rollout(plan=keeping_stable), actor="ann", reason="sure", now=1_000.0)
    reopened = phases.reopened(promoted, {"refusal": 3}, actor="driftgate", now=1_010.0)
    assert (promoted.epoch, promoted.own_epoch) == (2, 1)
    assert (reopened.epoch, reopened.own_epoch, reopened.phase) == (3, 1, Phase.PROMOTED)


async def test_the_lead_is_left_to_a_gateway_that_reads_what_this_one_cannot(a_rollout: MakeRollout) -> None:
    """A newer document: nothing is renewed, the lead is free at once, and this gateway does not take it back."""
    one = gateway(keeping)
    await one.started(a_rollout())
    await one.controller.tick()
    led = [one.controller.leads]
    one.store.put_document("chat", to_json(a_rollout()).replace(b'"version":1', b'"version":3'))
    for _ in range(2):
        await one.controller.tick()
        led.append(one.controller.leads)
    assert led == [True, False, False]
    assert "upgrade this gateway" in one.watched["chat"].fault
    assert await one.store.lead("a newer gateway", 5_000)


async def test_where_nobody_reads_it_the_lead_is_taken_back(a_rollout: MakeRollout) -> None:
    """After an offer that nobody took, the other endpoints are attended to again."""
    one = gateway(keeping, tick_seconds=0.0)
    one.store.put_document("chat", to_json(a_rollout()).replace(b'"version":1', b'"version":3'))
    led = []
    for _ in range(3):
        await one.controller.tick()
        led.append(one.controller.leads)
    assert led == [False, True, True], "it is not offered again so soon"


async def test_a_controller_that_stops_leaves_the_lead_at_once() -> None:
    """Nobody waits for it to run out: another gateway goes on within a tick."""
    one = gateway(keeping)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.controller.run)
        with anyio.fail_after(5):
            while not one.controller.leads:  # noqa: ASYNC110 - another task takes it
                await anyio.sleep(0.01)
        assert not await one.store.lead("another", 5_000)
        tasks.cancel_scope.cancel()
    assert await one.store.lead("another", 5_000)
