"""What an operator may do to a rollout: each command is a function from one document to the next.

Commands bypass evidence, never the phase machine: what an ended rollout is asked raises `NotPossible` with the command
that would do instead.

Not here: who may (the admin plane's roles), and carrying it out.
"""

from collections.abc import Mapping

from rollback import phases
from rollback.errors import NotPossible
from rollback.plan import Plan
from rollback.rollout import Phase, Rollout


def start(  # noqa: PLR0913 - a document has this many parts, and each is the caller's to know
    *,
    id: str,  # noqa: A002 - the field's name
    endpoint: str,
    stable: str,
    candidate: str,
    plan: Plan,
    salt: str,
    revision: int,
    epoch: int,
    actor: str,
    reason: str,
    now: float,
    signal_versions: Mapping[str, int],
    slices: tuple[str, ...] = (),
) -> Rollout:
    """A new rollout in its plan's first stage.

    `revision` and `epoch` are the endpoint's next ones. `slices` are those that no client can choose to be in. That
    `candidate` is not `stable`, and that nothing else runs, is for the caller to check.
    """
    pending = Rollout(
        id=id,
        endpoint=endpoint,
        stable=stable,
        candidate=candidate,
        plan=plan,
        salt=salt,
        phase=Phase.PENDING,
        stage=0,
        weight_bps=0,
        revision=revision - 1,
        epoch=epoch,
        epoch_index=1,
        holding=None,
        reason="",
        actor=actor,
        started_at=now,
        stage_started_at=now,
        signal_versions=dict(signal_versions),
        slices=slices if plan.slices_roll_back else (),
    )
    return phases.entered(pending, 0, actor=actor, reason=reason or f"started by {actor}", now=now)


def pause(rollout: Rollout, *, actor: str, reason: str, now: float) -> Rollout:
    """Keep the weight and do not widen. Harm still rolls back."""
    _running(rollout, "pause")
    if rollout.paused:
        raise NotPossible(f"{rollout.id} is paused already; `driftgate resume {rollout.endpoint}` goes on")
    return phases.paused(rollout, actor=actor, reason=reason or f"paused by {actor}", now=now)


def resume(rollout: Rollout, *, actor: str, reason: str, now: float) -> Rollout:
    """Go on after a pause."""
    _running(rollout, "resume")
    if not rollout.paused:
        raise NotPossible(f"{rollout.id} is not paused; `driftgate status {rollout.endpoint}` says what it waits for")
    return phases.resumed(rollout, actor=actor, reason=reason or f"resumed by {actor}", now=now)


def approve(rollout: Rollout, *, actor: str, reason: str, now: float) -> Rollout:
    """Consent to leave the stage: at its gate, or after its deadline without a verdict.

    At a gate the evidence must be there as well, now or later; after the deadline this stands in its place. A harm, a
    pause, a freeze or a failing stable keep the rollout where it is even so.
    """
    _running(rollout, "approve")
    stage = rollout.plan.stages[rollout.stage]
    if rollout.approved_by:
        raise NotPossible(
            f"{rollout.approved_by} has approved {rollout.id} already; "
            f"`driftgate status {rollout.endpoint}` says what it waits for"
        )
    if not stage.approval and not phases.awaits_approval(rollout, now):
        raise NotPossible(
            f"{rollout.id} does not wait for an approval: stage {rollout.stage} has no gate, and no deadline of it has "
            f"passed that asks for one; `driftgate promote {rollout.endpoint} --step` widens without evidence"
        )
    return phases.approved(rollout, actor=actor, reason=reason or f"approved by {actor}")


def retry(last: Rollout | None, candidate: str, reason: str) -> str:
    """The candidate of a new rollout after `last`: `candidate`, or where that is empty the same one once more.

    Nothing is known to have changed of the same candidate, so that wants a reason. The rest is a start like any other.
    """
    if last is None:
        raise NotPossible("no rollout has run here, so there is none to try again; `driftgate start` begins one")
    if last.is_running:
        raise NotPossible(f"{last.id} is {last.phase.value} still; `driftgate status {last.endpoint}` shows it")
    if last.phase is Phase.PROMOTED:
        raise NotPossible(f"{last.id} was promoted: {last.candidate} is stable, and there is nothing to try again")
    again = candidate or last.candidate
    if again == last.candidate and not reason:
        raise NotPossible(
            f"{last.candidate} was rolled back ({last.reason}): say with --reason what has changed since, or name "
            "another candidate"
        )
    return again


def promote_step(rollout: Rollout, *, actor: str, reason: str, now: float) -> Rollout:
    """Widen by one stage without waiting for evidence; a pause ends with it."""
    _running(rollout, "promote")
    following = rollout.stage + 1
    if following >= len(rollout.plan.stages):
        raise NotPossible(
            f"{rollout.id} is in its last stage; `driftgate promote {rollout.endpoint} --full` ends it there"
        )
    return phases.entered(rollout, following, actor=actor, reason=reason or f"widened by {actor}", now=now)


def promote_full(rollout: Rollout, *, actor: str, reason: str, now: float) -> Rollout:
    """Make the candidate stable at once, whatever the evidence says."""
    _running(rollout, "promote")
    return phases.promoted(rollout, actor=actor, reason=reason or f"promoted by {actor}", now=now)


def roll_back(rollout: Rollout, *, actor: str, reason: str, now: float) -> Rollout:
    """All traffic to stable, for good. Possible from every phase but rolled back itself.

    From promoted it means that the old stable takes over again; the caller knows whether it is kept.
    """
    if rollout.phase is Phase.ROLLED_BACK:
        raise NotPossible(f"{rollout.id} is rolled back already, and stays so; a retry is a new rollout")
    return phases.rolled_back(rollout, actor=actor, reason=reason or f"rolled back by {actor}", now=now)


def _running(rollout: Rollout, verb: str) -> None:
    if not rollout.is_running:
        raise NotPossible(
            f"cannot {verb} {rollout.id}: it is {rollout.phase.value}; "
            f"`driftgate start {rollout.endpoint} --candidate MODEL` begins a new one"
        )
