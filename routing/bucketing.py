"""One keyed hash per purpose.

Every choice that must be reproducible is a hash of a key under a purpose (`routing.purposes`), each of which is a
personalisation of BLAKE2b of its own.
Changing this function moves every user: see docs/adr/0002.

Not a place for security: keys that guard something are compared elsewhere, by HMAC.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Final

from routing.purposes import Purpose

WEIGHT_SCALE: Final = 10_000
"""Weights are basis points: 10,000 is everything."""

_SPAN: Final = 1 << 64
_BUCKET: Final = Purpose.BUCKET
_VOTE_PERSON: Final = Purpose.VOTE.person


@lru_cache(maxsize=256)
def _keyed(person: bytes, salt: str, size: int) -> blake2b:
    """The hash of nothing yet, to be copied: making one costs more than the hash of a key."""
    return blake2b(digest_size=size, key=salt.encode()[:64], person=person)


def draw(purpose: Purpose, salt: str, key: str) -> int:
    """A 64-bit integer, uniform over keys and independent between purposes and salts."""
    digest = _keyed(purpose.person, salt, 8).copy()
    digest.update(key.encode())
    return int.from_bytes(digest.digest(), "big")


def bucket(salt: str, key: str) -> int:
    """The bucket of `key` in the rollout salted by `salt`: an integer in [0, 10,000)."""
    return draw(_BUCKET, salt, key) * WEIGHT_SCALE // _SPAN


def fraction(purpose: Purpose, salt: str, key: str) -> float:
    """The same hash as a number in [0, 1)."""
    return draw(purpose, salt, key) / _SPAN


def key_hash(salt: str, key: str) -> str:
    """32 hex digits that stand for a voting key in Redis and between processes: no user id leaves the worker."""
    digest = _keyed(_VOTE_PERSON, salt, 16).copy()
    digest.update(key.encode())
    return digest.hexdigest()
