"""Harm that begins late: found, bounded, and the same whatever order the counters come in."""

from collections import Counter
from math import log
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollback.budget import expand
from rollback.decision import DecisionKind, decide
from rollback.evidence import judge
from rollback.ledger import read
from rollback.onset import LEAST_VOTES, MOST_WINDOWS, bar, detect, onset
from rollback.plan import Budget, BudgetClass
from rollback.sequential import PAIRED_HARM, Tally, log_evidence, log_mean_exp
from rollback.verdict import Verdict
from tests.rollback.scenes import ERRORS, REFUSAL, facts, forget, pairs, plan, rollout, row, split, total

ONES = np.ones(3)
KINDS = Tally(np.array([-1.0, 0.0, 1.0]), ONES, -ONES, ONES)


def windowed(signal: str, windows: range, **counts: int) -> Counter[str]:
    """So many pairs of each kind in every one of these windows."""
    index = {"worse": 5, "same": 0, "better": -5}
    return Counter({f"wp/{signal}/{w}/{index[name]}": count for w in windows for name, count in counts.items()})


GOOD = total([windowed("refusal", range(100), same=298, worse=1, better=1), pairs("refusal", same=29_800, worse=100)])
BAD = total([windowed("refusal", range(100, 102), same=180, worse=20), pairs("refusal", same=360, worse=40)])


def test_a_regression_after_a_long_good_time_rolls_back_and_says_that_it_began_late() -> None:
    """Ten points more in 400 pairs after 30,000 good ones, of which all evidence together shows nothing."""
    decision = decide(rollout(), facts(GOOD, BAD), 1000.0)
    assert (decision.kind, decision.trigger) == (DecisionKind.ROLL_BACK, "late_onset")
    assert decision.sentence.startswith(
        "refusal +10.0 pp over the limit of 2.0 pp in the last 400 pairs: it began late"
    )
    found = row(decision.reports, "refusal")
    assert (found.verdict, found.burn, found.late, found.late_n) == (Verdict.HARM, 1.0, True, 400)
    without_windows = Counter({name: n for name, n in total([GOOD, BAD]).items() if name.startswith("p/")})
    assert row(judge(rollout(), without_windows), "refusal").burn < 0.1


def test_a_long_good_time_alone_is_no_alarm() -> None:
    """Nothing of what is near an alarm either."""
    assert row(judge(rollout(), GOOD), "refusal").burn < 0.5


def test_late_errors_of_users_are_found_against_limit_and_ceiling() -> None:
    """Split evidence at 10 %, good for 40 windows, then a third of the candidate's requests fail."""
    cells = split("errors", 2, (400, 36_000), (40, 4_000))
    for window in range(42):
        bad = 33 if window >= 40 else 1
        for arm, event, count in (
            ("stable", 0, 890),
            ("stable", 1, 10),
            ("candidate", 1, bad),
            ("candidate", 0, 100 - bad),
        ):
            cells[f"ws/errors/{window}/1000/{arm}/{event}"] += count
    decision = decide(rollout(ERRORS, stage=2), facts(cells), 1000.0)
    assert (decision.kind, decision.trigger) == (DecisionKind.ROLL_BACK, "late_onset")


def test_only_guardrails_are_searched() -> None:
    """What only holds or is only reported spends no alpha on it."""
    budget = Budget("refusal", BudgetClass.SIGNAL, max_increase=0.02)
    assert row(judge(rollout(budget), total([GOOD, BAD])), "refusal").verdict is not Verdict.HARM


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 99), st.integers(0, 9)), min_size=1, max_size=30))
def test_the_detector_is_its_recursion(rows: list[tuple[int, int, int]]) -> None:
    """R ← (R + 1) · e for each bet, with 1 for each window that is still to come; averaged after."""
    counts = np.array(rows, dtype=np.float64)
    logs = counts @ np.log1p(np.outer((KINDS.values + 1.0) / 1.02 - 1.0, PAIRED_HARM.bets))
    r = np.full(len(PAIRED_HARM.bets), -np.inf)
    for each in logs:
        r = np.logaddexp(r, 0.0) + each
    mean = np.logaddexp(r, log(MOST_WINDOWS - len(rows))) - log(MOST_WINDOWS)
    assert detect(KINDS, counts, 0.02, PAIRED_HARM)[0] == pytest.approx(log_mean_exp(mean, PAIRED_HARM), abs=1e-9)


@given(st.randoms(use_true_random=False))
def test_the_order_of_counters_changes_nothing(random: Random) -> None:
    """To the last bit."""
    items = list(total([GOOD, BAD]).items())
    random.shuffle(items)
    forget()
    judged = judge(rollout(), dict(items))
    forget()
    assert judged == judge(rollout(), total([GOOD, BAD]))


def test_thin_windows_are_joined_until_they_hold_enough_votes() -> None:
    """Forty windows of ten pairs say what two of 200 would."""
    (test, *_) = expand(plan(REFUSAL), 1)
    thin = windowed("refusal", range(40), same=9, worse=1)
    thick = windowed("refusal", range(2), same=LEAST_VOTES * 9 // 10, worse=LEAST_VOTES // 10)
    assert onset(read(thin), test).log_value == pytest.approx(onset(read(thick), test).log_value)


def test_a_harmless_candidate_is_hardly_ever_alarmed_at() -> None:
    """Drift at the limit through 60 windows, looked at after each, at the bar for 60 windows and 5 %."""
    random, runs, alarms = np.random.default_rng(7), 300, 0
    for _ in range(runs):
        counts = random.multinomial(200, [0.01, 0.96, 0.03], size=60).astype(np.float64)
        alarms += any(detect(KINDS, counts[:n], 0.02, PAIRED_HARM)[0] >= log(1 / 0.05) for n in range(1, 61))
    assert alarms <= 0.05 * runs


def test_each_window_begins_with_its_part_of_the_declared_number() -> None:
    """One window after which nothing is left to begin is worth a T-th of what its votes say."""
    (test, *_) = expand(plan(REFUSAL), 1)
    window = windowed("refusal", range(1), same=100, worse=100)
    alone = log_evidence(Tally(KINDS.values, np.array([0.0, 100.0, 100.0]), -ONES, ONES), test.limit, PAIRED_HARM)
    assert onset(read(window), test).log_value == pytest.approx(alone - log(MOST_WINDOWS), abs=1e-6)
    assert bar(test) == pytest.approx(log(1.0 / test.late_alpha))


def test_without_a_last_window_alarms_come_no_more_often_than_their_rate() -> None:
    """Exactly at the limit for 750 windows, as after a promotion: at most 750/500 of a share of 20 %, in 200 runs."""
    rng, share, windows = np.random.default_rng(11), 0.2, 750
    alarms = 0
    for _ in range(200):
        worse = rng.binomial(LEAST_VOTES, 0.02, windows).astype(np.float64)
        counts = np.column_stack((np.zeros(windows), LEAST_VOTES - worse, worse))
        looks = (detect(KINDS, counts[:seen], 0.02, PAIRED_HARM)[0] for seen in range(25, windows, 25))
        alarms += any(log_value >= log(1.0 / share) for log_value in looks)
    assert alarms, "a share this large is reached at times, or nothing was looked at"
    assert alarms / 200 <= share * windows / MOST_WINDOWS


def test_after_a_promotion_a_window_is_never_too_late_to_begin() -> None:
    """Twice the declared windows are good, then some are bad: in a last window they drown in all that was before."""
    test = expand(plan(REFUSAL), 1)[0]
    good = windowed("refusal", range(2 * MOST_WINDOWS), same=199, worse=1)
    late = good + windowed("refusal", range(2 * MOST_WINDOWS, 2 * MOST_WINDOWS + 2), same=175, worse=25)
    assert onset(read(late), test, endless=True).log_value >= bar(test)
    assert onset(read(late), test).log_value < bar(test)
    assert onset(read(good), test, endless=True).log_value < bar(test)
