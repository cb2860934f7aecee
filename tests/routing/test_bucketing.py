"""The hash that moves users: fixed forever, uniform, and independent between purposes."""

from hypothesis import given
from hypothesis import strategies as st

from routing.bucketing import WEIGHT_SCALE, Draws, bucket, draw, fraction, key_hash
from routing.purposes import Purpose

keys = st.text(max_size=40)
salts = st.text(alphabet="0123456789abcdef", min_size=1, max_size=32)


def test_the_hash_never_changes() -> None:
    """These values are a promise: another one would move users between arms in the middle of a rollout."""
    assert [bucket("salt", key) for key in ("alice", "bob", "")] == [7764, 60, 6232]
    assert key_hash("salt", "alice") == "9158a7dcad9003e32a93581956de9024"


@given(salt=salts, key=keys)
def test_a_bucket_is_a_basis_point(salt: str, key: str) -> None:
    """Every key lands in [0, 10,000)."""
    assert 0 <= bucket(salt, key) < WEIGHT_SCALE


@given(salt=salts, key=keys)
def test_what_is_drawn_at_a_weight_are_the_buckets_below_it(salt: str, key: str) -> None:
    """A key is left out at a weight of its own bucket, and in at the next; at 0 none is in, at 10,000 every one."""
    own = bucket(salt, key)
    drawn = [Draws(salt, weight).on_candidate(key) for weight in (0, own, own + 1, WEIGHT_SCALE)]
    assert drawn == [False, False, True, True]
    assert Draws(salt, own).vote(key) == key_hash(salt, key)


def test_buckets_are_uniform_over_keys() -> None:
    """Of 50,000 keys, each tenth of the buckets gets a tenth, within five standard deviations."""
    counts = [0] * 10
    for number in range(50_000):
        counts[bucket("s", f"user-{number}") * 10 // WEIGHT_SCALE] += 1
    assert max(abs(count - 5_000) for count in counts) < 5 * (50_000 * 0.1 * 0.9) ** 0.5


def test_purposes_are_independent() -> None:
    """Of the keys in the lower half for one purpose, half are in the lower half for another."""
    lower = [key for key in (f"u{n}" for n in range(20_000)) if fraction(Purpose.BUCKET, "s", key) < 0.5]
    for purpose in Purpose:
        if purpose is Purpose.BUCKET:
            continue
        share = sum(fraction(purpose, "s", key) < 0.5 for key in lower) / len(lower)
        assert abs(share - 0.5) < 0.02, purpose


def test_a_new_salt_draws_new_users() -> None:
    """A second rollout does not expose the same people again: membership under two salts is independent."""
    first = {n for n in range(20_000) if bucket("one", f"u{n}") < 1_000}
    both = sum(bucket("two", f"u{n}") < 1_000 for n in first)
    assert abs(both / len(first) - 0.1) < 0.04


@given(key=keys, salt=salts)
def test_lone_surrogates_and_any_text_can_be_keys(key: str, salt: str) -> None:
    """A hash is made of any key without failing, and twice the same."""
    assert draw(Purpose.VOTE, salt, key) == draw(Purpose.VOTE, salt, key)
