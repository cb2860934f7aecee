"""The phase machine and the commands: what leads where, and that nothing leads out of a rollback."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollback import commands, phases
from rollback.document import from_json, to_json
from rollback.errors import InvalidPlan, NotPossible
from rollback.plan import Stage
from rollback.rollout import Holding, Phase, Rollout
from tests.rollback.scenes import rollout

Command = Callable[..., Rollout]
COMMANDS: tuple[Command, ...] = (
    commands.pause,
    commands.resume,
    commands.approve,
    commands.promote_step,
    commands.promote_full,
    commands.roll_back,
)


def done(command: Command, on: Rollout, now: float = 60.0) -> Rollout:
    """The rollout after a command."""
    return command(on, actor="ann", reason="because", now=now)


def test_nothing_leads_out_of_rolled_back() -> None:
    """Terminal and sticky: neither the table nor any command offers a way."""
    assert phases.NEXT[Phase.ROLLED_BACK] == frozenset()
    ended = done(commands.roll_back, rollout())
    for command in COMMANDS:
        with pytest.raises(NotPossible):
            done(command, ended)
    for stage in range(len(ended.plan.stages)):
        with pytest.raises(NotPossible):
            phases.entered(ended, stage, actor="ann", reason="", now=1.0)


def test_every_phase_but_idle_leads_to_rolled_back() -> None:
    """A rollback is possible whenever there is something to roll back."""
    can = {phase for phase, following in phases.NEXT.items() if Phase.ROLLED_BACK in following}
    assert can == set(Phase) - {Phase.IDLE, Phase.ROLLED_BACK}


def test_the_table_knows_every_phase() -> None:
    """No phase without its rules, and pending only at the beginning."""
    assert set(phases.NEXT) == set(Phase)
    assert all(Phase.PENDING not in following for phase, following in phases.NEXT.items() if phase is not Phase.IDLE)


@given(st.lists(st.sampled_from(COMMANDS), max_size=8))
def test_commands_keep_the_document_true_to_the_table(sequence: list[Command]) -> None:
    """Whatever is asked in whatever order: each step is in the table, counts the revision, and survives storage."""
    now, after = 0.0, rollout()
    for command in sequence:
        now, before = now + 10.0, after
        try:
            after = done(command, before, now)
        except NotPossible:
            continue
        assert after.phase is before.phase or after.phase in phases.NEXT[before.phase]
        assert after.revision == before.revision + 1
        assert after.is_running == (after.ended_at is None)
        assert from_json(to_json(after)) == after


def test_a_rollout_starts_in_its_plans_first_stage() -> None:
    """At 0 % it shadows; a plan that begins at 5 % is a canary from the start."""
    assert (rollout().phase, rollout().weight_bps, rollout().revision) == (Phase.SHADOWING, 0, 1)
    exposed = rollout(stages=(Stage(500), Stage(10_000)))
    assert (exposed.phase, exposed.weight_bps) == (Phase.CANARY, 500)


def test_a_step_widens_by_one_stage_and_starts_its_clock() -> None:
    """From the shadow to 1 %, from 50 % to baking at 100 %."""
    stepped = done(commands.promote_step, rollout())
    assert (stepped.phase, stepped.stage, stepped.weight_bps) == (Phase.CANARY, 1, 100)
    assert (stepped.stage_started_at, stepped.actor, stepped.reason) == (60.0, "ann", "because")
    assert done(commands.promote_step, rollout(stage=3)).phase is Phase.BAKING


def test_a_ring_at_weight_zero_is_a_canary_and_the_grant_names_it() -> None:
    """Users are exposed there, so it is no shadow; each further ring is a step of its own."""
    included = (), ("ring:a",), ("ring:a", "ring:b")
    first = rollout(stages=tuple(Stage(0, include=rings) for rings in included))
    stepped = done(commands.promote_step, first)
    further = done(commands.promote_step, stepped)
    assert [it.phase for it in (first, stepped, further)] == [Phase.SHADOWING, Phase.CANARY, Phase.CANARY]
    grants = [it.grant() for it in (first, stepped, further)]
    assert [(grant.weight_bps, grant.include) for grant in grants if grant] == [(0, rings) for rings in included]


@pytest.mark.parametrize(
    "later", [Stage(100, include=()), Stage(50, include=("ring:a", "ring:b")), Stage(100, include=("ring:a",))]
)
def test_a_plan_never_takes_a_ring_back(later: Stage) -> None:
    """A stage that reaches less than the one before, in weight or in rings, is no plan."""
    with pytest.raises(InvalidPlan, match="must rise"):
        rollout(stages=(Stage(100, include=("ring:a",)), later))


def test_the_last_stage_has_no_further_step() -> None:
    """The message names the command that does end it."""
    with pytest.raises(NotPossible, match="--full"):
        done(commands.promote_step, rollout(stage=4))


def test_a_full_promotion_ends_the_rollout_at_all_traffic() -> None:
    """The candidate is the next stable and needs no grant."""
    ended = done(commands.promote_full, rollout(stage=1))
    assert (ended.phase, ended.weight_bps, ended.ended_at, ended.grant()) == (Phase.PROMOTED, 10_000, 60.0, None)


def test_a_rollback_grants_nothing_any_more() -> None:
    """Weight 0, ended, without a reason to hold."""
    held = replace(rollout(stage=3), holding=Holding.BURN)
    ended = done(commands.roll_back, held)
    assert (ended.phase, ended.weight_bps, ended.holding, ended.grant()) == (Phase.ROLLED_BACK, 0, None, None)


def test_a_promoted_rollout_can_still_be_rolled_back() -> None:
    """A late regression, while the old stable is kept."""
    promoted = done(commands.promote_full, rollout())
    assert done(commands.roll_back, promoted, 90.0).ended_at == 90.0


def test_paused_time_does_not_count_as_time_in_the_stage() -> None:
    """Two pauses of 100 and 50 seconds in a stage of 1,000; the second still lasts."""
    made = done(commands.resume, done(commands.pause, rollout(), 100.0), 200.0)
    assert made.stage_seconds(1000.0) == 900.0
    again = done(commands.pause, made, 950.0)
    assert (again.holding, again.stage_seconds(1000.0)) == (Holding.PAUSED, 850.0)


def test_a_pause_does_not_outlive_its_stage() -> None:
    """Who steps on by hand has resumed."""
    stepped = done(commands.promote_step, done(commands.pause, rollout()))
    assert (stepped.paused, stepped.held_seconds, stepped.holding) == (False, 0.0, None)


@pytest.mark.parametrize(("command", "twice"), [(commands.pause, "paused already"), (commands.resume, "not paused")])
def test_pausing_twice_or_resuming_what_runs_is_refused(command: Command, twice: str) -> None:
    """A repeated command says that nothing is left to do."""
    made = done(commands.pause, rollout()) if command is commands.pause else rollout()
    with pytest.raises(NotPossible, match=twice):
        done(command, made)
