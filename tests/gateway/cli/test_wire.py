import msgspec

from gateway.cli import wire
from gateway.config.plans import PlanSpec
from gateway.control.rolling import Durability
from gateway.control.views import entry_view, rollout_view
from rollback.audit import AuditEntry
from rollback.plan import BudgetClass
from rollback.refusals import RefusalChange
from rollback.rollout import Holding, Phase, Rollout
from rollback.verdict import Side, SignalReport, Source, TestKind, Verdict
from shadow.signals.refusal_change import Change, Counted

REPORT = SignalReport(
    signal="refusal", slice="*", source=Source.PAIRED, test=TestKind.POINTS, side=Side.UPPER,
    budget_class=BudgetClass.SIGNAL, estimate=0.01, stable_rate=0.02, candidate_rate=0.03, bound=0.015, limit=0.02,
    burn=0.4, n=812, stage_n=12, not_applicable=3, unmeasured=1, harmless=False, decides_widening=True,
    optional=False, verdict=Verdict.NOT_ENOUGH,
)  # fmt: skip
ROLLOUT = Rollout(
    id="chat-1", endpoint="chat", stable="a", candidate="b", plan=PlanSpec().resolve("default"), salt="s",
    phase=Phase.CANARY, stage=1, weight_bps=100, revision=3, epoch=1, epoch_index=1, holding=Holding.BAKE,
    reason="because", actor="me", started_at=1.0, stage_started_at=2.0,
)  # fmt: skip

SPENT = {"priced.stable": 4, "spent.stable": 2_000_000, "priced.judge": 1, "spent.judge": 5_000_000, "judge.calls": 6}


def test_the_command_reads_rollouts_as_the_admin_api_writes_them() -> None:
    """Both ends are ours and are built apart: every field that is shown arrives."""
    change = RefusalChange("refusal", Counted(812, 12, 3), Change(0.011, -0.002, 0.024))
    view = rollout_view(ROLLOUT, {"stable": 7, "shed": 1, **SPENT}, [REPORT], refusals=[change])
    seen = msgspec.json.decode(msgspec.json.encode(view), type=wire.Rollout)
    assert (seen.id, seen.phase, seen.stage, seen.stage_count, seen.weight_bps) == ("chat-1", "canary", 1, 5, 100)
    assert (seen.holding, seen.reason, seen.stable, seen.candidate) == ("bake", "because", "a", "b")
    assert seen.requests == wire.Requests(stable=7, shed=1)
    assert seen.refusals == (wire.Refusals("refusal", 812, 12, 3, 0.011, -0.002, 0.024),)
    assert seen.spent == wire.Spent(stable_per_1000=0.5, judge=0.005)
    assert seen.judge == wire.Judged(calls=6)
    (signal,) = seen.signals
    assert (signal.budget_class, signal.source, signal.test, signal.verdict) == (
        "signal", "paired", "points", "not_enough",
    )  # fmt: skip
    assert (signal.stable_rate, signal.candidate_rate, signal.bound, signal.burn) == (0.02, 0.03, 0.015, 0.4)


def test_the_command_reads_audit_entries_as_the_admin_api_writes_them() -> None:
    """`explain` shows what was decided on."""
    entry = AuditEntry(
        at=1.0, actor="me", action="start", rollout="chat-1", phase_from=Phase.PENDING, phase_to=Phase.SHADOWING,
        stage=0, weight_bps=0, revision=1, reason="because", signals=(REPORT,), cells={"p/refusal/*/0/20": 1}, id="7-0",
    )  # fmt: skip
    seen = msgspec.json.decode(msgspec.json.encode(entry_view(entry)), type=wire.AuditEntry)
    assert (seen.id, seen.phase_from, seen.phase_to, seen.cells) == ("7-0", "pending", "shadowing", entry.cells)
    assert seen.signals[0].n == 812
    assert (seen.refusals[0].n, seen.refusals[0].gained) == (1, 1)


def test_the_command_reads_durability_as_the_admin_api_writes_it() -> None:
    """The exit code of `rollback` rests on it."""
    view = Durability(journal="synced", redis="unreachable: gone", acknowledged=1, pending=("data-1",)).view()
    seen = msgspec.json.decode(msgspec.json.encode(view), type=wire.Durability)
    assert seen == wire.Durability("pending", "synced", "unreachable: gone", wire.Workers(1, ("data-1",)))
