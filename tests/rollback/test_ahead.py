"""When the next stage may come, worked out from counters."""

from dataclasses import replace

from rollback.ahead import Ahead, ahead
from rollback.evidence import examine
from tests.rollback.scenes import STAGES, pairs, rollout, votes


def test_what_takes_longest_is_what_it_waits_for() -> None:
    """The bake of five minutes after one of them; keys at the pace at which they came; a proof at that of its pairs."""
    started = rollout()
    enough = pairs("refusal", same=2000) + votes(0, "paired", 2000)
    assert ahead(examine(started, enough), 60.0) == Ahead(1, 100, 240.0, "time")
    few = pairs("refusal", same=2000) + votes(0, "paired", 30)
    assert ahead(examine(started, few), 60.0) == Ahead(1, 100, 540.0, "keys")
    proof = ahead(examine(started, pairs("refusal", same=100) + votes(0, "paired", 2000)), 400.0)
    assert proof.waits_for == "refusal"
    assert proof.seconds is not None
    assert 200.0 < proof.seconds < 400.0  # 100 pairs came in 400 s, and fewer than that are missing


def test_what_nothing_has_come_of_is_not_in_sight() -> None:
    """Without votes there is no pace, and with an estimate beyond the limit more of them do not help."""
    assert ahead(examine(rollout(), {}), 400.0) == Ahead(1, 100, None, "keys")
    bad = pairs("refusal", worse=40, same=960) + votes(0, "paired", 1000)
    assert ahead(examine(rollout(), bad), 400.0) == Ahead(1, 100, None, "refusal")


def test_a_ring_is_named() -> None:
    """A next stage of weight 0 exposes its rings, not nobody."""
    ring = ("ring:beta",)
    stages = (STAGES[0], *(replace(stage, include=ring) for stage in (STAGES[0], *STAGES[1:])))
    coming = ahead(examine(rollout(stages=stages), {}), 400.0)
    assert (coming.stage, coming.weight_bps, coming.include) == (1, 0, ring)


def test_after_the_last_stage_comes_promotion() -> None:
    """And where nothing is lacking, it comes at once."""
    last = rollout(stages=STAGES[:1])
    seen = examine(last, pairs("refusal", same=2000) + votes(0, "paired", 2000))
    assert ahead(seen, 400.0) == Ahead(None, None, 0.0, "")
