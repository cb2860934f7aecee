"""What the evidence says of one test, with the numbers that say it.

Three kinds of "no" are three verdicts: harm (bad), not enough, unmeasured. Not applicable is a fourth: left out.
"""

from dataclasses import dataclass
from enum import StrEnum

from rollback.plan import BudgetClass


class Verdict(StrEnum):
    """What the evidence says."""

    HARM = "harm"
    NO_HARM = "no_harm"
    NOT_ENOUGH = "not_enough"
    UNMEASURED = "unmeasured"
    NOT_APPLICABLE = "not_applicable"


class Source(StrEnum):
    """Where evidence comes from."""

    PAIRED = "paired"
    SPLIT = "split"


class TestKind(StrEnum):
    """Which null hypothesis is tested."""

    __test__ = False  # not a pytest class

    POINTS = "points"
    RATIO = "ratio"
    CEILING = "ceiling"
    TAIL = "tail"


class Side(StrEnum):
    """The direction in which drift is harm."""

    UPPER = "upper"
    LOWER = "lower"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalReport:
    """One row of the table that a decision is made on; fractions, not percent.

    `estimate` is candidate minus stable (a log ratio for length, a ratio for `ratio`), None where nothing was seen.
    `bound` is one-sided at this test's own share of alpha, on the side that matters: it agrees with the verdict.
    `harmless` says whether no-harm is shown on this stage's own cells at this stage's margin. `decides_widening` is
    false for tests that only look for harm.
    `late` says that the harm began late and is shown by the votes since then alone: `late_n` of them, with the drift
    `late_estimate`. `burn` is that of whichever proof of harm has come further.
    """

    signal: str
    slice: str
    source: Source
    test: TestKind
    side: Side
    budget_class: BudgetClass
    estimate: float | None
    stable_rate: float | None
    candidate_rate: float | None
    bound: float | None
    limit: float
    burn: float
    n: int
    stage_n: int
    not_applicable: int
    unmeasured: int
    harmless: bool
    decides_widening: bool
    optional: bool
    verdict: Verdict
    late: bool = False
    late_n: int = 0
    late_estimate: float | None = None
