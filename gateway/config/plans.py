"""Plans as written, what they are by default, and how they become the judge's `Plan`.

A plan that names some budgets keeps the default ones of the other signals: forgetting a signal must not switch its
guard off; `off` does. A signal that is named is replaced whole.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gateway.config.errors import Unusable
from gateway.config.fields import Attribute, Chance, Points, PositiveSeconds, Ratio, Seconds, Share, Wanted, WeightBps
from gateway.config.hours import ALL_DAY, EVERY_DAY, ClockSpan, Days, Zone, several
from gateway.config.units import expectation
from gateway.own import installed
from rollback.errors import InvalidPlan
from rollback.hours import Hours
from rollback.plan import Budget, BudgetClass, OnDeadline, Plan, Stage
from shadow.signals.catalogue import ALSO, FAULTS, HABITS, LOG_RATIOS, REFUSING

MINUTE: Final = 60.0
HOUR: Final = 3600.0

RATE_LIMITS: Final = frozenset({"max_increase", "max_decrease", "max_ratio", "ceiling", "expected"})
LIMITS: Final[Mapping[str, frozenset[str]]] = {
    "refusal": RATE_LIMITS,
    "schema": RATE_LIMITS,
    "errors": frozenset({"max_increase", "max_ratio", "ceiling"}),
    "ttft": frozenset({"max_increase"}),
    "pace": frozenset({"max_increase"}),
    "tokens": frozenset({"max_increase"}),
    **dict.fromkeys(LOG_RATIOS, frozenset({"within", "expected"})),
    "agreement": frozenset({"max_excess_disagreement"}),
    **dict.fromkeys(ALSO, RATE_LIMITS),
}
"""Which limits each signal's budget may set: a limit that no test asks about would be a guard that guards nothing."""


def limits_of(signal: str) -> frozenset[str]:
    """The limits that the signal's budget may set; none for a signal that does not exist."""
    return LIMITS.get(signal, RATE_LIMITS if signal in installed.names() else frozenset())


class Section(BaseModel):
    """A section of the file: frozen, and every key known. Code may use the attribute's name, the file its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)


class StageSpec(Section):
    """One stage. `min_keys`: distinct voting keys of this stage; completed pairs at 0 %, candidate-assigned above."""

    weight_bps: WeightBps = Field(validation_alias="weight", description="share of keys that get the candidate")
    min_keys: int = Field(
        default=0, ge=0, strict=True, description="distinct voting keys that this stage needs at least"
    )
    bake_seconds: Seconds = Field(default=0.0, validation_alias="bake", description="least time in this stage")
    include: tuple[Attribute, ...] = Field(
        default=(), description="callers who are on the candidate from this stage on: ring:NAME, tenant:NAME, key:NAME"
    )
    margin: Ratio = Field(default=1.0, description="harmlessness is shown against this multiple of each limit")
    deadline_seconds: PositiveSeconds | None = Field(
        default=None, validation_alias="deadline", description="time after which on_deadline happens"
    )
    on_deadline: OnDeadline = Field(
        default=OnDeadline.HOLD, description="what a passed deadline leads to; never: widen"
    )
    approval: bool = Field(
        default=False, description="leaving this stage also needs `driftgate approve`, however good the evidence"
    )

    def resolve(self, included: Iterable[str] = ()) -> Stage:
        """The judge's form; `included` are those whom the stages before include already."""
        return Stage(
            include=tuple(dict.fromkeys((*included, *self.include))),
            weight_bps=self.weight_bps,
            min_keys=self.min_keys,
            bake_seconds=self.bake_seconds,
            margin=self.margin,
            deadline_seconds=self.deadline_seconds,
            on_deadline=self.on_deadline,
            approval=self.approval,
        )


class HoursSpec(Section):
    """Hours of the week. Hours that pass midnight belong to the day they begin on."""

    days: Days = Field(default=EVERY_DAY, min_length=1, description="days of the week: mon-fri, or a list")
    hours: ClockSpan = Field(default=ALL_DAY, description="from-to on the zone's clock, such as 09:00-17:00")
    zone: Zone = Field(default="UTC", description="whose clock, such as Europe/Berlin")

    def resolve(self) -> Hours:
        """The judge's form."""
        return Hours(self.days, *self.hours, self.zone)


class BudgetSpec(Section):
    """The drift that one signal may have; which limits fit which signal is in `LIMITS`."""

    budget_class: BudgetClass = Field(
        default=BudgetClass.GUARDRAIL,
        validation_alias="class",
        description="guardrail: harm rolls back; signal: harm holds; observe: harm is only reported",
    )
    max_increase: Points | None = Field(default=None, description="how much higher the candidate's rate may be")
    max_decrease: Points | None = Field(default=None, description="how much lower the candidate's rate may be")
    within: Share | None = Field(default=None, gt=0, lt=1, description="how far the mean length may move either way")
    expected: Wanted | None = Field(default=None, description="a change that is wanted, and judged against instead")
    max_ratio: Ratio | None = Field(default=None, description="largest ratio of the rates; looks for harm only")
    ceiling: Share | None = Field(default=None, gt=0, lt=1, description="highest rate of the candidate; harm only")
    max_excess_disagreement: Points | None = Field(
        default=None, description="disagreement beyond stable's disagreement with itself"
    )
    optional: bool = Field(default=False, description="too little traffic to decide lets this guardrail pass")

    @property
    def limits(self) -> frozenset[str]:
        """The names of the limits that are set."""
        every = frozenset().union(*LIMITS.values())
        return frozenset(name for name in every if getattr(self, name) is not None)

    def resolve(self, signal: str) -> Budget:
        """The judge's form."""
        return Budget(
            signal=signal,
            budget_class=self.budget_class,
            max_increase=self.max_increase,
            max_decrease=self.max_decrease,
            within=self.within,
            expected=None if self.expected is None else (self.expected.low, self.expected.high),
            max_ratio=self.max_ratio,
            ceiling=self.ceiling,
            max_excess_disagreement=self.max_excess_disagreement,
            optional=self.optional,
        )


def _off(value: object) -> object:
    return None if value == "off" or value is False else value


MaybeBudget = Annotated[
    BudgetSpec | None, BeforeValidator(_off, json_schema_input_type=BudgetSpec | Literal["off", False])
]

DEFAULT_STAGES: Final = (
    StageSpec(weight_bps=0, min_keys=300, bake_seconds=5 * MINUTE),
    StageSpec(weight_bps=100, min_keys=50, bake_seconds=10 * MINUTE, margin=3.0),
    StageSpec(weight_bps=1_000, min_keys=200, bake_seconds=15 * MINUTE, margin=2.0),
    StageSpec(weight_bps=5_000, min_keys=500, bake_seconds=30 * MINUTE, deadline_seconds=12 * HOUR),
    StageSpec(weight_bps=10_000, bake_seconds=2 * HOUR),
)
DEFAULT_BUDGETS: Final[Mapping[str, BudgetSpec]] = {
    "refusal": BudgetSpec(max_increase=0.02, max_decrease=0.05, max_ratio=2.5),
    "schema": BudgetSpec(max_increase=0.01),
    "length": BudgetSpec(within=0.15),
    "agreement": BudgetSpec(max_excess_disagreement=0.05),
    "errors": BudgetSpec(max_increase=0.01, ceiling=0.10),
    "ttft": BudgetSpec(max_increase=0.10, budget_class=BudgetClass.SIGNAL),
}

_SLOWER_OR_DEARER: Final = BudgetSpec(max_increase=0.10, budget_class=BudgetClass.OBSERVE)
_MORE_FAULTS: Final = BudgetSpec(max_increase=0.02, budget_class=BudgetClass.OBSERVE)
_OTHER_REFUSING: Final = BudgetSpec(max_increase=0.02, max_decrease=0.05, budget_class=BudgetClass.OBSERVE)
_OTHER_HABITS: Final = BudgetSpec(max_increase=0.10, max_decrease=0.10, budget_class=BudgetClass.OBSERVE)


def observed() -> dict[str, BudgetSpec]:
    """What is reported unless a budget says more: two points more of a fault, ten points either way of a habit.
    The halves of `refusal` are judged as it is.

    `pace` and `tokens` are judged as `ttft` is: by the share beyond stable's p95.

    An application's own signals are faults until it says otherwise.
    """
    return {
        "pace": _SLOWER_OR_DEARER,
        "tokens": _SLOWER_OR_DEARER,
        "completion": BudgetSpec(within=0.15, budget_class=BudgetClass.OBSERVE),
        "cost": BudgetSpec(within=0.20, budget_class=BudgetClass.OBSERVE),
        **dict.fromkeys(FAULTS, _MORE_FAULTS),
        **dict.fromkeys(HABITS, _OTHER_HABITS),
        **dict.fromkeys(REFUSING, _OTHER_REFUSING),
        **dict.fromkeys(installed.names(), _MORE_FAULTS),
    }


class PlanSpec(Section):
    """A plan as written. Everything has a default: `{}` is the default plan."""

    alpha: Chance = Field(default=0.05, description="chance that a harmless candidate is ever rolled back")
    lease_seconds: PositiveSeconds = Field(
        default=10.0, validation_alias="lease", description="exposure ends by itself after this long without renewal"
    )
    max_blind_seconds: PositiveSeconds = Field(
        default=15 * MINUTE, validation_alias="max_blind", description="unmeasured for longer, the weight steps down"
    )
    exclude: tuple[Attribute, ...] = Field(
        default=(), description="callers who have no part in a rollout until it is promoted: tenant:NAME, …"
    )
    stages: tuple[StageSpec, ...] = Field(default=DEFAULT_STAGES, min_length=1, description="from narrow to wide")
    budgets: Mapping[str, MaybeBudget] = Field(
        default_factory=dict, description="signal to budget, or off; a signal that is not named keeps its default"
    )

    keep_stable_seconds: Seconds = Field(
        default=24 * HOUR,
        validation_alias="keep_stable",
        description="how long after a promotion the old stable is mirrored to, so that late harm rolls back; 0: not",
    )
    slices_roll_back: bool = Field(
        default=False, description="harm in one slice by key.tenant or key.name rolls back, for a quarter of alpha"
    )
    widen_during: Annotated[
        tuple[HoursSpec, ...],
        BeforeValidator(several, json_schema_input_type=HoursSpec | tuple[HoursSpec, ...]),
    ] = Field(default=(), description="hours in which it may widen by itself, one section or a list; default: always")

    def resolve(self, name: str) -> Plan:
        """The judge's plan; raises `InvalidPlan` where the stages contradict one another."""
        budgets = {**DEFAULT_BUDGETS, **observed(), **self.budgets}
        return Plan(
            name=name,
            alpha=self.alpha,
            lease_seconds=self.lease_seconds,
            max_blind_seconds=self.max_blind_seconds,
            stages=tuple(self._stages()),
            exclude=self.exclude,
            budgets=tuple(spec.resolve(signal) for signal, spec in budgets.items() if spec is not None),
            widen_during=tuple(spec.resolve() for spec in self.widen_during),
            keep_stable_seconds=self.keep_stable_seconds,
            slices_roll_back=self.slices_roll_back,
        )

    def _stages(self) -> Iterator[Stage]:
        included: tuple[str, ...] = ()
        for spec in self.stages:
            stage = spec.resolve(included)
            included = stage.include
            yield stage


def expecting(plan: Plan, expectations: Iterable[str]) -> Plan:
    """`plan` with wanted changes such as `refusal=+1pp..+6pp` or `length=-30%..-10%`.

    Raises `InvalidPlan` with a sentence for the caller where a text, its signal or its unit does not fit.
    """
    budgets = {budget.signal: budget for budget in plan.budgets}
    for text in expectations:
        try:
            signal, wanted = expectation(text)
        except Unusable as error:
            raise InvalidPlan(str(error)) from error
        if signal not in budgets or "expected" not in limits_of(signal):
            raise InvalidPlan(f"plan {plan.name!r} judges no change of {signal!r}, so none can be expected of it")
        if wanted.relative != (signal in LOG_RATIOS):
            unit = "relative: write %" if signal in LOG_RATIOS else "in points: write pp"
            raise InvalidPlan(f"a change of {signal} is {unit}, not {text!r}")
        budgets[signal] = replace(budgets[signal], expected=(wanted.low, wanted.high))
    return replace(plan, budgets=tuple(budgets.values()))
