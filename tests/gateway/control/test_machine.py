"""Two gateways on a real Valkey, whatever happens to them in whatever order: commands, deaths in the midst of a
transition, frozen leaders, a killed or flushed server, clocks that jump. A rollback is never lost, no step is skipped
or done twice, and the audit record says so.

The gateways' real parts are used (controller, carrier, journal on disk, operators' rollback); a process is killed by an
error that nothing catches, and starts again from its journal. Their workers are routes that are told what the control
process would tell them, and what Redis says.
"""

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gateway.channel.messages import RollBack, RouteUpdate
from gateway.channel.server import ControlServer
from gateway.control.alerts import Alerts
from gateway.control.home import Home
from gateway.control.rolling import Order, RollingBack
from gateway.control.routes import Routes
from rollback import audit, commands, phases
from rollback.carrying import Because, Carrier, Change, Latched
from rollback.controller import Controller
from rollback.decision import Decision, DecisionKind, Facts
from rollback.errors import Conflict, NotPossible
from rollback.journal import Journal
from rollback.plan import Budget, Plan, Stage
from rollback.rollout import Phase, Rollout
from rollback.store import Loaded, RolloutStore, Transition
from rollback.watching import Watched
from routing.connecting import connect
from routing.errors import StoreUnavailable
from routing.exposure import Generation, Route
from routing.names import EndpointKeys
from routing.store import ExposureStore
from tests.redis_server import RedisServer, binary_of

T = TypeVar("T")

PLAN: Final = Plan(
    name="steps",
    alpha=0.05,
    lease_seconds=30.0,
    max_blind_seconds=900.0,
    stages=(Stage(0), Stage(1_000), Stage(5_000), Stage(10_000)),
    budgets=(Budget("refusal", max_increase=0.02),),
)
KEYS: Final = EndpointKeys("dg", "chat")
DEATHS: Final = ("before the latch", "after the latch", "before the commit", "after the commit", "after all")
"""Where a transition can be interrupted for good."""
GATEWAYS: Final = st.integers(0, 1)


class Killed(BaseException):
    """SIGKILL: nothing catches it, and nothing runs after it."""


class World:
    """What both gateways share: the server, the clocks, and what somebody was told."""

    def __init__(self, server: RedisServer, place: Path) -> None:
        self.server = server
        self.place = place
        self.monotonic_ahead = 0.0
        self.server_time_ahead = 0.0
        self.death = ""
        self.verdict = DecisionKind.HOLD

    def clock(self) -> float:
        """The machine's monotonic clock, which a test may move on."""
        return time.monotonic() + self.monotonic_ahead

    def die(self, point: str) -> None:
        """End the process that comes by, if this is its point; once."""
        if self.death == point:
            self.death = ""
            raise Killed(point)

    def decide(self, rollout: Rollout, _facts: Facts, now: float) -> Decision:
        """The verdict that the test wants, as far as the phase machine lets it."""
        kind, after = self.verdict, rollout
        if kind is DecisionKind.WIDEN and rollout.stage + 1 < len(PLAN.stages):
            after = phases.entered(rollout, rollout.stage + 1, actor="driftgate", reason="shown harmless", now=now)
        elif kind is DecisionKind.PROMOTE and rollout.stage + 1 == len(PLAN.stages):
            after = phases.promoted(rollout, actor="driftgate", reason="baked", now=now)
        elif kind is DecisionKind.ROLL_BACK:
            after = phases.rolled_back(rollout, actor="driftgate", reason="harm", now=now)
        changed = after is not rollout and not (rollout.paused and kind is not DecisionKind.ROLL_BACK)
        said = kind if changed else DecisionKind.HOLD
        return Decision(
            kind=said, after=after if changed else rollout, changed=changed, reports=(), sentence="", trigger="test"
        )


class MortalStore(RolloutStore):
    """The real store, which a process may die before or after; its server's clock may jump."""

    world: World

    async def load(self, endpoint: str) -> Loaded:
        """With the server's time as it is said to be."""
        loaded = await super().load(endpoint)
        return replace(loaded, now=loaded.now + self.world.server_time_ahead)

    async def commit(self, change: Transition) -> int:
        """As the store does."""
        self.world.die("before the commit")
        written = await super().commit(change)
        self.world.die("after the commit")
        return written


class MortalHome(Home):
    """The real home, which a process may die before or after."""

    world: World

    async def latch(self, rollout: Rollout, revision: int, reason: str, actor: str) -> Latched:
        """As the home does."""
        self.world.die("before the latch")
        latched = await super().latch(rollout, revision, reason, actor)
        self.world.die("after the latch")
        return latched

    async def applied(self, change: Change) -> None:
        """As the home does."""
        await super().applied(change)
        self.world.die("after all")


class Gateway:
    """One gateway's control process and one worker, from its journal on disk."""

    def __init__(self, world: World, number: int) -> None:
        self._journal = Journal(world.place / f"journal-{number}.jsonl")
        self.link = connect(world.server.url, timeout_seconds=2.0)
        self.store = MortalStore(self.link, "dg")
        self.exposure = ExposureStore(self.link, "dg", timeout_seconds=2.0)
        self.routes = Routes(world.clock)
        channel = ControlServer(world.place / "unused", state=self.routes.messages, lease_seconds=lambda: 0.0)
        self.home = MortalHome(self._journal, channel, self.routes, Alerts((), "http://x"))
        self.store.world = self.home.world = world
        self.watched = {"chat": Watched()}
        self.carrier = Carrier(self.store, self.home, world.clock)
        self.controller = Controller(
            self.store, self.store, self.home, self.carrier, self.watched, holder=f"g{number}", decide=world.decide
        )
        self.rolling = RollingBack(self.store, self.home, self.carrier, self.watched)
        self.route = Route(endpoint="chat", stable=Generation(0, "old", 0.0, "config"))
        self.stale: Rollout | None = None
        self._world = world

    async def tell_worker(self) -> None:
        """What the control process says, and then what Redis says."""
        for message in self.routes.messages():
            if isinstance(message, RollBack):
                self.route = self.route.rolled_back(message.rollout, message.revision)
            elif isinstance(message, RouteUpdate):
                self.route = self.route.observed(message.observation())
        with suppress(StoreUnavailable):
            self.route = self.route.observed(await self.exposure.observe("chat", self._world.clock))

    async def aclose(self) -> None:
        """What the kernel does to a dead process's descriptors."""
        self._journal.close()
        await self.link.aclose()


class Machine(RuleBasedStateMachine):
    """The rules, and what must hold after each."""

    server: RedisServer

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(prefix="dg")
        self.runner = asyncio.Runner()
        self.world = World(self.server, Path(self.directory.name))
        self.is_up = True
        self.gateways: list[Gateway] = []
        self.ended_at_home: list[set[str]] = [set(), set()]
        self.ended: set[str] = set()
        self.number = 0

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run to its end on the machine's loop."""

        async def whole() -> T:
            return await work()

        return self.runner.run(whole())

    def teardown(self) -> None:
        """Close everything; the server serves the next run."""
        if not self.is_up:
            self.server.start()
        for gateway in self.gateways:
            self.run(gateway.aclose)
        self.runner.close()
        self.directory.cleanup()

    @initialize()
    def begin(self) -> None:
        """Two gateways, an empty server."""
        with self.server.client() as client:
            client.flushall()
        self.run(self._make)

    async def _make(self) -> None:
        self.gateways = [Gateway(self.world, 0), Gateway(self.world, 1)]

    @contextmanager
    def _mortal(self, number: int, death: str = "") -> Iterator[None]:
        """A process that may die at a point; then it starts again from its journal."""
        self.world.death = death
        try:
            yield
        except Killed:
            self.run(self.gateways[number].aclose)
            self.run(lambda: self._again(number))
        except (StoreUnavailable, Conflict, NotPossible):
            pass  # said to the operator; nothing was promised
        finally:
            self.world.death = ""

    async def _again(self, number: int) -> None:
        self.gateways[number] = Gateway(self.world, number)

    # ── what may happen ───────────────────────────────────────────────────────────────────────────────────────────────

    @rule(number=GATEWAYS, death=st.sampled_from(("", *DEATHS)))
    def start(self, number: int, death: str) -> None:
        """An operator starts a rollout, as `Operations.start` does."""
        self.number += 1
        gateway, rollout_id = self.gateways[number], f"chat-{self.number}"

        async def work() -> None:
            loaded = await gateway.store.load("chat")
            if loaded.rollout is not None and loaded.rollout.is_running:
                return
            known, journal = loaded.rollout, gateway.home.journal
            first = commands.start(
                id=rollout_id,
                endpoint="chat",
                stable="old",
                candidate=f"new-{self.number}",
                plan=PLAN,
                salt="salt",
                revision=max(known.revision if known else 0, journal.revisions.get("chat", 0)) + 1,
                epoch=max(known.epoch if known else 0, journal.epochs.get("chat", 0)) + 1,
                actor="ann",
                reason="a start",
                now=loaded.now,
                signal_versions={},
            )
            await gateway.carrier.carry_out(known, first, Because(actor="ann", action="start", now=loaded.now))

        with self._mortal(number, death):
            self.run(work)

    @rule(
        number=GATEWAYS,
        verdict=st.sampled_from(
            [kind for kind in DecisionKind if kind.value in ("hold", "widen", "promote", "roll_back")]
        ),
        death=st.sampled_from(("", "", *DEATHS)),
    )
    def tick(self, number: int, verdict: DecisionKind, death: str) -> None:
        """The controller looks, and acts if it leads."""
        self.world.verdict = verdict
        with self._mortal(number, death):
            self.run(self.gateways[number].controller.tick)
        self.world.verdict = DecisionKind.HOLD

    @rule(number=GATEWAYS)
    def lose_the_lead(self, number: int) -> None:
        """Its lease runs out: it was frozen, say."""
        if self.is_up:
            with self.server.client() as client:
                if client.get("dg:leader") == f"g{number}".encode():
                    client.delete("dg:leader")

    @rule(number=GATEWAYS)
    def freeze_after_loading(self, number: int) -> None:
        """A leader reads the state, and is frozen before it acts on it."""

        async def work() -> None:
            self.gateways[number].stale = (await self.gateways[number].store.load("chat")).rollout

        with suppress(StoreUnavailable):
            self.run(work)

    @rule(number=GATEWAYS)
    def wake_and_widen(self, number: int) -> None:
        """It wakes, and widens what it had read: the fence lets that through only where nothing has happened since."""
        gateway = self.gateways[number]
        stale, gateway.stale = gateway.stale, None
        if stale is None or not stale.is_running or stale.paused or stale.stage + 1 >= len(PLAN.stages):
            return

        async def work() -> None:
            after = phases.entered(stale, stale.stage + 1, actor="driftgate", reason="old news", now=stale.started_at)
            await gateway.carrier.carry_out(stale, after, Because(actor="driftgate", action="widen", now=0.0))

        with self._mortal(number):
            self.run(work)

    @rule(number=GATEWAYS, death=st.sampled_from(("", "", "", *DEATHS)))
    def roll_back(self, number: int, death: str) -> None:
        """An operator rolls back. What was answered holds for ever: kept nowhere would have been said."""
        gateway = self.gateways[number]
        with self._mortal(number, death):
            done = self.run(lambda: gateway.rolling.stop(Order("chat", "ann", "support tickets")))
            if done is not None:
                rollout = str(done.rollout["id"])
                self.ended_at_home[number].add(rollout)
                if done.durability.state == "durable":
                    self.ended.add(rollout)

    @rule(number=GATEWAYS, verb=st.sampled_from(["pause", "resume"]))
    def command(self, number: int, verb: str) -> None:
        """An operator pauses or resumes."""
        gateway = self.gateways[number]

        async def work() -> None:
            loaded = await gateway.store.load("chat")
            if loaded.rollout is not None:
                step = commands.pause if verb == "pause" else commands.resume
                after = step(loaded.rollout, actor="ann", reason="", now=loaded.now)
                because = Because(actor="ann", action=verb, now=loaded.now)
                await gateway.carrier.carry_out(loaded.rollout, after, because)

        with self._mortal(number):
            self.run(work)

    @precondition(lambda self: self.is_up)
    @rule()
    def kill_the_server(self) -> None:
        """SIGKILL; every write was synced."""
        self.server.stop()
        self.is_up = False

    @precondition(lambda self: not self.is_up)
    @rule()
    def start_the_server(self) -> None:
        """It is back, with everything."""
        self.server.start()
        self.is_up = True

    @precondition(lambda self: self.is_up)
    @rule()
    def flush(self) -> None:
        """Somebody's mistake."""
        with self.server.client() as client:
            client.flushall()

    @rule(seconds=st.sampled_from([1.0, 60.0, 3_600.0]))
    def the_machine_sleeps(self, seconds: float) -> None:
        """Its monotonic clock moves on: leases end."""
        self.world.monotonic_ahead += seconds

    @rule(seconds=st.sampled_from([-3_600.0, 3_600.0]))
    def the_servers_clock_jumps(self, seconds: float) -> None:
        """An hour forward or back."""
        self.world.server_time_ahead += seconds

    # ── what must hold ────────────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def what_was_rolled_back_is_exposed_nowhere(self) -> None:
        """At home from the answer on; everywhere once it was called durable."""
        for number, gateway in enumerate(self.gateways):
            self.run(gateway.tell_worker)
            grant = gateway.route.live_grant(self.world.clock())
            exposed = grant.rollout if grant is not None else ""
            assert exposed not in self.ended_at_home[number], f"{exposed} was rolled back at gateway {number}"
            assert exposed not in self.ended, f"{exposed} was rolled back durably"

    @invariant()
    def the_audit_tells_of_single_steps(self) -> None:
        """Revisions only rise; the controller widens by one stage at a time, and an ended rollout takes no step."""
        if not self.is_up:
            return
        with self.server.client() as client:
            stored: Any = client.xrange(KEYS.audit)
        entries = [audit.from_fields(fields) for _, fields in stored]
        revisions = [entry.revision for entry in entries]
        assert revisions == sorted(set(revisions)), revisions
        steps: defaultdict[str, list[Any]] = defaultdict(list)
        for entry in entries:
            steps[entry.rollout].append(entry)
        for rollout, made in steps.items():
            for before, after in pairwise(made):
                assert before.phase_to is not Phase.ROLLED_BACK, f"{rollout} went on after its rollback"
                if after.action == "widen":
                    assert after.stage == before.stage + 1, f"{rollout}: {before.stage} → {after.stage}"


@pytest.mark.timeout(300)
def test_nothing_is_lost_or_done_twice_whatever_happens_in_whatever_order() -> None:
    """Rollbacks hold, steps are single, the audit is complete."""
    with tempfile.TemporaryDirectory(prefix="dg") as directory:
        server = RedisServer(binary_of("valkey"), Path(directory))
        server.start()
        try:
            run_state_machine_as_test(
                type("OnThisServer", (Machine,), {"server": server}),
                settings=settings(
                    max_examples=40,
                    stateful_step_count=30,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            server.stop()
