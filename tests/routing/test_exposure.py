"""Exposure is a lease: it runs out by itself, and nothing older than what is known can bring it back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.bucketing import key_hash
from routing.exposure import Generation, Grant, Observation, Route

FIRST = Generation(number=0, model="v12", since_at=0.0, by="config")
GRANT = Grant(rollout="r1", candidate="v13", salt="salt", weight_bps=500, stage=1, revision=3, epoch=1)
ROUTE = Route(endpoint="chat", stable=FIRST)


def seen(grant: Grant | None = GRANT, *, expires_at: float = 10.0, revision: int = 3) -> Observation:
    """An observation of `grant` with the stable generation unchanged."""
    return Observation(generation=None, grant=grant, expires_at=expires_at, revision=revision)


def test_a_lease_runs_out_by_itself() -> None:
    """The grant lives until its instant and not a moment longer."""
    route = ROUTE.observed(seen())
    assert route.live_grant(9.999) == GRANT
    assert route.live_grant(10.0) is None


def test_a_route_draws_as_its_grant_says() -> None:
    """By the grant's salt and weight, also after they have changed; without a grant there is nothing to draw."""
    assert ROUTE.draws is None
    for weight in (0, 10_000):
        draws = ROUTE.observed(seen(replace(GRANT, weight_bps=weight))).draws
        assert draws is not None
        assert (draws.on_candidate("u"), draws.vote("u")) == (weight > 0, key_hash("salt", "u"))
    assert ROUTE.observed(seen()).rolled_back("r1", 4).draws is None


def test_a_renewal_extends_the_lease() -> None:
    """The same grant seen again with a later end lives on."""
    route = ROUTE.observed(seen()).observed(seen(expires_at=20.0))
    assert route.live_grant(15.0) == GRANT


def test_older_state_neither_grants_nor_renews() -> None:
    """After revision 5 was seen, a store that fell back to revision 3 changes nothing: the lease ends by itself."""
    newer = replace(GRANT, revision=5, weight_bps=100)
    route = ROUTE.observed(seen(newer, revision=5))
    after = route.observed(seen(expires_at=99.0))
    assert after == route
    assert after.live_grant(50.0) is None


def test_a_rolled_back_rollout_never_gets_weight_again() -> None:
    """Once latched, even a grant of a later revision for the same rollout is refused."""
    route = ROUTE.observed(seen()).rolled_back("r1", 4)
    assert route.live_grant(5.0) is None
    assert route.observed(seen(replace(GRANT, revision=9), revision=9)).live_grant(5.0) is None


def test_the_next_rollout_is_not_held_back_by_the_latch() -> None:
    """A retry is a new rollout, and may be granted."""
    retry = replace(GRANT, rollout="r2", revision=6)
    assert ROUTE.rolled_back("r1", 4).observed(seen(retry, revision=6)).live_grant(5.0) == retry


def test_a_rollback_of_another_rollout_leaves_the_grant_alone() -> None:
    """A late message about an old rollout cannot stop the present one."""
    assert ROUTE.observed(seen()).rolled_back("r0", 1).live_grant(5.0) == GRANT


def test_stable_generations_only_go_forward() -> None:
    """A store without its last writes cannot bring an old stable back."""
    second = Generation(number=2, model="v13", since_at=1.0, by="driftgate")
    route = ROUTE.observed(Observation(second, None, 0.0, 7))
    older = Generation(number=1, model="v12b", since_at=0.5, by="driftgate")
    assert route.observed(Observation(older, None, 0.0, 8)).stable == second


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 10_000)), max_size=12))
def test_the_fence_only_rises(history: list[tuple[int, int]]) -> None:
    """Whatever order observations come in, the fence is the highest revision seen, and the grant is of it."""
    route = ROUTE
    for revision, weight in history:
        grant = replace(GRANT, revision=revision, weight_bps=weight)
        route = route.observed(seen(grant, revision=revision))
    assert route.fence == max((revision for revision, _ in history), default=0)
    assert route.grant is None or route.grant.revision == route.fence


@pytest.mark.parametrize("weight", [-1, 10_001])
def test_a_weight_outside_the_scale_cannot_be_made(weight: int) -> None:
    """Illegal values cannot be constructed."""
    with pytest.raises(ValueError, match="weight_bps"):
        replace(GRANT, weight_bps=weight)
