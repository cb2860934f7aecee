"""Both arms' own rates on pairs: shown beside the difference, never judged by."""

from collections import Counter
from dataclasses import replace

import pytest

from rollback.evidence import judge
from rollback.rollout import Phase
from tests.rollback.scenes import AGREEMENT, LENGTH, REFUSAL, differences, pairs, rollout, row, votes

PAIRS = pairs("refusal", worse=21, same=178, better=1)
OWN = Counter({"o/refusal/*/0/20": 5})
"""Stable refused five times: the one that the candidate lost, and four that both did."""


def both(source: str, count: int, *, counted: int | None = None) -> Counter[str]:
    """Votes, and those of them that counted stable's own side."""
    return votes(0, source, count) + votes(0, f"{source}.own", count if counted is None else counted)


def test_pairs_show_what_each_arm_did() -> None:
    """Stable's rate is counted; the candidate's is that and the difference."""
    found = row(judge(rollout(), PAIRS + OWN + both("paired", 200)), "refusal")
    assert [found.stable_rate, found.candidate_rate] == pytest.approx([0.025, 0.125])
    assert found.estimate == pytest.approx(0.10)


def test_rates_change_nothing_in_a_verdict() -> None:
    """The same pairs without them are judged alike, to the last bit."""
    with_rates = row(judge(rollout(), PAIRS + OWN + both("paired", 200)), "refusal")
    without = row(judge(rollout(), PAIRS + votes(0, "paired", 200)), "refusal")
    assert replace(with_rates, stable_rate=None, candidate_rate=None) == without


def test_pairs_of_an_older_version_among_them_show_the_difference_only() -> None:
    """They did not count stable's own side, so its rate would come out too low."""
    found = row(judge(rollout(), PAIRS + OWN + both("paired", 200, counted=150)), "refusal")
    assert (found.stable_rate, found.candidate_rate) == (None, None)


def test_a_quantity_has_no_rate() -> None:
    """A length is compared by its ratio."""
    found = row(judge(rollout(LENGTH), differences("length", 0, {0: 200}) + both("paired", 200)), "length")
    assert (found.stable_rate, found.candidate_rate) == (None, None)


def test_agreement_shows_how_often_stable_disagrees_with_itself() -> None:
    """And how often the candidate disagrees with stable: the noise floor, and what came on top of it."""
    cells = differences("agreement", 0, {0: 50, 4: 50}) + Counter({"o/agreement/*/0/2": 100})
    found = row(judge(rollout(AGREEMENT), cells + both("triple", 100)), "agreement")
    assert [found.stable_rate, found.candidate_rate] == pytest.approx([0.1, 0.2])


def test_after_a_promotion_the_old_stable_is_still_called_stable() -> None:
    """There the promoted model is the mirrors' stable, and the table says it the other way round."""
    after = replace(rollout(REFUSAL), phase=Phase.PROMOTED)
    found = row(judge(after, PAIRS + OWN + both("paired", 200)), "refusal")
    assert [found.stable_rate, found.candidate_rate] == pytest.approx([0.125, 0.025])
    assert found.estimate == pytest.approx(-0.10)
