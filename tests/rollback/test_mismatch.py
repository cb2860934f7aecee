"""Arms out of proportion: what holds, which point is named, and what is chance."""

from collections import Counter
from collections.abc import Mapping
from math import log

import numpy as np
import pytest

from rollback.decision import DecisionKind, decide
from rollback.ledger import read
from rollback.mismatch import ALPHA, log_mismatch, mismatches
from rollback.rollout import Holding
from shadow.units import Point
from tests.rollback.scenes import facts, pairs, rollout

POINTS = [point.value for point in Point]


def units(candidate: int, stable: int, points: list[str] = POINTS, weight_bps: int = 1_000) -> Counter[str]:
    """Keys of stage 2 that came to these points."""
    return Counter(
        {
            f"u/2/{weight_bps}/{arm}/{point}": count
            for arm, count in (("candidate", candidate), ("stable", stable))
            for point in points
        }
    )


def sentences(cells: Counter[str], counts: Mapping[str, int] | None = None) -> list[str]:
    """What is out of proportion."""
    return [lack.sentence for lack in mismatches(read(cells), counts or {}, 2)]


def lost(weight_bps: int, candidate: int, stable: int) -> Counter[str]:
    """Exchanges that the hand-over dropped, by the weight that drew their arms."""
    name = f"handover_dropped.{weight_bps}"
    return Counter({f"{name}.candidate": candidate, f"{name}.stable": stable, "handover_dropped": candidate + stable})


def test_the_right_share_is_no_mismatch() -> None:
    """A tenth of the keys at 10 %, give or take what chance gives and takes."""
    assert sentences(units(1_030, 8_970)) == []


def test_the_first_point_that_is_out_of_proportion_is_named() -> None:
    """All keys were assigned and sent as they should; a fifth of the candidate's did not complete."""
    cells = units(1_000, 9_000, POINTS[:2]) + units(800, 9_000, POINTS[2:])
    (only,) = sentences(cells)
    assert only.startswith("sample-ratio mismatch among keys completed: 800 of 9,800 on the candidate, where 980 were")


def test_a_mismatch_holds_and_does_not_roll_back() -> None:
    """It says that nothing is comparable, not that the candidate is bad."""
    decision = decide(rollout(stage=2), facts(units(700, 9_000)), 1000.0)
    assert (decision.kind, decision.after.holding) == (DecisionKind.HOLD, Holding.MISMATCH)
    assert decision.after.reason.startswith("sample-ratio mismatch among keys assigned")


def test_other_stages_do_not_hold_this_one() -> None:
    """Each stage has its own keys and its own level."""
    assert [*mismatches(read(units(700, 9_000)), {}, 3)] == []


def test_answers_missing_on_one_arm_hold() -> None:
    """Sixty of 1,000 on the candidate cannot be scored, and none of 9,000 on stable: too few to tilt the shares."""
    (only,) = sentences(units(1_000, 9_000, POINTS[:3]) + units(940, 9_000, POINTS[3:]))
    assert only.startswith("answers that cannot be scored come from one arm more than from the other: 60 of 60")


def test_answers_missing_on_both_arms_alike_do_not_hold() -> None:
    """Half of all answers are pictures, say."""
    assert sentences(units(1_000, 9_000, POINTS[:3]) + units(500, 4_500, POINTS[3:])) == []


def test_exchanges_lost_on_one_arm_hold() -> None:
    """The candidate's answers are too large for the hand-over, and stable's are not."""
    assigned = Counter({"assigned.candidate": 1_000, "assigned.stable": 9_000})
    assert sentences(Counter(), assigned + lost(1_000, 30, 270)) == []
    (only,) = sentences(Counter(), assigned + lost(1_000, 200, 270))
    assert only.startswith("exchanges that the shadow worker missed come from one arm more than from the other: 200 of")
    assert "200 of 470 on the candidate, where 47 were expected" in only


def test_a_loss_in_one_stage_that_takes_both_arms_alike_is_no_difference_between_them() -> None:
    """A reload at 50 % lost 120 exchanges, 60 of either arm: 20 % of all the candidate had, and 3 % of stable's."""
    earlier = Counter({"assigned.candidate": 100, "assigned.stable": 1_900})
    reloaded = Counter({"assigned.candidate": 200, "assigned.stable": 200})
    assert sentences(Counter(), earlier + reloaded + lost(5_000, 60, 60)) == []
    (only,) = sentences(Counter(), earlier + reloaded + lost(5_000, 110, 10))
    assert "110 of 120 on the candidate, where 60 were expected" in only


def test_losses_at_several_weights_are_each_held_against_their_own() -> None:
    """Everything was lost for a while at 1 %, and again at 50 %; then the same numbers, but from the other weights."""
    assigned = Counter({"assigned.candidate": 600, "assigned.stable": 10_400})
    assert sentences(Counter(), assigned + lost(100, 5, 495) + lost(5_000, 250, 250)) == []
    assert sentences(Counter(), assigned + lost(100, 250, 250) + lost(5_000, 5, 495)) != []


def test_a_few_drops_by_chance_do_not_hold_a_small_canary() -> None:
    """At 1 % six points of the candidate's requests are six requests: 38 where 30 were expected."""
    assigned = Counter({"assigned.candidate": 100, "assigned.stable": 9_900})
    assert sentences(Counter(), assigned + lost(100, 38, 2_962)) == []


@pytest.mark.parametrize("weight", [0.01, 0.5])
def test_looking_after_every_key_is_allowed(weight: float) -> None:
    """At the right share, 400 runs of 3,000 keys, at 5 %."""
    random = np.random.default_rng(11)
    wrong = 0
    for _ in range(400):
        ours = np.cumsum(random.random(3_000) < weight)
        looks = range(9, 3_000, 30)
        wrong += any(log_mismatch(int(ours[n]), n + 1 - int(ours[n]), weight) >= log(1 / 0.05) for n in looks)
    assert wrong <= 0.05 * 400


@pytest.mark.parametrize(("weight", "share", "keys"), [(0.5, 0.45, 3_000), (0.1, 0.07, 3_500), (0.01, 0.02, 4_500)])
def test_a_wrong_share_is_seen_within_a_few_thousand_keys(weight: float, share: float, keys: int) -> None:
    """At the level of one point."""
    assert log_mismatch(round(keys * share), round(keys * (1 - share)), weight) >= log(4 / ALPHA)


def unread(candidate: int, stable: int, read: int, signal: str = "schema") -> Counter[str]:
    """Pairs of the first stage, some without one arm's reading."""
    missing = {f"n/{signal}/*/0/paired/candidate/garbled": candidate, f"n/{signal}/*/0/paired/stable/garbled": stable}
    return pairs(signal, same=read) + Counter(missing)


def test_pairs_that_lack_one_arms_reading_far_more_often_hold() -> None:
    """The sentence names the signal and both shares; a twentieth of the pairs may differ."""
    (lack,) = mismatches(read(unread(60, 2, 438)), {}, 0, ["schema"])
    assert lack.holding is Holding.MISMATCH
    assert lack.sentence.startswith("schema could not be read off 12 % of the candidate's answers in 500 pairs and 0 %")
    assert mismatches(read(unread(60, 2, 2_000)), {}, 0, ["schema"]) == ()
    assert mismatches(read(unread(60, 58, 400)), {}, 0, ["schema"]) == ()


def test_few_missing_readings_and_those_that_do_not_apply_hold_nothing() -> None:
    """Thirty are no share; a request that asks for no structure lacks nothing."""
    assert mismatches(read(unread(30, 0, 10)), {}, 0, ["schema"]) == ()
    nothing_asked = Counter({"n/schema/*/0/paired/candidate/not_applicable": 900})
    assert mismatches(read(pairs("schema", same=10) + nothing_asked), {}, 0, ["schema"]) == ()
