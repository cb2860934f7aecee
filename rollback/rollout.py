"""A rollout: everything that one is, replaced whole by fenced transitions and never edited in place.

Instants are Redis server time in Unix seconds. How it is stored, and in which version: `rollback.document`.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from rollback.plan import Plan
from routing.exposure import Grant


class Phase(StrEnum):
    """The states of the rollout machine (`rollback.phases` holds the table)."""

    IDLE = "idle"
    PENDING = "pending"
    SHADOWING = "shadowing"
    CANARY = "canary"
    BAKING = "baking"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"


class Holding(StrEnum):
    """Why a rollout does not widen now, as a code; the document's `reason` says it in a sentence."""

    PAUSED = "paused"
    BURN = "burn"
    SIGNAL_HARM = "signal_harm"
    NOT_ENOUGH = "not_enough_evidence"
    BAKE = "bake"
    UNMEASURED = "unmeasured"
    MISMATCH = "mismatch"
    DEADLINE = "deadline"
    STABLE_FAILING = "stable_failing"
    BLIND = "blind"
    FROZEN = "frozen"
    APPROVAL = "approval"
    OUTSIDE_HOURS = "outside_hours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One rollout of `candidate` against `stable` on `endpoint`.

    `stage` is zero-based; `weight_bps` is what is granted now. `started_at`, `stage_started_at` and `ended_at` are Unix
    seconds (None: not yet). `held_seconds` is the time spent paused in this stage before the present pause, which began
    at `paused_at`: neither counts as bake.
    `approved_by` is the operator who has approved of leaving this stage; empty: nobody has.
    `kept_until` is until when the old stable is kept after the promotion (None: it is not); the mirrors to it are an
    epoch of their own, after `judged_epoch`, the last of the rollout's (0: it is the present one).
    `slices` are those that harm may be shown in by themselves, named before anything was seen (none: no slice decides).
    `references` are stable's frozen quantiles as bin indices, such as {"ttft.p95": 112}. `peak_burn` is per signal, for
    display. `signal_versions` pins what the counters mean.
    """

    id: str
    endpoint: str
    stable: str
    candidate: str
    plan: Plan
    salt: str
    phase: Phase
    stage: int
    weight_bps: int
    revision: int
    epoch: int
    epoch_index: int
    holding: Holding | None
    reason: str
    actor: str
    started_at: float
    stage_started_at: float
    ended_at: float | None = None
    paused: bool = False
    paused_at: float | None = None
    held_seconds: float = 0.0
    approved_by: str = ""
    kept_until: float | None = None
    judged_epoch: int = 0
    slices: tuple[str, ...] = ()
    references: dict[str, int] = field(default_factory=dict)
    peak_burn: dict[str, float] = field(default_factory=dict)
    signal_versions: dict[str, int] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        """Whether the rollout still has decisions ahead of it."""
        return self.phase not in (Phase.IDLE, Phase.PROMOTED, Phase.ROLLED_BACK)

    @property
    def exposes(self) -> bool:
        """Whether users have the candidate: by its weight, or as a ring's members."""
        return self.is_running and bool(self.weight_bps or self.include)

    def is_kept(self, now: float) -> bool:
        """Whether the old stable is still mirrored to after the promotion."""
        return self.phase is Phase.PROMOTED and self.kept_until is not None and now < self.kept_until

    @property
    def include(self) -> tuple[str, ...]:
        """The rings that its stage exposes beside its weight; none once it has ended."""
        return self.plan.stages[self.stage].include if self.is_running else ()

    @property
    def own_epoch(self) -> int:
        """The epoch that the rollout itself was decided in."""
        return self.judged_epoch or self.epoch

    def stage_seconds(self, now: float) -> float:
        """Seconds spent in the present stage, pauses left out."""
        paused = now - self.paused_at if self.paused and self.paused_at is not None else 0.0
        return max(0.0, now - self.stage_started_at - self.held_seconds - paused)

    def grant(self) -> Grant | None:
        """The lease that this document allows; None when it ended. After a promotion it exposes nobody to anything."""
        kept = self.phase is Phase.PROMOTED and self.kept_until is not None
        if not self.is_running and not kept:
            return None
        return Grant(
            rollout=self.id,
            candidate=self.stable if kept else self.candidate,
            salt=self.salt,
            weight_bps=0 if kept else self.weight_bps,
            stage=self.stage,
            revision=self.revision,
            epoch=self.epoch,
            started_at=(self.ended_at or 0.0) if kept else self.started_at,
            include=() if kept else self.plan.stages[self.stage].include,
            exclude=() if kept else self.plan.exclude,
            kept=kept,
        )
