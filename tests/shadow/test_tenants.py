"""No tenant is more than its share of the evidence, whatever it sends and when."""

from hypothesis import given
from hypothesis import strategies as st

from shadow.batching import Home
from shadow.tenants import DIMENSION, FREE_VOTES, TenantShares
from tests.shadow.making import exchange

HOME = Home("chat", "chat-1", 1)
OF = {name: exchange(slices=((DIMENSION, name),)) for name in "abc"}


def cast(shares: TenantShares, tenant: str, times: int, most: float | None = 0.5) -> int:
    """How many of so many votes are let in."""
    return sum(shares.admit(HOME, OF[tenant], most) for _ in range(times))


def test_a_flood_of_keys_stops_at_the_share_of_all() -> None:
    """Beside another's votes half of all is as many again; and the other goes on unhindered."""
    shares = TenantShares()
    assert cast(shares, "a", 10_000) == FREE_VOTES
    assert cast(shares, "b", 200) == FREE_VOTES + 1
    flood = 0
    for _ in range(150):
        flood += cast(shares, "a", 100)
        assert cast(shares, "b", 1) == 1
    assert 140 <= flood <= 152


def test_without_a_bound_everybody_votes() -> None:
    """The bound is for gateways that serve tenants who do not trust each other."""
    assert cast(TenantShares(), "a", 500, None) == 500


def test_another_rollout_counts_anew() -> None:
    """Votes of one rollout do not use up another's."""
    shares = TenantShares()
    assert cast(shares, "a", 100) == FREE_VOTES
    assert shares.admit(Home("chat", "chat-2", 1), OF["a"], 0.5)


@given(st.lists(st.sampled_from("aaaabc"), max_size=600), st.sampled_from([0.25, 0.5, 0.8]))
def test_whatever_the_order_no_tenant_has_more(order: list[str], most: float) -> None:
    """At every moment each tenant has its free votes, or at most one more than its share of all."""
    shares, votes = TenantShares(), dict.fromkeys("abc", 0)
    for tenant in order:
        votes[tenant] += shares.admit(HOME, OF[tenant], most)
        assert votes[tenant] <= max(FREE_VOTES, most * sum(votes.values()) + 1)
