"""The words that an answer opens with, and pairs of them, as numbers for `refusal`.

The signs of `refusal_signs` say how an opening is built; which words stand there says the rest, and nobody could list
them. Each word, and each pair of neighbours, falls into one of a few thousand buckets by a checksum that is the same on
every machine; each bucket has a weight of one byte (`refusal_weights`, `unable_weights`). Words that share a bucket
share its weight, which costs little: a rare word weighs next to nothing.

Not here: what the signs say, and the fit (`loadtest/signals/fit.py`).
"""

from base64 import b85decode
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from re import compile as _compile
from typing import Final
from zlib import crc32

BUCKETS: Final = 8_192
LOOKED_AT: Final = 200
"""Characters. What is said later is told by its kind and amount, not by its words."""

_WORD: Final = _compile(r"[a-z']+|[0-9]+|\n|[?:]")
_START: Final = 7
"""Stands before the first word, so that a pair can say what a text begins with."""


@lru_cache(maxsize=20_000)
def _number(word: str) -> int:
    return crc32(word.encode())


def buckets(head: str) -> set[int]:
    """The buckets of a text's first words and pairs; apostrophes are straight."""
    found = set()
    before = _START
    for word in _WORD.findall(head[:LOOKED_AT].lower()):
        number = _number(word)
        found.add((number * 2_654_435_761 >> 7) % BUCKETS)
        found.add((before * 31 + number >> 5) % BUCKETS)
        before = number
    return found


@dataclass(frozen=True, slots=True)
class Words:
    """A signed byte for each bucket; 1 is worth `step`, divided by the root of how many buckets a text has."""

    table: memoryview
    step: float

    def score(self, found: AbstractSet[int]) -> float:
        """What the first words add to the log odds."""
        return self.step * sum(map(self.table.__getitem__, found)) / sqrt(len(found)) if found else 0.0


def words(packed: str, step: float) -> Words:
    """Weights as they ship: in base 85."""
    return Words(memoryview(b85decode(packed)).cast("b"), step)
