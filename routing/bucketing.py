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
_DRAWN_BYTES: Final = 8
_VOTE_BYTES: Final = 16


@lru_cache(maxsize=256)
def _keyed(person: bytes, salt: str, size: int) -> blake2b:
    """The hash of nothing yet, to be copied: making one costs more than the hash of a key."""
    return blake2b(digest_size=size, key=salt.encode()[:64], person=person)


def draw(purpose: Purpose, salt: str, key: str) -> int:
    """A 64-bit integer, uniform over keys and independent between purposes and salts."""
    digest = _keyed(purpose.person, salt, _DRAWN_BYTES).copy()
    digest.update(key.encode())
    return int.from_bytes(digest.digest(), "big")


def bucket(salt: str, key: str) -> int:
    """The bucket of `key` in the rollout salted by `salt`: an integer in [0, 10,000)."""
    return draw(_BUCKET, salt, key) * WEIGHT_SCALE // _SPAN


def fraction(purpose: Purpose, salt: str, key: str) -> float:
    """The same hash as a number in [0, 1)."""
    return draw(purpose, salt, key) / _SPAN


class Draws:
    """What requests draw in the rollout salted by `salt` at one weight, made ready: a request hashes its key alone."""

    __slots__ = ("_bucket", "_first_out", "_vote")

    def __init__(self, salt: str, weight_bps: int) -> None:
        self._bucket = _keyed(_BUCKET.person, salt, _DRAWN_BYTES)
        self._vote = _keyed(_VOTE_PERSON, salt, _VOTE_BYTES)
        least = -(-weight_bps * _SPAN // WEIGHT_SCALE)
        self._first_out = least.to_bytes(_DRAWN_BYTES, "big") if least < _SPAN else b"\xff" * (_DRAWN_BYTES + 1)
        """The least digest that `weight_bps` leaves out; one longer than any where it leaves out none."""

    def on_candidate(self, key: str) -> bool:
        """Whether `bucket(salt, key) < weight_bps`."""
        digest = self._bucket.copy()
        digest.update(key.encode())
        return digest.digest() < self._first_out

    def vote(self, key: str) -> str:
        """32 hex digits that stand for a voting key in Redis and between processes: no user id leaves the worker."""
        digest = self._vote.copy()
        digest.update(key.encode())
        return digest.hexdigest()


def key_hash(salt: str, key: str) -> str:
    """The same as `Draws.vote`, for who asks once."""
    return Draws(salt, 0).vote(key)
