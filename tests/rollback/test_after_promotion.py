"""After a promotion: the old stable is mirrored to for a while, and late harm brings it back."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio
import pytest

from rollback import commands
from rollback.carrying import Because, Carrier, Change, Latched
from rollback.controller import Controller
from rollback.decision import DecisionKind, decide
from rollback.evidence import examine, judge
from rollback.journal import JournalState
from rollback.plan import Budget
from rollback.rollout import Phase, Rollout
from rollback.store import RolloutStore
from rollback.store_memory import MemoryRolloutStore
from rollback.verdict import SignalReport, Source, Verdict
from rollback.watching import Watched
from routing.connecting import connect
from routing.exposure import Generation
from routing.names import EndpointKeys
from tests.redis_server import RedisServer
from tests.rollback.scenes import AGREEMENT, ERRORS, LENGTH, REFUSAL, differences, facts, pairs, rollout, row

DAY = 86_400.0


def promoted(*budgets: Budget, keep: float = DAY) -> Rollout:
    """A rollout of the default stages that was promoted at second 100 and keeps the old stable for `keep` seconds."""
    made = rollout(*budgets, stage=4)
    made = replace(made, plan=replace(made.plan, keep_stable_seconds=keep))
    return commands.promote_full(made, actor="ann", reason="sure", now=100.0)


def mirrored(worse: int, same: int) -> Counter[str]:
    """Pairs of the promoted model with the old one, which is mirrored to: where the old is better, the new is worse."""
    return pairs("refusal", stage=4, better=worse, same=same)


def late(windows: int, worse: Mapping[int, int]) -> Counter[str]:
    """400 pairs a window, of which in some windows the promoted model refused so many more."""
    cells = Counter[str]()
    for window in range(windows):
        bad = worse.get(window, 0)
        cells[f"wp/refusal/{window}/-5"] = bad
        cells[f"wp/refusal/{window}/0"] = 400 - bad
        cells["p/refusal/*/4/-20"] += bad
        cells["p/refusal/*/4/0"] += 400 - bad
    return +cells


def test_a_promotion_goes_on_mirroring_to_the_old_stable_and_exposes_nobody() -> None:
    """Weight 0, the old model as the one mirrored to, an epoch of its own, windows from the promotion on."""
    made = promoted()
    grant = made.grant()
    assert grant is not None
    assert (grant.candidate, grant.weight_bps, grant.kept, grant.started_at) == ("v12", 0, True, 100.0)
    assert (made.kept_until, made.epoch, made.own_epoch, grant.epoch) == (100.0 + DAY, 2, 1, 2)
    assert (made.weight_bps, made.is_running) == (10_000, False)


def test_a_plan_may_keep_nothing() -> None:
    """Then a promotion is the end."""
    made = promoted(keep=0.0)
    assert (made.grant(), made.kept_until, made.epoch) == (None, None, 1)
    assert decide(made, facts(mirrored(60, 140)), 200.0).kind is DecisionKind.KEEP


def test_harm_after_the_promotion_brings_the_old_stable_back() -> None:
    """The promoted model is still the one that is judged, and the sentence says what is stable now."""
    decision = decide(promoted(), facts(mirrored(40, 160)), 200.0)
    assert (decision.kind, decision.changed, decision.trigger) == (DecisionKind.ROLL_BACK, True, "guardrail")
    assert decision.sentence.startswith("refusal +20.0 pp [")
    assert decision.sentence.endswith("burn 100 %; after the promotion, so v12 is stable again")
    assert (decision.after.phase, decision.after.grant()) == (Phase.ROLLED_BACK, None)


def test_a_model_that_is_better_than_the_old_one_is_kept() -> None:
    """The arms have changed places in the mirrors; the direction of harm has not."""
    assert decide(promoted(), facts(pairs("refusal", stage=4, worse=40, same=160)), 200.0).kind is DecisionKind.KEEP


def test_harm_that_begins_long_after_the_promotion_is_found() -> None:
    """Beyond the windows that are declared for a rollout, which after a promotion nobody has declared."""
    quiet = late(700, {})
    assert decide(promoted(), facts(quiet), 200.0).kind is DecisionKind.KEEP
    decision = decide(promoted(), facts(late(700, {698: 60, 699: 60})), 200.0)
    assert (decision.kind, decision.trigger) == (DecisionKind.ROLL_BACK, "late_onset")
    assert "in the last 800 pairs: it began late" in decision.sentence


def test_what_is_judged_after_a_promotion_has_the_next_epochs_share_of_alpha() -> None:
    """A sixth of alpha, after the half of the rollout itself, divided among the tests that mirrors can feed."""
    tests = examine(promoted(REFUSAL, ERRORS), {}).tests
    assert {test.source for test in tests} == {Source.PAIRED}
    assert sum(test.alpha + test.late_alpha for test in tests) == pytest.approx(0.05 / 6)


def test_lengths_turn_round_and_agreement_does_not() -> None:
    """Longer answers of the old model are shorter ones of the new; how little two models agree has no direction."""
    longer, apart = differences("length", 4, {4: 300}), differences("agreement", 4, {4: 300})
    reports = judge(promoted(LENGTH, AGREEMENT), longer + apart)
    assert row(reports, "agreement").estimate == pytest.approx(0.2)
    estimate = row(reports, "length").estimate
    assert estimate is not None
    assert estimate < 0.0


def test_errors_of_the_promoted_model_that_the_old_one_does_not_make_are_harm() -> None:
    """A request that failed is mirrored as well: would the old stable have answered it?"""
    cells = pairs("errors", stage=4, better=30, same=70)
    assert decide(promoted(ERRORS), facts(cells), 200.0).kind is DecisionKind.ROLL_BACK


@pytest.mark.parametrize("good", [1_000, 30_000])
def test_a_promoted_model_that_dies_is_gone_back_from_soon_however_long_it_was_well(good: int) -> None:
    """Two dozen pairs: the search for a late onset does not count the good ones before."""
    dead = 25
    windows = {f"wp/errors/{window}/0": 500 for window in range(good // 500)}
    cells = Counter({**windows, f"wp/errors/{good // 500}/-5": dead})
    cells += pairs("errors", stage=4, better=dead, same=good)
    assert decide(promoted(ERRORS), facts(cells), 200.0).kind is DecisionKind.ROLL_BACK


def test_after_its_time_the_old_stable_is_forgotten() -> None:
    """Harm that comes later needs an operator."""
    assert decide(promoted(), facts(mirrored(40, 160)), 100.0 + DAY).kind is DecisionKind.KEEP
    reports = judge(promoted(), mirrored(40, 160))
    assert row(reports, "refusal").verdict is Verdict.HARM


# ── carried out ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Home:
    """A gateway without workers: it writes down what it was told."""

    journal: JournalState = field(default_factory=JournalState)
    told: list[str] = field(default_factory=list)

    async def latch(self, rollout: Rollout, revision: int, reason: str, actor: str) -> Latched:
        """A rollback."""
        del rollout, revision, reason, actor
        self.told.append("latched")
        return Latched(seq=1)

    async def seen(self, endpoint: str, rollout: Rollout | None, generation: Generation | None) -> None:
        """What Redis says."""

    async def applied(self, change: Change) -> None:
        """A transition."""
        stable = change.generation.model if change.generation else "as before"
        self.told.append(f"applied {change.after.phase}, stable {stable}")

    def held(self, rollout: Rollout, reports: Sequence[SignalReport]) -> None:
        """No holding after the end."""
        self.told.append(f"held {rollout.holding}")


@dataclass
class Subject:
    """A store with its own clock, and the way to put cells into it."""

    store: RolloutStore | MemoryRolloutStore
    cells: Callable[[int, Mapping[str, int]], object]


@pytest.fixture(params=["memory", "valkey"])
async def subject(
    request: pytest.FixtureRequest, redis_servers: Callable[[str], RedisServer]
) -> AsyncIterator[Subject]:
    """The in-memory twin, and the real store."""
    if request.param == "memory":
        twin = MemoryRolloutStore(lambda: 1_000.0)
        yield Subject(twin, lambda epoch, cells: twin.cells["chat", epoch].update(cells))
        return
    server = redis_servers("valkey")
    redis = connect(server.url, timeout_seconds=2.0)

    def write(epoch: int, cells: Mapping[str, int]) -> None:
        with server.client() as client:
            client.hset(EndpointKeys("dg", "chat").cells(epoch), mapping=dict(cells))

    yield Subject(RolloutStore(redis, "dg"), write)
    await redis.aclose()


def because(now: float) -> Because:
    """Ann wants it."""
    return Because(actor="ann", action="test", now=now)


@pytest.mark.anyio
async def test_the_controller_watches_a_promoted_rollout_and_takes_it_back(subject: Subject) -> None:
    """Promoted, mirrored with a renewed lease, harmed, and rolled back with a generation of the old model."""
    home, watched = Home(), {"chat": Watched()}
    carrier = Carrier(subject.store, home, anyio.current_time)
    controller = Controller(subject.store, subject.store, home, carrier, watched, holder="me")
    now = (await subject.store.load("chat")).now
    running = replace(rollout(stage=4), plan=replace(rollout().plan, keep_stable_seconds=DAY))
    await carrier.carry_out(None, running, because(now))
    made = commands.promote_full(running, actor="ann", reason="sure", now=now)
    await carrier.carry_out(running, made, because(now), Generation(1, "v13", now, "ann"))

    await controller.tick()
    loaded = await subject.store.load("chat")
    assert (loaded.rollout, loaded.generation) == (made, Generation(1, "v13", now, "ann"))
    assert watched["chat"].kept_reports

    subject.cells(2, mirrored(40, 160))
    await controller.tick()
    loaded = await subject.store.load("chat")
    assert loaded.rollout is not None
    assert loaded.generation is not None
    assert (loaded.rollout.phase, loaded.generation.model, loaded.generation.number) == (Phase.ROLLED_BACK, "v12", 2)
    assert home.told[-2:] == ["latched", "applied rolled_back, stable v12"]
    (entry, *_) = await subject.store.entries("chat", 10)
    assert (entry.action, entry.phase_from, entry.actor) == ("roll_back", Phase.PROMOTED, "driftgate")


@pytest.mark.anyio
async def test_a_promotion_that_was_taken_back_otherwise_is_not_watched(subject: Subject) -> None:
    """Only while the candidate is what the endpoint serves is there anything to take back."""
    home, watched = Home(), {"chat": Watched()}
    carrier = Carrier(subject.store, home, anyio.current_time)
    controller = Controller(subject.store, subject.store, home, carrier, watched, holder="me")
    now = (await subject.store.load("chat")).now
    running = replace(rollout(stage=4), plan=replace(rollout().plan, keep_stable_seconds=DAY))
    made = commands.promote_full(running, actor="ann", reason="sure", now=now)
    await carrier.carry_out(None, made, because(now), Generation(3, "v11", now, "ann"))
    subject.cells(2, mirrored(40, 160))
    await controller.tick()
    assert (await subject.store.load("chat")).rollout == made
