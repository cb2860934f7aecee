"""What a rollout is allowed to do: its stages and its drift budgets.

A plan is resolved and frozen when a rollout starts; a reload of the configuration never changes a running one.
A budget is expanded into tests, and each test is one null hypothesis about one number.
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from rollback.errors import InvalidPlan
from rollback.hours import Hours
from routing.bucketing import WEIGHT_SCALE


class BudgetClass(StrEnum):
    """What harm of a signal leads to."""

    GUARDRAIL = "guardrail"
    """Harm rolls back; widening waits until it is shown harmless."""
    SIGNAL = "signal"
    """Harm holds, and the hold ends by itself when it clears."""
    OBSERVE = "observe"
    """Only reported."""


class OnDeadline(StrEnum):
    """What a stage does when its deadline passes without a verdict. Never: widen."""

    HOLD = "hold"
    ROLL_BACK = "roll_back"
    APPROVE = "approve"


@dataclass(frozen=True, slots=True)
class Budget:
    """The drift that one signal may have. All limits are fractions (0.02 is 2 points), None where not set.

    `expected` is a (low, high) pair of relative changes that are wanted: (−0.30, −0.10) for 10 to 30 % less. For
    `length` it replaces `within`; for a rate, low and high are differences in points.
    `optional` lets a guardrail that applies to too little traffic pass; without it, it holds.
    """

    signal: str
    budget_class: BudgetClass = BudgetClass.GUARDRAIL
    max_increase: float | None = None
    max_decrease: float | None = None
    within: float | None = None
    expected: tuple[float, float] | None = None
    max_ratio: float | None = None
    ceiling: float | None = None
    max_excess_disagreement: float | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """One weight of the plan. `min_keys`: distinct voting keys of this stage; completed pairs at weight 0.

    `include` are attributes of callers (`ring:beta`) who are on the candidate from this stage on, whatever the weight.
    Harmlessness is shown against `margin` × each limit. `deadline_seconds` None: no deadline. `approval`: the evidence
    is not enough, an operator must approve as well before the rollout leaves the stage.
    """

    weight_bps: int
    min_keys: int = 0
    bake_seconds: float = 0.0
    margin: float = 1.0
    deadline_seconds: float | None = None
    on_deadline: OnDeadline = OnDeadline.HOLD
    approval: bool = False
    include: tuple[str, ...] = ()

    def widens(self, before: "Stage") -> bool:
        """Whether this stage reaches more than `before`, and nobody less."""
        kept = set(before.include) <= set(self.include)
        more = self.weight_bps > before.weight_bps or len(self.include) > len(before.include)
        return kept and more and self.weight_bps >= before.weight_bps


@dataclass(frozen=True, slots=True)
class Plan:
    """Stages from narrow to wide, the budgets, and the chance `alpha` that a harmless candidate is ever rolled back.

    `widen_during` are the hours in which it may widen by itself; none: always. `keep_stable_seconds` is how long the
    old stable is mirrored to after a promotion, so that a late regression still rolls back; 0: not at all.
    `slices_roll_back`: harm in one slice is harm, if no client can choose to be in it.
    `exclude` are attributes of callers (`tenant:bank`) who have no part in the rollout until it is promoted.
    """

    name: str
    alpha: float
    lease_seconds: float
    max_blind_seconds: float
    stages: tuple[Stage, ...]
    budgets: tuple[Budget, ...]
    widen_during: tuple[Hours, ...] = ()
    exclude: tuple[str, ...] = ()
    keep_stable_seconds: float = 0.0
    slices_roll_back: bool = False

    def __post_init__(self) -> None:
        weights = [stage.weight_bps for stage in self.stages]
        if not weights:
            raise InvalidPlan(f"plan {self.name!r} has no stages; give it at least one, such as {{weight: 100%}}")
        rising = all(after.widens(before) for before, after in pairwise(self.stages))
        if not rising or weights[-1] > WEIGHT_SCALE or weights[0] < 0:
            raise InvalidPlan(
                f"the weights of plan {self.name!r} must rise from stage to stage, within 0 to 100 %; "
                "at one weight, a stage must include more than the one before"
            )
        if not 0.0 < self.alpha < 1.0:
            raise InvalidPlan(f"alpha of plan {self.name!r} must lie between 0 and 1, not {self.alpha}")
