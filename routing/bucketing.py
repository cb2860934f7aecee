"""One keyed hash per purpose.

Every choice that must be reproducible is a hash of a key: which arm (`BUCKET`), whether a request is mirrored
(`SAMPLE`), whether it is sent to stable twice (`FLOOR`), how a continuous value is rounded (`ROUND`), whether
observed signals are read while time is short (`OBSERVE`), whether a pair is kept for review (`AUDIT`). The purposes
must be independent, or the mirrored requests would be just those of one arm; so each is its own personalisation of
BLAKE2b.
Changing this function moves every user: see docs/adr/0002.

Not a place for security: keys that guard something are compared elsewhere, by HMAC.
"""

from enum import Enum
from hashlib import blake2b
from typing import Final

WEIGHT_SCALE: Final = 10_000
"""Weights are basis points: 10,000 is everything."""

_SPAN: Final = 1 << 64


class Purpose(Enum):
    """What a hash decides. The value is BLAKE2b's personalisation: at most 16 bytes, never reused."""

    person: bytes
    """The value again: an enumeration's own `value` costs ten times as much to read."""

    def __init__(self, person: bytes) -> None:
        self.person = person

    BUCKET = b"dg.bucket"
    SAMPLE = b"dg.sample"
    FLOOR = b"dg.floor"
    VOTE = b"dg.vote"
    ROUND = b"dg.round"
    AUDIT = b"dg.audit"
    OBSERVE = b"dg.observe"


_BUCKET: Final = Purpose.BUCKET
_VOTE_PERSON: Final = Purpose.VOTE.person


def draw(purpose: Purpose, salt: str, key: str) -> int:
    """A 64-bit integer, uniform over keys and independent between purposes and salts."""
    digest = blake2b(key.encode(), digest_size=8, key=salt.encode()[:64], person=purpose.person)
    return int.from_bytes(digest.digest(), "big")


def bucket(salt: str, key: str) -> int:
    """The bucket of `key` in the rollout salted by `salt`: an integer in [0, 10,000)."""
    return draw(_BUCKET, salt, key) * WEIGHT_SCALE // _SPAN


def fraction(purpose: Purpose, salt: str, key: str) -> float:
    """The same hash as a number in [0, 1)."""
    return draw(purpose, salt, key) / _SPAN


def key_hash(salt: str, key: str) -> str:
    """32 hex digits that stand for a voting key in Redis and between processes: no user id leaves the worker."""
    return blake2b(key.encode(), digest_size=16, key=salt.encode()[:64], person=_VOTE_PERSON).hexdigest()
