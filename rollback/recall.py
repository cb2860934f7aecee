"""What to do when Redis knows less than this gateway's journal: it came back empty, or with older data.

Pure. The journal is right about what ended, since that is never undone; Redis is right about all else. So a rollout
that was rolled back is rolled back again, one that was promoted stays promoted, and one that was running is held,
paused, at the lower of the two weights until an operator resumes it.
"""

from dataclasses import replace

from rollback import commands, phases
from rollback.journal import JournalState
from rollback.rollout import Rollout
from routing.exposure import Generation

BY_JOURNAL = "journal"
"""The actor of what is done again from memory."""


def recalled(rollout: Rollout | None, journal: JournalState, now: float) -> Rollout | None:
    """The document to commit in the place of `rollout`, or None where Redis is not behind."""
    if rollout is None or not rollout.is_running:
        return None
    highest = journal.revisions.get(rollout.endpoint, 0)
    at_least = max(highest, rollout.revision) + 1
    latch = journal.latches.get(rollout.endpoint)
    if latch is not None and latch.rollout == rollout.id:
        reason = latch.reason or "rolled back before Redis lost it"
        again = commands.roll_back(rollout, actor=latch.actor or BY_JOURNAL, reason=reason, now=now)
        return replace(again, revision=at_least)
    if rollout.revision >= highest:
        return None
    running = journal.running.get(rollout.endpoint)
    if running is not None and running.rollout == rollout.id:
        return _held(rollout, min(running.weight_bps, rollout.weight_bps), highest, now)
    generation = journal.generations.get(rollout.endpoint)
    if generation is not None and generation.model == rollout.candidate:
        reason = f"promoted as generation {generation.number}, which Redis had lost"
        return replace(phases.promoted(rollout, actor=BY_JOURNAL, reason=reason, now=now), revision=at_least)
    return _held(rollout, 0, highest, now)


def _held(rollout: Rollout, weight_bps: int, highest: int, now: float) -> Rollout:
    known = f"revision {rollout.revision} where {highest} was known"
    reason = f"Redis came back with older state ({known}): held at {weight_bps / 100:g} % until `driftgate resume`"
    paused = rollout if rollout.paused else commands.pause(rollout, actor=BY_JOURNAL, reason=reason, now=now)
    stages = rollout.plan.stages
    reached = max((stage.weight_bps for stage in stages if stage.weight_bps <= weight_bps), default=0)
    stage = next((i for i, stage in enumerate(stages) if stage.weight_bps == reached), 0)  # the fewest rings
    return replace(
        paused,
        phase=phases.phase_at(weight_bps, stages[stage].include),
        stage=stage,
        weight_bps=weight_bps,
        revision=max(highest, paused.revision) + 1,
        reason=reason,
    )


def lost_generation(known: Generation | None, endpoint: str, journal: JournalState) -> Generation | None:
    """The generation that Redis should have and has not."""
    remembered = journal.generations.get(endpoint)
    if remembered is None or (known is not None and known.number >= remembered.number):
        return None
    return remembered
