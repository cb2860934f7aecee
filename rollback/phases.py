"""The phase machine of a rollout, as one table, and the only functions that move a rollout through it.

The rules:

- A rollout begins *pending* and enters the phase of its first stage's weight: *shadowing* at 0, *canary* in between,
  *baking* at 100 %. So it does at every later stage, one stage at a time.
- Widening goes forward. A rollout that has been blind for too long goes one stage back, to the last that was proven.
- It is *promoted* from its last stage, whatever that stage's weight: a plan may end at 10 % if its author says that
  this is proof enough. An operator may promote from anywhere, which is an override and audited as one.
- From every phase it can be *rolled back*, and from there nowhere: a retry is a new rollout. Also from *promoted*, for
  a late regression: by itself while the plan keeps the old stable, by an operator at any time.
- Holding, being paused and waiting for a deadline are no phases. They are reasons attached to one.

Every move counts the revision up by one, which is what fences stale leaders off.

Not here: when to move (`rollback.decision`, `rollback.commands`).
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from rollback.errors import NotPossible
from rollback.plan import OnDeadline
from rollback.rollout import Holding, Phase, Rollout
from routing.bucketing import WEIGHT_SCALE

_STAGES: Final = frozenset({Phase.SHADOWING, Phase.CANARY, Phase.BAKING})
_ENDS: Final = frozenset({Phase.PROMOTED, Phase.ROLLED_BACK})

NEXT: Final[Mapping[Phase, frozenset[Phase]]] = MappingProxyType(
    {
        Phase.IDLE: frozenset({Phase.PENDING}),
        Phase.PENDING: _STAGES | _ENDS,
        Phase.SHADOWING: frozenset({Phase.CANARY, Phase.BAKING}) | _ENDS,
        Phase.CANARY: _STAGES | _ENDS,
        Phase.BAKING: frozenset({Phase.SHADOWING, Phase.CANARY}) | _ENDS,
        Phase.PROMOTED: frozenset({Phase.ROLLED_BACK}),
        Phase.ROLLED_BACK: frozenset(),
    }
)
"""From each phase, the phases that a move may lead to. Canary leads to canary: another stage of it."""


def phase_at(weight_bps: int, include: tuple[str, ...] = ()) -> Phase:
    """The phase of a stage with this weight; a ring that is included is a canary, too."""
    if weight_bps == 0:
        return Phase.CANARY if include else Phase.SHADOWING
    return Phase.BAKING if weight_bps == WEIGHT_SCALE else Phase.CANARY


def entered(rollout: Rollout, stage: int, *, actor: str, reason: str, now: float) -> Rollout:
    """The rollout at the beginning of a stage of its plan. No pause or approval outlives the stage it was made in."""
    next_ = rollout.plan.stages[stage]
    phase = phase_at(next_.weight_bps, next_.include)
    _check(rollout, phase)
    return replace(
        rollout,
        phase=phase,
        stage=stage,
        weight_bps=next_.weight_bps,
        revision=rollout.revision + 1,
        holding=None,
        reason=reason,
        actor=actor,
        stage_started_at=now,
        paused=False,
        paused_at=None,
        held_seconds=0.0,
        approved_by="",
    )


def paused(rollout: Rollout, *, actor: str, reason: str, now: float) -> Rollout:
    """The rollout kept where it is; the time until it goes on does not count as bake."""
    return replace(
        rollout,
        revision=rollout.revision + 1,
        holding=Holding.PAUSED,
        reason=reason,
        actor=actor,
        paused=True,
        paused_at=now,
    )


def resumed(rollout: Rollout, *, actor: str, reason: str, now: float) -> Rollout:
    """The rollout after a pause."""
    held = now - rollout.paused_at if rollout.paused_at is not None else 0.0
    return replace(
        rollout,
        revision=rollout.revision + 1,
        holding=None,
        reason=reason,
        actor=actor,
        paused=False,
        paused_at=None,
        held_seconds=rollout.held_seconds + max(0.0, held),
    )


def approved(rollout: Rollout, *, actor: str, reason: str) -> Rollout:
    """The rollout with an operator's consent to leave its stage; it leaves at the next look, if nothing else holds."""
    return replace(rollout, revision=rollout.revision + 1, holding=None, reason=reason, actor=actor, approved_by=actor)


def awaits_approval(rollout: Rollout, now: float) -> bool:
    """Whether the stage's deadline has passed, and the plan leaves it to an operator what to do then."""
    stage = rollout.plan.stages[rollout.stage]
    passed = stage.deadline_seconds is not None and rollout.stage_seconds(now) > stage.deadline_seconds
    return passed and stage.on_deadline is OnDeadline.APPROVE


def promoted(rollout: Rollout, *, actor: str, reason: str, now: float) -> Rollout:
    """The rollout ended well: its candidate answers everything, as the endpoint's next stable.

    Where the plan keeps the old stable, mirrors to it go on, in an epoch of their own: the arms change places in it.
    """
    ended = _ended(rollout, Phase.PROMOTED, WEIGHT_SCALE, actor=actor, reason=reason, now=now)
    if rollout.plan.keep_stable_seconds <= 0.0:
        return ended
    until = now + rollout.plan.keep_stable_seconds
    return replace(
        ended,
        kept_until=until,
        judged_epoch=rollout.epoch,
        epoch=rollout.epoch + 1,
        epoch_index=rollout.epoch_index + 1,
    )


def reopened(rollout: Rollout, versions: Mapping[str, int], *, actor: str, now: float) -> Rollout:
    """The rollout with evidence that begins anew, where counters mean something else than when it started.

    Its stage begins anew as well: what was shown there was shown by the old counters. A pause goes on.
    """
    old = rollout.signal_versions
    changed = (
        f"{name} {old.get(name, 'none')} → {versions.get(name, 'none')}"
        for name in sorted(old.keys() | versions.keys())
        if old.get(name) != versions.get(name)
    )
    return replace(
        rollout,
        revision=rollout.revision + 1,
        epoch=rollout.epoch + 1,
        epoch_index=rollout.epoch_index + 1,
        signal_versions=dict(versions),
        holding=Holding.PAUSED if rollout.paused else None,
        reason=f"evidence begins anew, since its meaning has changed: {', '.join(changed)}",
        actor=actor,
        stage_started_at=now,
        paused_at=now if rollout.paused else None,
        held_seconds=0.0,
        approved_by="",
    )


def rolled_back(rollout: Rollout, *, actor: str, reason: str, now: float) -> Rollout:
    """The rollout ended, for good: nothing is granted."""
    return _ended(rollout, Phase.ROLLED_BACK, 0, actor=actor, reason=reason, now=now)


def _ended(rollout: Rollout, to: Phase, weight_bps: int, *, actor: str, reason: str, now: float) -> Rollout:
    _check(rollout, to)
    return replace(
        rollout,
        phase=to,
        weight_bps=weight_bps,
        revision=rollout.revision + 1,
        holding=None,
        reason=reason,
        actor=actor,
        ended_at=now,
        paused=False,
        paused_at=None,
    )


def _check(rollout: Rollout, to: Phase) -> None:
    if to not in NEXT[rollout.phase]:
        raise NotPossible(f"{rollout.id} is {rollout.phase.value}, and nothing leads from there to {to.value}")
