"""The decision: what rolls back, what holds and why, and that only proof widens."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollback import commands
from rollback.decision import DecisionKind, Facts, decide
from rollback.evidence import examine
from rollback.plan import Budget, BudgetClass, OnDeadline, Stage
from rollback.readiness import unanswered
from rollback.rollout import Holding, Phase, Rollout
from tests.rollback.scenes import (
    AGREEMENT,
    ERRORS,
    LENGTH,
    REFUSAL,
    SCHEMA,
    STAGES,
    TTFT,
    blind,
    differences,
    facts,
    pairs,
    rollout,
    split,
    votes,
)

LATER = 100_000.0
"""All bakes are over."""

SPOTLESS = pairs("refusal", same=400) + votes(0, "paired", 400, "stable")
"""What the first stage needs for refusals."""


def spotless(stage: int) -> Counter[str]:
    """What a later stage needs for refusals."""
    return pairs("refusal", stage=stage, same=600) + votes(stage, "split", 600)


def kinds(made: Rollout, known: Facts, now: float = LATER) -> tuple[DecisionKind, Holding | None]:
    """What is decided, and the code of the hold."""
    decision = decide(made, known, now)
    return decision.kind, decision.after.holding


def test_harm_rolls_back_with_both_numbers_and_the_limit() -> None:
    """The sentence begins with the signal's name and has estimate, interval, limit, n and burn."""
    decision = decide(rollout(), facts(pairs("refusal", worse=20, same=180)), LATER)
    assert (decision.kind, decision.changed, decision.trigger) == (DecisionKind.ROLL_BACK, True, "guardrail")
    assert decision.sentence == "refusal +10.0 pp [4.1, 19.5] over the limit of 2.0 pp, n = 200, burn 100 %"
    after = decision.after
    assert (after.phase, after.weight_bps, after.ended_at) == (Phase.ROLLED_BACK, 0, LATER)
    assert (after.reason, after.revision, after.peak_burn) == (decision.sentence, 2, {"refusal": 1.0})


def test_length_is_said_in_percent() -> None:
    """A mean log ratio of 0.525 is 69 % longer."""
    decision = decide(rollout(LENGTH), facts(differences("length", 0, {7: 100})), LATER)
    assert decision.sentence.startswith("length +69.0 % [")
    assert "over the limit of 15.0 %, n = 100" in decision.sentence


def test_nothing_prevents_a_rollback() -> None:
    """Neither a pause, nor an unhealthy store, nor a passed deadline that says hold."""
    stages = (replace(STAGES[0], deadline_seconds=10.0), *STAGES[1:])
    made = commands.pause(rollout(stages=stages), actor="ann", reason="lunch", now=1.0)
    known = replace(facts(pairs("refusal", worse=20, same=180)), store_ok=False)
    assert decide(made, known, LATER).kind is DecisionKind.ROLL_BACK


def test_a_ceiling_rolls_back() -> None:
    """A third of the candidate's requests fail, whatever stable does."""
    decision = decide(rollout(ERRORS, stage=2), facts(split("errors", 2, (600, 1800), (66, 200))), LATER)
    assert (decision.kind, decision.trigger) == (DecisionKind.ROLL_BACK, "ceiling")
    assert decision.sentence.startswith("errors 33.0 % [")
    assert "over the ceiling of 10.0 %" in decision.sentence


def counts(candidate: int, failed: int, stable: int, stable_failed: int = 0) -> dict[str, int]:
    """Request counters of the last ten seconds."""
    return {
        "assigned.candidate": candidate,
        "hard_failure.candidate": failed,
        "assigned.stable": stable,
        "hard_failure.stable": stable_failed,
    }


def test_a_dead_candidate_is_rolled_back_within_seconds() -> None:
    """No evidence is needed: half of its requests of the last seconds got no usable answer."""
    decision = decide(rollout(stage=3), facts(counts=counts(40, 30, 40)), 1000.0)
    assert (decision.kind, decision.trigger) == (DecisionKind.ROLL_BACK, "burst")
    assert decision.sentence.startswith("errors: burst of hard failures, 30 of 40 requests to the candidate")


@pytest.mark.parametrize(
    "seen",
    [counts(2, 2, 2), counts(9, 9, 0), counts(1000, 200, 1000), counts(40, 30, 40, 50), counts(40, 40, 0, 40)],
    ids=["a blip", "nine", "a fifth", "stable fails as well", "stable fails each fallback"],
)
def test_a_blip_or_trouble_of_both_is_no_burst(seen: dict[str, int]) -> None:
    """One or two failures, a small share, or stable failing alike: the candidate is not to blame."""
    assert decide(rollout(stage=3), facts(counts=seen), 1000.0).kind is DecisionKind.HOLD


def test_counts_that_go_back_are_no_burst() -> None:
    """A store that lost its last writes makes no negative traffic."""
    known = replace(facts(counts=counts(1, 1, 1)), previous_counts=counts(500, 400, 500))
    assert decide(rollout(stage=3), known, 1000.0).kind is DecisionKind.HOLD


def test_widening_holds_while_stable_fails() -> None:
    """Until it is promoted stable must be able to take all traffic."""
    known = facts(spotless(3), counts=counts(100, 0, 100, 30))
    assert kinds(rollout(stage=3), known) == (DecisionKind.HOLD, Holding.STABLE_FAILING)


def test_proof_widens_by_one_stage() -> None:
    """Enough pairs, harmless at the margin, baked: 1 %."""
    decision = decide(rollout(), facts(SPOTLESS), LATER)
    after = decision.after
    assert (decision.kind, decision.changed, decision.trigger) == (DecisionKind.WIDEN, True, "evidence")
    assert (after.phase, after.stage, after.weight_bps, after.revision) == (Phase.CANARY, 1, 100, 2)
    assert (after.stage_started_at, after.epoch) == (LATER, 1)
    assert decision.sentence == "refusal shown within their limits, n = 400; widened to 1 %"


def test_the_last_stage_promotes() -> None:
    """Baked at 100 % and shown harmless on mirrors to the old stable."""
    decision = decide(rollout(stage=4), facts(spotless(4)), LATER)
    assert (decision.kind, decision.after.phase) == (DecisionKind.PROMOTE, Phase.PROMOTED)


def test_a_plan_may_end_below_100_percent() -> None:
    """Its author says that 10 % is proof enough."""
    made = rollout(stages=STAGES[:3], stage=2)
    assert decide(made, facts(spotless(2)), LATER).kind is DecisionKind.PROMOTE


def test_a_plan_that_ends_in_the_shadow_promotes_nothing_by_itself() -> None:
    """No user has had an answer from the candidate; an operator decides."""
    decision = decide(rollout(stages=STAGES[:1]), facts(SPOTLESS), LATER)
    assert decision.kind is DecisionKind.HOLD
    assert "--full" in decision.sentence


def test_bake_time_is_waited_for_without_the_pauses() -> None:
    """300 seconds of which 100 were paused: the bake ends at 400."""
    paused = commands.pause(rollout(), actor="ann", reason="", now=50.0)
    made = commands.resume(paused, actor="ann", reason="", now=150.0)
    assert kinds(made, facts(SPOTLESS), 399.0) == (DecisionKind.HOLD, Holding.BAKE)
    assert decide(made, facts(SPOTLESS), 390.0).sentence == "bakes for another 10 s"
    assert kinds(made, facts(SPOTLESS), 401.0)[0] is DecisionKind.WIDEN


def test_a_hold_says_how_much_evidence_would_end_it() -> None:
    """A forecast in pairs, rounded to what it is good for."""
    cells = pairs("refusal", same=100) + votes(0, "paired", 100, "stable")
    decision = decide(rollout(), facts(cells), LATER)
    assert (decision.kind, decision.changed, decision.after.holding) == (
        DecisionKind.HOLD,
        False,
        Holding.NOT_ENOUGH,
    )
    assert decision.sentence == "refusal needs about 76 more pairs to show that it is within the limit of 2.0 pp"


def test_too_few_voting_keys_hold_though_the_evidence_would_do() -> None:
    """At 0 % pairs count, above the candidate's users."""
    cells = pairs("refusal", same=400) + votes(0, "paired", 299, "stable")
    assert decide(rollout(), facts(cells), LATER).sentence == "needs 1 more pairs (299 of 300)"
    above = pairs("refusal", stage=1, same=400) + votes(1, "split", 49) + votes(1, "split", 9000, "stable")
    decision = decide(rollout(stage=1), facts(above), LATER)
    assert decision.sentence == "needs 1 more voting keys on the candidate (49 of 50)"


def test_a_hold_changes_nothing_but_its_reason() -> None:
    """What is written through without an audit entry: holding, reason, peak burn."""
    made = rollout()
    after = decide(made, facts(pairs("refusal", worse=4, same=60)), LATER).after
    assert replace(after, holding=made.holding, reason=made.reason, peak_burn={}) == made
    assert 0.0 < after.peak_burn["refusal"] < 1.0


def test_burn_of_half_holds_what_would_widen() -> None:
    """Proof of harm is on its way from earlier stages, though this stage alone is shown harmless."""
    earlier, good = pairs("refusal", worse=27, same=150), spotless(1)
    decision = decide(rollout(stage=1), facts(earlier, good), LATER)
    assert unanswered(examine(rollout(stage=1), earlier + good), decision.reports) == ()
    assert (decision.kind, decision.after.holding) == (DecisionKind.HOLD, Holding.BURN)
    assert decision.sentence.startswith("refusal +3.5 pp [")
    assert decision.sentence.endswith("goes on when burn is below 50 %")


def test_harm_of_class_signal_holds_and_clears_by_itself() -> None:
    """Slow first bytes never roll back; when they are gone the rollout goes on."""
    made = replace(rollout(REFUSAL, TTFT, stage=3), references={"ttft.p95": 110, "ttft.p95.since": 1})
    slow = Counter({"s/ttft/*/3/5000/stable/b100": 500, "s/ttft/*/3/5000/candidate/b120": 500})
    fast = Counter({"s/ttft/*/3/5000/stable/b100": 500, "s/ttft/*/3/5000/candidate/b100": 500})
    assert kinds(made, facts(spotless(3), slow)) == (DecisionKind.HOLD, Holding.SIGNAL_HARM)
    assert kinds(made, facts(spotless(3), fast))[0] is DecisionKind.WIDEN


def test_a_signal_that_is_only_observed_holds_nothing() -> None:
    """Harm of class observe is reported, and that is all."""
    observed = Budget("agreement", BudgetClass.OBSERVE, max_excess_disagreement=0.05)
    cells = differences("agreement", 0, {20: 300})
    assert kinds(rollout(REFUSAL, observed), facts(SPOTLESS, cells))[0] is DecisionKind.WIDEN


def test_a_guardrail_without_a_reading_holds() -> None:
    """No noise floor, no agreement, no widening."""
    decision = decide(rollout(REFUSAL, AGREEMENT), facts(SPOTLESS), LATER)
    assert (decision.kind, decision.after.holding) == (DecisionKind.HOLD, Holding.UNMEASURED)
    assert decision.sentence.startswith("agreement could not be measured")


def test_a_signal_that_does_not_apply_is_in_nobodys_way() -> None:
    """No request asked for a structure; 300 votes say so."""
    absent = Counter({"n/schema/*/0/paired/stable/not_applicable": 400})
    assert kinds(rollout(REFUSAL, SCHEMA), facts(SPOTLESS, absent))[0] is DecisionKind.WIDEN
    few = Counter({"n/schema/*/0/paired/stable/not_applicable": 40})
    decision = decide(rollout(REFUSAL, SCHEMA), facts(SPOTLESS, few), LATER)
    assert decision.sentence == "schema had nothing to measure in 40 votes; it counts as not applicable at 300"


def test_a_guardrail_that_applies_to_too_little_traffic_holds_unless_optional() -> None:
    """Twenty structured answers of 400 decide nothing."""
    cells = pairs("schema", same=20) + Counter({"n/schema/*/0/paired/stable/not_applicable": 380})
    assert kinds(rollout(REFUSAL, SCHEMA), facts(SPOTLESS, cells)) == (DecisionKind.HOLD, Holding.NOT_ENOUGH)
    optional = replace(SCHEMA, optional=True)
    assert kinds(rollout(REFUSAL, optional), facts(SPOTLESS, cells))[0] is DecisionKind.WIDEN


def test_either_source_may_show_no_harm() -> None:
    """Without any mirror users alone suffice."""
    cells = split("refusal", 3, (0, 2000), (0, 2000)) + votes(3, "split", 2000)
    assert kinds(rollout(stage=3), facts(cells))[0] is DecisionKind.WIDEN


def test_a_pause_holds_until_it_is_ended() -> None:
    """With its own reason, even where everything is proven."""
    made = commands.pause(rollout(), actor="ann", reason="lunch", now=1.0)
    decision = decide(made, facts(SPOTLESS), LATER)
    assert (decision.after.holding, decision.sentence) == (Holding.PAUSED, "lunch")


def test_an_unhealthy_store_widens_nothing() -> None:
    """What it says may be old."""
    assert kinds(rollout(), replace(facts(SPOTLESS), store_ok=False)) == (DecisionKind.HOLD, Holding.BLIND)


@pytest.mark.parametrize(
    ("policy", "kind"), [(OnDeadline.HOLD, DecisionKind.HOLD), (OnDeadline.ROLL_BACK, DecisionKind.ROLL_BACK)]
)
def test_a_deadline_without_a_verdict_does_what_the_plan_says(policy: OnDeadline, kind: DecisionKind) -> None:
    """Hold, or roll back; the sentence says what was lacking."""
    stages = (replace(STAGES[0], deadline_seconds=3600.0, on_deadline=policy), *STAGES[1:])
    decision = decide(rollout(stages=stages), facts(), 3601.0)
    assert decision.kind is kind
    assert "deadline of 60 min has passed without a verdict: refusal needs about" in decision.sentence


def test_a_deadline_with_a_verdict_widens() -> None:
    """Proof that came late is proof."""
    stages = (replace(STAGES[0], deadline_seconds=3600.0), *STAGES[1:])
    assert decide(rollout(stages=stages), facts(SPOTLESS), LATER).kind is DecisionKind.WIDEN


def test_a_deadline_may_ask_for_an_operator() -> None:
    """From then on only a command moves it."""
    stages = (replace(STAGES[0], deadline_seconds=3600.0, on_deadline=OnDeadline.APPROVE), *STAGES[1:])
    assert kinds(rollout(stages=stages), facts(SPOTLESS)) == (DecisionKind.HOLD, Holding.APPROVAL)


def test_blindness_steps_back_to_what_was_proven() -> None:
    """Users exposed and nothing to see of them for 15 minutes: from 50 % back to 10 %."""
    decision = decide(rollout(stage=3), blind(901.0), LATER)
    after = decision.after
    assert (decision.kind, decision.trigger) == (DecisionKind.STEP_DOWN, "blind")
    assert (after.stage, after.weight_bps, after.phase) == (2, 1000, Phase.CANARY)


def test_each_step_down_gets_its_own_time() -> None:
    """Just after one the rollout holds; after another 15 blind minutes it goes down again."""
    after = decide(rollout(stage=3), blind(901.0), LATER).after
    assert kinds(after, blind(911.0), LATER + 10.0) == (DecisionKind.HOLD, Holding.BLIND)
    assert decide(after, blind(1802.0), LATER + 901.0).after.stage == 1


def test_a_full_memory_of_voting_keys_is_said_and_holds() -> None:
    """What is answered already stays answered; what is not will never be, and the sentence says why."""
    full = {"lost.votes_full": 1234}
    decision = decide(rollout(), facts(pairs("refusal", same=20), counts=full), LATER)
    assert (decision.kind, decision.after.holding) == (DecisionKind.HOLD, Holding.UNMEASURED)
    assert "the memory of who has voted is full, and 1,234 votes of new keys were left out" in decision.sentence
    assert decide(rollout(), facts(SPOTLESS, counts=full), LATER).kind is DecisionKind.WIDEN


def test_a_paused_rollout_steps_down_and_stays_paused() -> None:
    """Less exposure is not what a pause forbids."""
    made = commands.pause(rollout(stage=3), actor="ann", reason="lunch", now=1.0)
    after = decide(made, blind(901.0), LATER).after
    assert (after.stage, after.paused, after.holding) == (2, True, Holding.PAUSED)


def test_nobody_is_blind_once_everything_is_answered() -> None:
    """All keys of a small endpoint have voted: silence means nothing."""
    assert kinds(rollout(stage=3), blind(901.0, spotless(3)))[0] is DecisionKind.WIDEN


def test_in_the_shadow_there_is_nothing_to_step_down_from() -> None:
    """No user is exposed: hold."""
    assert kinds(rollout(), blind(901.0)) == (DecisionKind.HOLD, Holding.BLIND)


def test_leaving_a_stage_freezes_stables_quantiles() -> None:
    """1,000 first bytes in bins 0 to 99: the p95 is bin 94, for the stages that follow."""
    seen = Counter({f"s/ttft/*/0/0/stable/b{index}": 10 for index in range(100)})
    after = decide(rollout(REFUSAL, TTFT), facts(SPOTLESS, seen), LATER).after
    assert after.references == {"ttft.p95": 94, "ttft.p95.since": 1}


def test_too_few_answers_freeze_nothing() -> None:
    """The p95 of a handful is one answer."""
    seen = Counter({f"s/ttft/*/0/0/stable/b{index}": 1 for index in range(100)})
    assert decide(rollout(REFUSAL, TTFT), facts(SPOTLESS, seen), LATER).after.references == {}


def test_a_frozen_quantile_stays() -> None:
    """Later traffic does not move the line."""
    made = replace(rollout(REFUSAL, TTFT), references={"ttft.p95": 7, "ttft.p95.since": 0})
    seen = Counter({f"s/ttft/*/0/0/stable/b{index}": 10 for index in range(100)})
    assert decide(made, facts(SPOTLESS, seen), LATER).after.references["ttft.p95"] == 7


def test_an_ended_rollout_is_kept_as_it_is() -> None:
    """There is nothing left to decide."""
    ended = commands.roll_back(rollout(), actor="ann", reason="slow", now=5.0)
    decision = decide(ended, facts(SPOTLESS), LATER)
    assert (decision.kind, decision.changed, decision.after) == (DecisionKind.KEEP, False, ended)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 4),
    st.dictionaries(
        st.sampled_from(
            [f"p/{signal}/*/{stage}/0" for signal in ("refusal", "schema", "agreement") for stage in range(5)]
            + [
                f"s/errors/*/{stage}/{weight}/{arm}/0"
                for stage, weight in ((1, 100), (3, 5000))
                for arm in ("stable", "candidate")
            ]
            + [
                f"n/schema/*/{stage}/paired/stable/{why}"
                for stage in range(5)
                for why in ("not_applicable", "unparsed")
            ]
            + [f"k/{stage}/{source}/candidate" for stage in range(5) for source in ("paired", "split")]
        ),
        st.sampled_from([1, 20, 400, 4000, 60_000]),
    ),
    st.floats(0.0, 200_000.0),
)
def test_nothing_widens_on_evidence_that_is_not_there(stage: int, cells: dict[str, int], now: float) -> None:
    """Whatever the counters: a stage is left upwards only with every question answered, voted for and baked."""
    made = rollout(REFUSAL, SCHEMA, AGREEMENT, ERRORS, stage=stage)
    decision = decide(made, facts(cells), now)
    if decision.kind not in (DecisionKind.WIDEN, DecisionKind.PROMOTE):
        return
    evidence = examine(made, cells)
    assert unanswered(evidence, decision.reports) == ()
    assert now >= made.plan.stages[stage].bake_seconds
    for signal in ("refusal", "agreement"):
        assert cells.get(f"p/{signal}/*/{stage}/0", 0) > 0
    assert any(name.startswith((f"p/schema/*/{stage}/", f"n/schema/*/{stage}/")) for name in cells)


def test_a_stage_without_guardrails_widens_by_votes_and_time() -> None:
    """Its author asked for no more."""
    made = rollout(replace(TTFT), stages=(Stage(500, min_keys=10, bake_seconds=60.0), Stage(10_000)))
    assert kinds(made, facts(votes(0, "split", 9)), 61.0) == (DecisionKind.HOLD, Holding.NOT_ENOUGH)
    assert kinds(made, facts(votes(0, "split", 10)), 61.0)[0] is DecisionKind.WIDEN
