"""What a browser holds after signing in: nothing that opens more, longer, or elsewhere."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dashboard.sessions import SESSION_SECONDS, caller_of, opened
from gateway.dashboard.signing import within
from gateway.keys import Caller, Kept, KeyRing, digest
from gateway.roles import Role

SECRET: Final = "a secret of these tests"
OTHER: Final = "another gateway's secret"


def ring(*names: str, secret: str = SECRET) -> KeyRing:
    """A ring with a viewer's key `token-<name>` for each name."""
    kept = [Kept(digest(secret, f"token-{name}"), Caller(name, Role.VIEWER)) for name in names]
    return KeyRing(kept, secret, lambda: 0.0)


def test_a_session_is_its_keys_until_it_ends() -> None:
    """Whoever signed in is known by name, for a working day."""
    keys = ring("ann", "bob")
    cookie = opened(keys, "token-ann", 1_000.0)
    caller = caller_of(keys, cookie, 1_000.0 + SESSION_SECONDS - 1)
    assert caller is not None
    assert (caller.name, caller.role) == ("ann", Role.VIEWER)
    assert caller_of(keys, cookie, 1_000.0 + SESSION_SECONDS) is None


def test_a_wrong_key_opens_no_session() -> None:
    """Nothing is handed out for it."""
    assert opened(ring("ann"), "token-eve", 1_000.0) is None


def test_a_session_ends_with_its_key_and_opens_no_other_gateway() -> None:
    """A key that is taken out of the configuration takes its sessions along; another secret never made them."""
    cookie = opened(ring("ann"), "token-ann", 1_000.0)
    assert caller_of(ring("bob"), cookie, 1_001.0) is None
    assert caller_of(ring("ann", secret=OTHER), cookie, 1_001.0) is None


def test_a_session_holds_no_key_and_is_none() -> None:
    """What is in the cookie opens nothing as a key."""
    keys = ring("ann")
    cookie = opened(keys, "token-ann", 1_000.0)
    assert cookie is not None
    assert "token-ann" not in cookie
    assert all(keys.authenticate(part) is None for part in (cookie, *cookie.split(".")))


@given(st.integers(0, 200), st.characters(codec="utf-8"))
def test_a_cookie_that_was_changed_anywhere_opens_nothing(place: int, character: str) -> None:
    """Neither a longer time nor another name survives the seal."""
    keys = ring("ann", "bob")
    cookie = opened(keys, "token-ann", 1_000.0) or ""
    place %= len(cookie)
    changed = cookie[:place] + character + cookie[place + 1 :]
    assert (caller_of(keys, changed, 1_001.0) is None) == (changed != cookie)


@pytest.mark.parametrize("cookie", [None, "", ".", "..", "a.b.c", "ffffffff.99999999999.", "ffffffff.²." + "0" * 64])
def test_rubbish_is_nobody(cookie: str | None) -> None:
    """No cookie makes an error."""
    assert caller_of(ring("ann"), cookie, 1_000.0) is None


@pytest.mark.parametrize("path", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", ""])
def test_signing_in_leads_nowhere_else(path: str) -> None:
    """A link to the sign-in page cannot send its visitor to another site."""
    assert within(path) == "/"
