"""The cookie that a key becomes when somebody signs in. Pure: it is told the time.

A browser cannot put a key in a header when it follows a link or opens an event stream, and a key in an address ends up
in logs. So the cookie says whose session it is (the first half of the key's digest, which opens nothing) and until
when, sealed with the ring's secret. Nothing is kept on the server: every gateway with the same secret accepts it, and
a key that is taken out of the configuration takes its sessions with it.
"""

import hmac
from typing import Final

from gateway.keys import Caller, KeyRing

COOKIE: Final = "driftgate_session"
SESSION_SECONDS: Final = 12 * 3600
"""A working day: a dashboard left open over night asks again."""
NAMED_DIGITS: Final = 32
"""How much of a key's digest names it: 128 bits, no two keys share them."""


def opened(keys: KeyRing, token: str, now: float) -> str | None:
    """The cookie for whoever holds `token`; None where it is no key of the admin plane."""
    digest = keys.digest_of(token)
    if digest is None:
        return None
    claim = f"{digest[:NAMED_DIGITS]}.{int(now) + SESSION_SECONDS}"
    return f"{claim}.{_seal(keys, claim)}"


def caller_of(keys: KeyRing, cookie: str | None, now: float) -> Caller | None:
    """Whose session `cookie` is; None where it is forged, expired, or of a key that is gone."""
    claim, _, seal = (cookie or "").rpartition(".")
    named, _, until = claim.partition(".")
    if not until.isascii() or not until.isdecimal() or int(until) <= now:
        return None
    if not hmac.compare_digest(_seal(keys, claim).encode(), seal.encode("utf-8", "surrogateescape")):
        return None
    return keys.named_by(named)


def _seal(keys: KeyRing, claim: str) -> str:
    return keys.sealed(f"dashboard session {claim}")
