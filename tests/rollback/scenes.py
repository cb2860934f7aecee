"""Rollouts and counters as the tests of the judge set them up."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from rollback import commands
from rollback.decision import Facts
from rollback.ledger import read
from rollback.plan import Budget, BudgetClass, Plan, Stage
from rollback.rollout import Rollout
from rollback.verdict import Side, SignalReport, Source, TestKind

STAGES = (
    Stage(0, min_keys=300, bake_seconds=300.0),
    Stage(100, min_keys=50, bake_seconds=600.0, margin=3.0),
    Stage(1000, min_keys=200, bake_seconds=900.0, margin=2.0),
    Stage(5000, min_keys=500, bake_seconds=1800.0),
    Stage(10_000, bake_seconds=7200.0),
)
"""The stages that the configuration has by default."""

REFUSAL = Budget("refusal", max_increase=0.02)
ERRORS = Budget("errors", max_increase=0.01, ceiling=0.10)
LENGTH = Budget("length", within=0.15)
SCHEMA = Budget("schema", max_increase=0.01)
AGREEMENT = Budget("agreement", max_excess_disagreement=0.05)
TTFT = Budget("ttft", BudgetClass.SIGNAL, max_increase=0.10)


def plan(*budgets: Budget, stages: tuple[Stage, ...] = STAGES, alpha: float = 0.05) -> Plan:
    """A plan with these budgets; by default with one for refusals."""
    return Plan("default", alpha, 10.0, 900.0, stages, budgets or (REFUSAL,))


def rollout(*budgets: Budget, stage: int = 0, stages: tuple[Stage, ...] = STAGES) -> Rollout:
    """A rollout that entered this stage at second 0."""
    made = commands.start(
        id="chat-20261121-7f3a",
        endpoint="chat",
        stable="v12",
        candidate="v13",
        plan=plan(*budgets, stages=stages),
        salt="salt",
        revision=1,
        epoch=1,
        actor="ci",
        reason="new checkpoint",
        now=0.0,
        signal_versions={"refusal": 1},
    )
    for _ in range(stage):
        made = commands.promote_step(made, actor="ci", reason="", now=0.0)
    return made


def forget() -> None:
    """Nothing is remembered of where counters stand among their names, as in another process."""
    for number in range(9):
        read({f"k/{number}/other/stable": 1})


def pairs(signal: str, stage: int = 0, slice_: str = "*", **counts: int) -> Counter[str]:
    """Pairs by what the candidate did: `worse`, `same`, `better` (one bad event more, none, one fewer)."""
    index = {"worse": 20, "same": 0, "better": -20}
    return Counter({f"p/{signal}/{slice_}/{stage}/{index[name]}": count for name, count in counts.items()})


def differences(signal: str, stage: int, by_index: Mapping[int, int]) -> Counter[str]:
    """Pairs by lattice index."""
    return Counter({f"p/{signal}/*/{stage}/{index}": count for index, count in by_index.items()})


def split(
    signal: str, stage: int, stable: tuple[int, int], candidate: tuple[int, int], *, lost: int = 0
) -> Counter[str]:
    """Split votes, as (bad, all) of each arm, at the stage's weight; `lost` more are the candidate's."""
    weight = STAGES[stage].weight_bps
    cells = Counter[str]()
    for arm, (bad, total) in (("stable", stable), ("candidate", candidate)):
        cells[f"s/{signal}/*/{stage}/{weight}/{arm}/1"] += bad
        cells[f"s/{signal}/*/{stage}/{weight}/{arm}/0"] += total - bad
    cells[f"s/{signal}/*/{stage}/{weight}/candidate/x"] += lost
    return +cells


def votes(stage: int, source: str, count: int, arm: str = "candidate") -> Counter[str]:
    """Voting keys."""
    return Counter({f"k/{stage}/{source}/{arm}": count})


def total(parts: Iterable[Mapping[str, int]]) -> Counter[str]:
    """Counters added up."""
    added = Counter[str]()
    for part in parts:
        added.update(part)
    return added


def facts(*cells: Mapping[str, int], counts: Mapping[str, int] | None = None) -> Facts:
    """Facts with these cells. `counts` are those of the last ten seconds."""
    return Facts(
        cells=total(cells),
        counts=counts or {},
        previous_counts={},
        previous_at=990.0,
        blind_seconds=0.0,
        store_ok=True,
    )


def blind(seconds: float, *cells: Mapping[str, int]) -> Facts:
    """Facts of a rollout that has been blind for so long."""
    return replace(facts(*cells), blind_seconds=seconds)


def row(
    reports: Iterable[SignalReport],
    signal: str,
    source: Source = Source.PAIRED,
    test: TestKind = TestKind.POINTS,
    side: Side = Side.UPPER,
    slice_: str = "*",
) -> SignalReport:
    """The one row of that description."""
    wanted = (signal, source, test, side, slice_)
    (found,) = (each for each in reports if (each.signal, each.source, each.test, each.side, each.slice) == wanted)
    return found
