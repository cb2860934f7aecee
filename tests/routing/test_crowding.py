"""No single key becomes the canary, and leaving big keys out favours neither arm."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from routing.arms import Arm, AssignedBy
from routing.assignment import Assignment, assign
from routing.bucketing import WEIGHT_SCALE, bucket
from routing.crowding import WINDOW, KeyShares, most
from routing.exposure import Grant

GRANT = Grant(rollout="r1", candidate="v13", salt="salt", weight_bps=100, stage=1, revision=3, epoch=1)
ON_CANDIDATE = [key for n in range(3_000) if bucket("salt", key := f"big-{n}") < 100]
ON_STABLE = [key for n in range(50) if bucket("salt", key := f"big-{n}") >= 100]


def assigned(shares: KeyShares, keys: Iterable[str], grant: Grant = GRANT) -> Iterator[tuple[str, Assignment]]:
    """Each request in turn, as a data worker assigns it."""
    for key in keys:
        assignment = assign(grant, key, crowded=shares.is_crowded(grant, key))
        if assignment.arm is Arm.CANDIDATE:
            shares.exposed(grant)
        yield key, assignment


def mixed(big: Iterable[str], every: int, requests: int) -> list[str]:
    """Traffic of which each of `big` has one request in `every`, and the rest is of many users."""
    named = list(big)
    return [named[n % every] if n % every < len(named) else f"user-{n % 700}" for n in range(requests)]


def exposure(of: Iterable[tuple[str, Assignment]]) -> float:
    """The candidate's share."""
    arms = Counter(assignment.arm for _, assignment in of)
    return arms[Arm.CANDIDATE] / arms.total()


def test_one_key_with_most_of_the_traffic_does_not_become_the_canary() -> None:
    """In the candidate's bucket with three requests of five: it has 40 requests, and then stable again."""
    big = ON_CANDIDATE[0]
    keys = [big if n % 5 < 3 else f"user-{n % 700}" for n in range(10_000)]
    made = list(assigned(KeyShares(), keys))
    served = [assignment for key, assignment in made if key == big]
    assert [it.arm for it in served].count(Arm.CANDIDATE) == 40
    assert all(it.by is AssignedBy.CROWDED for it in served[40:])
    assert exposure(made) < most(100) / WEIGHT_SCALE


def test_ordinary_traffic_is_never_crowded() -> None:
    """Keys of about one request in 700, over many windows: each is drawn."""
    made = assigned(KeyShares(), mixed([], 1, 20_000))
    assert {assignment.by for _, assignment in made} == {AssignedBy.BUCKET}


def test_several_big_keys_that_fall_together_are_held_to_the_same_cap() -> None:
    """Four keys of 1.7 % each, none crowded by itself, would be 7 % on the candidate."""
    keys = mixed(ON_CANDIDATE[:4], 60, 20_000)
    uncapped = sum(bucket("salt", key) < 100 for key in keys) / len(keys)
    made = list(assigned(KeyShares(), keys))
    assert uncapped > 0.07
    assert exposure(made[WINDOW:]) <= most(100) / WEIGHT_SCALE


@pytest.mark.parametrize("big", [ON_CANDIDATE[0], ON_STABLE[0]])
def test_a_big_key_is_crowded_whatever_its_bucket_and_moves_once(big: str) -> None:
    """The same requests count on either arm; once crowded, a key stays so for the stage."""
    reasons = [assignment.by for key, assignment in assigned(KeyShares(), mixed([big], 3, 9_000)) if key == big]
    drawn = reasons.count(AssignedBy.BUCKET)
    assert reasons == [AssignedBy.BUCKET] * drawn + [AssignedBy.CROWDED] * (len(reasons) - drawn)
    assert drawn == 40


def test_a_wider_stage_judges_anew() -> None:
    """A key of 15 % is too big for 1 % and for 5 %, and not for 10 %; it is known at once, without another try."""
    shares, big = KeyShares(), ON_CANDIDATE[0]
    list(assigned(shares, mixed([big], 7, 4_000)))
    assert shares.is_crowded(replace(GRANT, weight_bps=500), big)
    assert not shares.is_crowded(replace(GRANT, weight_bps=1_000), big)


def test_leaving_big_keys_out_favours_neither_arm() -> None:
    """Over rollouts' salts, what is drawn is balanced: Σ A/w − (1 − A)/(1 − w) has mean zero, within 4 errors.

    One key has nearly all traffic. Were it left out on the candidate alone, the mean would be about −80.
    """
    weight, sums = 0.05, []
    for n in range(3_000):
        shares, grant = KeyShares(), replace(GRANT, salt=f"s{n}", weight_bps=500)
        total = 0.0
        for key, assignment in assigned(shares, ["big"] * 285, grant):
            if key == "big" and assignment.is_drawn:
                total += 1 / weight if assignment.arm is Arm.CANDIDATE else -1 / (1 - weight)
        sums.append(total)
    mean = sum(sums) / len(sums)
    error = (sum((total - mean) ** 2 for total in sums) / len(sums) ** 2) ** 0.5
    assert abs(mean) < 4 * error
    assert error < 20
