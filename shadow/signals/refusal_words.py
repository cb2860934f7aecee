"""The words that an answer opens with, and pairs of them, as one number for `refusal`.

The signs of `refusal_signs` say how an opening is built; which words stand there says the rest, and nobody could list
them. Each word, and each pair of neighbours, falls into one of a few thousand buckets by a checksum that is the same on
every machine; each bucket has a weight of one byte (`refusal_weights`). Words that share a bucket share its weight,
which costs little: a rare word weighs next to nothing.

Not here: what the signs say, and the fit (`loadtest/signals/fit.py`).
"""

from base64 import b85decode
from functools import lru_cache
from math import sqrt
from re import compile as _compile
from typing import Final
from zlib import crc32

from shadow.signals.refusal_weights import WORD_STEP, WORDS

BUCKETS: Final = 8_192
LOOKED_AT: Final = 200
"""Characters. What is said later is told by its kind and amount, not by its words."""

_WORD: Final = _compile(r"[a-z']+|[0-9]+|\n|[?:]")
_START: Final = 7
"""Stands before the first word, so that a pair can say what a text begins with."""
_TABLE: Final = memoryview(b85decode(WORDS)).cast("b")


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


def words_score(head: str) -> float:
    """What the first words add to the log odds of an unwilling refusal."""
    found = buckets(head)
    return WORD_STEP * sum(map(_TABLE.__getitem__, found)) / sqrt(len(found)) if found else 0.0
