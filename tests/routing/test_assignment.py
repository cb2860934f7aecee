"""Assignment is sticky, monotone, and only ever made under a live grant."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from routing.arms import Arm, AssignedBy
from routing.assignment import assign
from routing.exposure import Grant

GRANT = Grant(rollout="r1", candidate="v13", salt="salt", weight_bps=500, stage=1, revision=3, epoch=1)
weights = st.integers(0, 10_000)


@given(key=st.text(max_size=30), narrow=weights, wide=weights)
def test_widening_never_moves_a_user_back_to_stable(key: str, narrow: int, wide: int) -> None:
    """Whoever is on the candidate at a weight is on it at every wider weight."""
    narrow, wide = sorted((narrow, wide))
    if assign(replace(GRANT, weight_bps=narrow), key).arm is Arm.CANDIDATE:
        assert assign(replace(GRANT, weight_bps=wide), key).arm is Arm.CANDIDATE


@given(key=st.text(max_size=30))
def test_the_ends_of_the_scale_are_exact(key: str) -> None:
    """Weight 0 exposes nobody, and 100 % everybody."""
    assert assign(replace(GRANT, weight_bps=0), key).arm is Arm.STABLE
    assert assign(replace(GRANT, weight_bps=10_000), key).arm is Arm.CANDIDATE


def test_without_a_grant_everyone_is_on_stable_and_nothing_counts() -> None:
    """No live lease: stable, and no evidence, even where a pin asks for the candidate."""
    for pin in (None, Arm.CANDIDATE):
        assignment = assign(None, "anyone", pin)
        assert (assignment.arm, assignment.by, assignment.is_evidence) == (Arm.STABLE, AssignedBy.NO_GRANT, False)


def test_a_pin_wins_and_is_never_evidence() -> None:
    """Pinned traffic goes where it asks to, and is left out of the evidence."""
    for arm in Arm:
        assignment = assign(GRANT, "anyone", arm)
        assert (assignment.arm, assignment.is_evidence) == (arm, False)


def test_assignment_by_bucket_is_evidence_on_both_arms() -> None:
    """Both arms of the split are counted, or there would be nothing to compare with."""
    arms = {assign(replace(GRANT, weight_bps=5_000), f"u{n}").arm for n in range(50)}
    assert arms == {Arm.STABLE, Arm.CANDIDATE}
    assert all(assign(GRANT, f"u{n}").is_evidence for n in range(50))


RING = replace(GRANT, weight_bps=0, include=("ring:beta", "tenant:pilot"), exclude=("tenant:bank",))


@given(key=st.text(max_size=30))
def test_a_ring_is_on_the_candidate_whatever_its_bucket(key: str) -> None:
    """At weight 0, too; it is counted in pairs, and was drawn by nobody."""
    assignment = assign(RING, key, attributes=frozenset({"key:app", "ring:beta"}))
    assert (assignment.arm, assignment.by) == (Arm.CANDIDATE, AssignedBy.RING)
    assert (assignment.is_evidence, assignment.is_drawn) == (True, False)
    assert assign(RING, key, attributes=frozenset({"key:app", "ring:internal"})).arm is Arm.STABLE


@given(key=st.text(max_size=30), weight=weights, ring=st.booleans(), pin=st.sampled_from([None, *Arm]))
def test_who_is_left_out_has_no_part_in_the_rollout(key: str, weight: int, ring: bool, pin: Arm | None) -> None:
    """No weight, no ring and no pin brings them in: no grant goes with the request, so nothing is mirrored either."""
    attributes = frozenset({"tenant:bank", "ring:beta"} if ring else {"tenant:bank"})
    assignment = assign(replace(RING, weight_bps=weight), key, pin, attributes=attributes)
    assert (assignment.arm, assignment.by, assignment.grant) == (Arm.STABLE, AssignedBy.EXCLUDED, None)
