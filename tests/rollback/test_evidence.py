"""Counters to verdicts: what counts, what is left out, and that the order of things never matters."""

from collections import Counter
from dataclasses import replace
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollback.decision import DecisionKind, decide
from rollback.evidence import examine, judge
from rollback.plan import Budget, BudgetClass
from rollback.rollout import Holding
from rollback.verdict import Side, Source, TestKind, Verdict
from tests.rollback.scenes import (
    AGREEMENT,
    ERRORS,
    LENGTH,
    REFUSAL,
    SCHEMA,
    TTFT,
    differences,
    facts,
    forget,
    pairs,
    rollout,
    row,
    split,
    total,
    votes,
)


def test_many_new_refusals_are_harm() -> None:
    """Ten points more in 200 pairs, against a limit of two."""
    found = row(judge(rollout(), pairs("refusal", worse=21, same=178, better=1)), "refusal")
    assert (found.verdict, found.burn, found.n) == (Verdict.HARM, 1.0, 200)
    assert found.bound is not None
    assert found.bound >= found.limit == 0.02


def test_few_differences_in_many_pairs_are_no_harm() -> None:
    """400 pairs that hardly differ are shown to lie within two points."""
    found = row(judge(rollout(), pairs("refusal", worse=1, same=398, better=1)), "refusal")
    assert (found.verdict, found.harmless) == (Verdict.NO_HARM, True)


def test_little_evidence_is_neither() -> None:
    """Twenty pairs say nothing either way."""
    assert row(judge(rollout(), pairs("refusal", same=20)), "refusal").verdict is Verdict.NOT_ENOUGH


def test_a_fall_is_judged_against_its_own_limit() -> None:
    """Refusals that vanish are drift, too, where `max_decrease` says so; numbers keep their sign."""
    budget = replace(REFUSAL, max_decrease=0.05)
    found = row(judge(rollout(budget), pairs("refusal", same=150, better=50)), "refusal", side=Side.LOWER)
    assert found.verdict is Verdict.HARM
    assert found.bound is not None
    assert found.estimate == -0.25 < found.bound <= found.limit == -0.05


def test_longer_answers_are_harm_in_the_unit_of_log_ratios() -> None:
    """A mean of 0.35 on the clipped scale is a log ratio of 0.525."""
    found = row(judge(rollout(LENGTH), differences("length", 0, {7: 100})), "length")
    assert found.verdict is Verdict.HARM
    assert found.estimate == pytest.approx(0.525)
    assert found.limit == pytest.approx(0.13976, abs=1e-5)


def test_a_few_answers_many_times_longer_are_harm_though_the_mean_hardly_moves() -> None:
    """12 % of answers three times as long or longer, and a mean within 15 %."""
    cells = differences("length", 0, {0: 352, 15: 48}) + differences("length.tail", 0, {0: 352, 20: 48})
    reports = judge(rollout(LENGTH), cells)
    assert row(reports, "length", test=TestKind.TAIL).verdict is Verdict.HARM
    assert row(reports, "length").verdict is not Verdict.HARM


def test_harm_is_judged_on_all_stages_and_no_harm_on_the_present_one() -> None:
    """Good pairs of an earlier stage show nothing of this one; bad ones are not forgotten."""
    good = pairs("refusal", same=1000)
    assert row(judge(rollout(stage=1), good), "refusal").verdict is Verdict.NOT_ENOUGH
    bad = pairs("refusal", worse=40, same=160)
    assert row(judge(rollout(stage=1), bad), "refusal").verdict is Verdict.HARM


def test_a_wider_margin_is_shown_with_fewer_pairs() -> None:
    """80 spotless pairs suffice for three times two points at 1 %, not for two points at 0 %."""
    assert row(judge(rollout(stage=1), pairs("refusal", stage=1, same=80)), "refusal").harmless
    assert not row(judge(rollout(), pairs("refusal", same=80)), "refusal").harmless


def test_users_on_the_candidate_show_harm() -> None:
    """10 % weight: 30 of 200 refused on the candidate, 40 of 1,800 on stable."""
    found = row(judge(rollout(stage=2), split("refusal", 2, (40, 1800), (30, 200))), "refusal", Source.SPLIT)
    assert (found.verdict, found.n, found.candidate_rate) == (Verdict.HARM, 200, 0.15)
    assert found.stable_rate == pytest.approx(40 / 1800)


def test_a_rate_many_times_stables_is_harm_of_the_ratio() -> None:
    """Six times as many where 2.5 times are allowed, though the points are within their limit."""
    budget = Budget("refusal", max_increase=0.2, max_ratio=2.5)
    cells = split("refusal", 3, (40, 4000), (240, 4000))
    reports = judge(rollout(budget, stage=3), cells)
    found = row(reports, "refusal", Source.SPLIT, TestKind.RATIO)
    assert found.verdict is Verdict.HARM
    assert found.bound is not None
    assert found.estimate == 6.0 > found.bound >= found.limit == 2.5
    assert row(reports, "refusal", Source.SPLIT).verdict is not Verdict.HARM


def test_a_ceiling_is_the_candidates_own() -> None:
    """A third of the candidate's requests fail; that stable's fail as well does not excuse it."""
    cells = split("errors", 2, (600, 1800), (66, 200))
    reports = judge(rollout(ERRORS, stage=2), cells)
    assert row(reports, "errors", Source.SPLIT, TestKind.CEILING).verdict is Verdict.HARM
    assert row(reports, "errors", Source.SPLIT).verdict is not Verdict.HARM


def test_assignments_at_weight_zero_and_at_100_percent_are_no_split_evidence() -> None:
    """One arm had no chance of being assigned; nothing can be weighed against it."""
    cells = Counter({"s/refusal/*/0/0/stable/0": 500, "s/refusal/*/4/10000/candidate/1": 500})
    reports = judge(rollout(stage=4), cells)
    assert [each for each in reports if each.source is Source.SPLIT] == []


def test_lost_answers_are_no_harm_and_speak_against_harmlessness() -> None:
    """The fallback's answers are not the candidate's: neither its fault nor its merit."""
    good = split("refusal", 3, (0, 1000), (0, 1000))
    lost = split("refusal", 3, (0, 1000), (0, 900), lost=100)
    assert row(judge(rollout(stage=3), good), "refusal", Source.SPLIT).verdict is Verdict.NO_HARM
    assert row(judge(rollout(stage=3), lost), "refusal", Source.SPLIT).verdict is Verdict.NOT_ENOUGH


def test_a_signal_that_no_request_asks_for_does_not_apply() -> None:
    """300 votes without a structure asked for are enough; ten are not."""
    many = Counter({"n/schema/*/0/paired/stable/not_applicable": 300})
    few = Counter({"n/schema/*/0/paired/stable/not_applicable": 10})
    assert row(judge(rollout(SCHEMA), many), "schema").verdict is Verdict.NOT_APPLICABLE
    assert row(judge(rollout(SCHEMA), few), "schema").verdict is Verdict.NOT_ENOUGH


def test_readings_that_mostly_fail_are_unmeasured_whatever_the_rest_says() -> None:
    """400 spotless pairs beside 500 unreadable ones are no sample of all."""
    cells = pairs("refusal", same=400) + Counter({"n/refusal/*/0/paired/stable/unparsed": 500})
    found = row(judge(rollout(), cells), "refusal")
    assert (found.verdict, found.harmless, found.unmeasured) == (Verdict.UNMEASURED, False, 500)


def test_agreement_without_a_noise_floor_is_unmeasured() -> None:
    """Pairs came, triples did not."""
    found = row(judge(rollout(AGREEMENT), votes(0, "paired", 300, "stable")), "agreement")
    assert found.verdict is Verdict.UNMEASURED


def test_a_stage_that_has_just_begun_is_not_called_unmeasured() -> None:
    """Silence means nothing before the first votes."""
    assert row(judge(rollout(), {}), "refusal").verdict is Verdict.NOT_ENOUGH


def test_pairs_of_clients_without_a_key_only_warn() -> None:
    """Above 5 % of pairs the class is signal; users keep their guardrail."""
    cells = pairs("refusal", worse=40, same=160) + votes(0, "paired", 200, "stable")
    few = cells + Counter({"n/pairs/*/0/paired/stable/keyless": 9})
    many = cells + Counter({"n/pairs/*/0/paired/stable/keyless": 11})
    assert row(judge(rollout(), few), "refusal").budget_class is BudgetClass.GUARDRAIL
    found = row(judge(rollout(), many), "refusal")
    assert (found.budget_class, found.unmeasured) == (BudgetClass.SIGNAL, 0)
    held = decide(rollout(), facts(many), 1000.0)
    assert (held.kind, held.after.holding) == (DecisionKind.HOLD, Holding.SIGNAL_HARM)
    assert "clients give no key, so their requests depend on each other and pairs of them only hold" in held.sentence


def test_counters_that_cannot_be_read_are_left_alone() -> None:
    """Another version's fields, or torn ones, neither count nor stop the judging."""
    torn = Counter({"p/refusal/*/zero/20": 900, "s/refusal/*/0/1/nobody/1": 900, "q/new/kind": 900})
    cells = pairs("refusal", same=20)
    assert judge(rollout(), cells + torn) == judge(rollout(), cells)


def test_a_slice_is_named_only_beyond_what_one_of_many_would_show_by_chance() -> None:
    """What is harm in all requests is none yet in one of the 21 slices that a dimension may have."""
    everywhere = pairs("refusal", worse=17, same=183)
    sliced = pairs("refusal", same=5_000) + pairs("refusal", slice_="tenant=a", worse=17, same=183)
    assert row(judge(rollout(), everywhere), "refusal").verdict is Verdict.HARM
    found = row(judge(rollout(), sliced), "refusal", slice_="tenant=a")
    assert found.verdict is Verdict.NOT_ENOUGH
    assert 0.5 < found.burn < 1.0


def test_slices_are_reported_and_decide_nothing() -> None:
    """Harm in one tenant shows, with class observe."""
    cells = pairs("refusal", same=500) + pairs("refusal", slice_="tenant=a%2Fb", worse=50, same=50)
    found = row(judge(rollout(), cells), "refusal", slice_="tenant=a%2Fb")
    assert (found.budget_class, found.verdict, found.decides_widening) == (BudgetClass.OBSERVE, Verdict.HARM, False)


def slow(stage: int, stable_slow: int, candidate_slow: int) -> Counter[str]:
    """1,000 first bytes of each arm, so many in bin 120 and the others in bin 100."""
    arms = {"stable": stable_slow, "candidate": candidate_slow}
    return total(
        Counter({f"s/ttft/*/{stage}/5000/{arm}/b120": late, f"s/ttft/*/{stage}/5000/{arm}/b100": 1000 - late})
        for arm, late in arms.items()
    )


def test_slower_than_stables_frozen_p95_is_an_event() -> None:
    """5 % of stable's and 30 % of the candidate's first bytes lie beyond it."""
    made = replace(rollout(TTFT, stage=3), references={"ttft.p95": 110, "ttft.p95.since": 1})
    found = row(judge(made, slow(3, 50, 300)), "ttft", Source.SPLIT)
    assert (found.verdict, found.budget_class) == (Verdict.HARM, BudgetClass.SIGNAL)
    assert found.estimate == pytest.approx(0.25)


def test_without_a_frozen_quantile_nothing_is_slow() -> None:
    """What cannot be compared is unmeasured, not fast."""
    cells = slow(3, 50, 300) + votes(3, "split", 1000)
    assert row(judge(rollout(TTFT, stage=3), cells), "ttft", Source.SPLIT).verdict is Verdict.UNMEASURED


def test_the_answers_that_chose_a_quantile_are_not_judged_by_it() -> None:
    """Only stages after the freezing count."""
    made = replace(rollout(TTFT, stage=3), references={"ttft.p95": 110, "ttft.p95.since": 3})
    assert row(judge(made, slow(2, 50, 300) + slow(3, 1, 1)), "ttft", Source.SPLIT).n == 1000


def test_answers_shorter_than_stables_p5_are_drift_downwards() -> None:
    """A quarter of the candidate's answers collapse; the estimate is negative, as its limit is."""
    made = replace(rollout(LENGTH, stage=3), references={"length.p5": 90, "length.p5.since": 1})
    cells = Counter(
        {
            "s/length/*/3/5000/stable/b100": 1000,
            "s/length/*/3/5000/candidate/b100": 750,
            "s/length/*/3/5000/candidate/b40": 250,
        }
    )
    found = row(judge(made, cells), "length", Source.SPLIT, TestKind.TAIL, Side.LOWER)
    assert (found.verdict, found.estimate, found.limit) == (Verdict.HARM, -0.25, -0.1)


def test_an_interval_holds_its_estimate() -> None:
    """Both bounds, for the sentence."""
    evidence = examine(rollout(), pairs("refusal", worse=18, same=181, better=1))
    found = row(evidence.reports(), "refusal")
    interval = evidence.interval(found)
    assert interval is not None
    assert found.estimate is not None
    assert interval[0] == found.bound
    assert interval[0] < found.estimate < interval[1]


FIELDS = st.sampled_from(
    [
        *(f"p/refusal/*/{stage}/{index}" for stage in (0, 3) for index in (-20, 0, 20)),
        *(f"p/length/*/3/{index}" for index in (-13, -1, 0, 2, 17)),
        *(
            f"s/refusal/*/{s}/{w}/{a}/{e}"
            for s, w in ((1, 100), (3, 5000))
            for a in ("stable", "candidate")
            for e in "01x"
        ),
        *(f"s/length/*/3/5000/{a}/b{i}" for a in ("stable", "candidate") for i in (80, 100, 120)),
        "n/refusal/*/3/paired/stable/unparsed",
        "k/3/paired/stable",
        "k/3/split/candidate",
        "v9/unknown/field",
    ]
)
BATCHES = st.lists(st.lists(st.tuples(FIELDS, st.integers(1, 400)), max_size=12), max_size=4)
JUDGED = replace(
    rollout(replace(REFUSAL, max_decrease=0.05, max_ratio=2.5), LENGTH, stage=3),
    references={"length.p95": 110, "length.p5": 90},
)


@settings(max_examples=60, deadline=None)
@given(BATCHES, st.randoms(use_true_random=False))
def test_order_batching_and_merging_never_change_a_verdict(
    batches: list[list[tuple[str, int]]], random: "object"
) -> None:
    """The same votes, in other batches of other replicas in another order, give the same numbers to the last bit."""
    votes_ = [(name, 1) for batch in batches for name, count in batch for _ in range(min(count, 3))]
    votes_ += [(name, count) for batch in batches for name, count in batch]
    merged = total(Counter({name: count}) for name, count in votes_)
    turned = total(Counter({name: count}) for name, count in sorted(votes_, reverse=True))
    other_order = dict(sorted(merged.items(), key=lambda item: item[0][::-1]))
    judged = []
    for cells in (merged, turned, other_order):
        forget()
        judged.append(judge(JUDGED, cells))
    assert judged[0] == judged[1] == judged[2] == judge(JUDGED, merged)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(0, 400), st.integers(0, 60), st.sampled_from(["add", "worsen", "regret"]))
def test_more_harm_never_lowers_burn(worse: int, same: int, better: int, how: str) -> None:
    """One more bad pair, one good pair turned bad, or one improvement taken back: burn does not fall."""
    before = pairs("refusal", worse=worse, same=same + 1, better=better + 1)
    after = before + pairs("refusal", worse=1)
    if how == "worsen":
        after -= pairs("refusal", same=1)
    if how == "regret":
        after -= pairs("refusal", better=1)
    assert row(judge(rollout(), after), "refusal").burn >= row(judge(rollout(), before), "refusal").burn


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 200), st.integers(0, 200), st.integers(1, 300), st.integers(1, 300))
def test_more_harm_to_users_never_lowers_burn(bad: int, stable_bad: int, good: int, stable_good: int) -> None:
    """One of the candidate's good answers turned bad raises points, ratio and ceiling alike, or leaves them."""
    made = rollout(Budget("refusal", max_increase=0.02, max_ratio=2.5, ceiling=0.1), stage=3)
    stable = (stable_bad, stable_bad + stable_good)
    before = judge(made, split("refusal", 3, stable, (bad, bad + good)))
    after = judge(made, split("refusal", 3, stable, (bad + 1, bad + good)))
    for kind in (TestKind.POINTS, TestKind.RATIO, TestKind.CEILING):
        burn = row(after, "refusal", Source.SPLIT, kind).burn
        assert burn >= row(before, "refusal", Source.SPLIT, kind).burn - 1e-12


def test_judging_twelve_signals_in_twenty_slices_takes_less_than_a_tick() -> None:
    """Once its fields are known: 41 values in 5 stages each, 49,200 counters. The bound is ten times what it takes."""
    signals = [f"signal{number}" for number in range(12)]
    made = rollout(*(Budget(name, max_increase=0.05) for name in signals), stage=3)
    slices = ["*", *(f"tenant={number}" for number in range(19))]
    cells = {
        f"p/{signal}/{slice_}/{stage}/{index}": 40 - abs(index)
        for signal in signals
        for slice_ in slices
        for stage in range(5)
        for index in range(-20, 21)
    }
    judge(made, cells)
    began = perf_counter()
    judge(made, cells)
    assert perf_counter() - began < 0.5


def test_an_interval_ends_where_rates_do() -> None:
    """With two votes the weighted bound is above any difference that two rates can have."""
    cells = split("refusal", 1, (1, 20), (1, 2)) + votes(1, "split", 2)
    seen = examine(rollout(stage=1), cells)
    interval = seen.interval(row(seen.reports(), "refusal", Source.SPLIT))
    assert interval is not None
    assert -1.0 <= interval[0] < interval[1] == 1.0
