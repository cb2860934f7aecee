"""What the admin API answers, as values.

Only what is shown is named here, everything has a default, and unknown fields are skipped, so that a newer gateway can
be asked by an older command. `--json` prints the answer itself, never these.
"""

from typing import Any

import msgspec


class Requests(msgspec.Struct, frozen=True):
    """How many requests of a rollout went where."""

    stable: int = 0
    candidate: int = 0
    fallback: int = 0
    cancelled: int = 0
    shadowed: int = 0
    shed: int = 0


class Spent(msgspec.Struct, frozen=True):
    """What answers cost, where prices are configured: of each arm by the thousand, the rest in all."""

    stable_per_1000: float | None = None
    candidate_per_1000: float | None = None
    shadow: float | None = None
    judge: float | None = None


class Judged(msgspec.Struct, frozen=True):
    """How often the judge model was asked."""

    calls: int = 0
    tokens: int = 0
    settled: int = 0
    failed: int = 0
    shed: int = 0
    not_allowed: int = 0


class Signal(msgspec.Struct, frozen=True):
    """One test of one signal; fractions, not percent."""

    signal: str
    slice: str = "*"
    source: str = ""
    test: str = "points"
    side: str = "upper"
    budget_class: str = msgspec.field(default="guardrail", name="class")
    estimate: float | None = None
    stable_rate: float | None = None
    candidate_rate: float | None = None
    bound: float | None = None
    limit: float | None = None
    burn: float = 0.0
    n: int = 0
    not_applicable: int = 0
    verdict: str = ""
    interval: tuple[float, float] | None = None


class Audited(msgspec.Struct, frozen=True):
    """A change corrected by what people, and `judged` times the judge model, said of a sample."""

    estimate: float = 0.0
    low: float = 0.0
    high: float = 0.0
    labelled: int = 0
    judged: int = 0
    unsure: int = 0


class Refusals(msgspec.Struct, frozen=True):
    """How one kind of refusal changed on the requests that both arms answered."""

    signal: str
    n: int = 0
    gained: int = 0
    lost: int = 0
    estimate: float = 0.0
    low: float = 0.0
    high: float = 0.0
    audited: Audited | None = None


class Next(msgspec.Struct, frozen=True):
    """The next stage, from zero (None: promotion), in how many seconds (None: not in sight), and what it waits for."""

    stage: int | None = None
    weight_bps: int | None = None
    include: tuple[str, ...] = ()
    seconds: float | None = None
    waits_for: str = ""


class Freeze(msgspec.Struct, frozen=True):
    """Who froze an endpoint, why, and until when (None: until somebody unfreezes it)."""

    by: str = ""
    reason: str = ""
    until_at: float | None = None


class Decision(msgspec.Struct, frozen=True):
    """One transition: who did what, and why. `include` are the rings that it exposes beside the weight."""

    id: str = ""
    at: float = 0.0
    actor: str = ""
    action: str = ""
    rollout: str = ""
    phase_from: str = ""
    phase_to: str = ""
    stage: int = 0
    weight_bps: int = 0
    include: tuple[str, ...] = ()
    revision: int = 0
    reason: str = ""


class Rollout(msgspec.Struct, frozen=True):
    """One rollout. `stages` is their number, or their list; `stage` counts from zero."""

    endpoint: str = ""
    id: str = ""
    stable: str = ""
    candidate: str = ""
    plan: Any = None  # Any: a plan's name, or the frozen plan itself; only shown
    phase: str = "idle"
    stage: int = 0
    stages: Any = None  # Any: a number, or a list of stages
    weight_bps: int = 0
    include: tuple[str, ...] = ()
    holding: str | None = None
    reason: str = ""
    started_at: float | None = None
    ended_at: float | None = None
    kept_until: float | None = None
    requests: Requests = Requests()
    signals: tuple[Signal, ...] = ()
    kept_signals: tuple[Signal, ...] = ()
    refusals: tuple[Refusals, ...] = ()
    spent: Spent = Spent()
    judge: Judged = Judged()
    actual_share: float | None = None
    crowded_share: float | None = None
    next: Next | None = None

    @property
    def stage_count(self) -> int | None:
        """How many stages the plan has, where the answer says so."""
        if isinstance(self.stages, list):
            return len(self.stages)
        return self.stages if isinstance(self.stages, int) else None

    @property
    def is_running(self) -> bool:
        """Whether decisions are ahead of it."""
        return self.phase != "idle" and not self.has_ended

    @property
    def has_ended(self) -> bool:
        """Whether no decision is ahead."""
        return self.phase in ("promoted", "rolled_back")


class Endpoint(msgspec.Struct, frozen=True):
    """One endpoint with its latest rollout."""

    name: str
    stable: str = ""
    generation: int = 0
    rollout: Rollout | None = None
    freeze: Freeze | None = None
    decisions: tuple[Decision, ...] = ()
    fault: str = ""


class Endpoints(msgspec.Struct, frozen=True):
    """Every endpoint."""

    endpoints: tuple[Endpoint, ...] = ()


class Workers(msgspec.Struct, frozen=True):
    """Who confirmed a rollback, and who has not yet."""

    acknowledged: int = 0
    pending: tuple[str, ...] = ()


class Durability(msgspec.Struct, frozen=True):
    """How safe a rollback is: `durable`, `pending` or `failed`, and each place's word."""

    state: str = "pending"
    journal: str = ""
    redis: str = ""
    workers: Workers = Workers()


class Commanded(msgspec.Struct, frozen=True):
    """The answer to a command."""

    rollout: Rollout | None = None
    notes: tuple[str, ...] = ()
    durability: Durability | None = None


class AuditEntry(Decision, frozen=True):
    """The same, and what it was decided on."""

    signals: tuple[Signal, ...] = ()
    refusals: tuple[Refusals, ...] = ()
    cells: dict[str, int] = {}


class Audit(msgspec.Struct, frozen=True):
    """The audit record, newest first."""

    entries: tuple[AuditEntry, ...] = ()


class Differences(msgspec.Struct, frozen=True):
    """What of the latest rollout is not as asked for: sentences."""

    rollout: str = ""
    differences: tuple[str, ...] = ()


class PlannedCost(msgspec.Struct, frozen=True):
    """Money, in the currency of the prices; None where one is not configured."""

    candidate: float | None = None
    shadow: float | None = None
    saved: float | None = None
    added: float | None = None


class PlannedBill(PlannedCost, frozen=True):
    """Of all stages, and the tokens of a request that it is reckoned with."""

    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    measured: bool = False


class PlannedStage(msgspec.Struct, frozen=True):
    """One stage of a forecast; None is "not in sight". `include` are the rings that it exposes beside its weight."""

    weight_bps: int = 0
    include: tuple[str, ...] = ()
    requests: float | None = None
    late_requests: float | None = None
    candidate_requests: float | None = None
    seconds: float | None = None
    late_seconds: float | None = None
    waits_for: str = ""
    cost: PlannedCost = PlannedCost()


class PlannedDrift(msgspec.Struct, frozen=True):
    """What becomes of a candidate that drifts by `times` a limit; shares and numbers of requests.

    `side` is `upper` or `lower`; `limit` is `points`, `ratio` or `ceiling`.
    """

    signal: str = ""
    side: str = "upper"
    limit: str = "points"
    times: float = 0.0
    rolled_back: float = 0.0
    promoted: float = 0.0
    candidate_requests: float | None = None
    late_candidate_requests: float | None = None
    seconds: float | None = None


class PlannedTraffic(msgspec.Struct, frozen=True):
    """The traffic that a forecast is for."""

    requests_per_second: float | None = None
    seen_for_seconds: float = 0.0
    new_keys: float = 0.0
    sample: float = 0.0
    noise_floor: float = 0.0


class Planned(msgspec.Struct, frozen=True):
    """What a rollout would take."""

    endpoint: str = ""
    stable: str = ""
    candidate: str = ""
    plan: str = ""
    can_finish: bool = True
    why_not: str = ""
    seconds: float | None = None
    requests: float | None = None
    traffic: PlannedTraffic = PlannedTraffic()
    assumed: tuple[str, ...] = ()
    cost: PlannedBill = PlannedBill()
    stages: tuple[PlannedStage, ...] = ()
    drifts: tuple[PlannedDrift, ...] = ()


class Problem(msgspec.Struct, frozen=True):
    """Problem details (RFC 9457)."""

    title: str = ""
    detail: str = ""
    status: int = 0
