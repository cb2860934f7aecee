"""Does the answer go round in circles: how far its end can be compressed.

A model that loops does so to the end, so the last characters tell. Prose of this length compresses to about half,
tables and lists to a third; ten times the same sentence to less than a tenth. Compression needs no words, so it works
in every language.
"""

import zlib
from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading

VERSION: Final = 1

TAIL_BYTES: Final = 2_000
LEAST_BYTES: Final = 300
"""Shorter texts have no room to loop in, and compress by accident."""
LOOPS_BELOW: Final = 0.18
"""Of the original size."""
_FASTEST: Final = 1


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 where the end of the text repeats itself over and over."""
    del ask
    tail = answer.text[-TAIL_BYTES:].encode("utf-8", "replace")[-TAIL_BYTES:]
    if not tail:
        return NotApplicable()
    if len(tail) < LEAST_BYTES:
        return Measured(0.0)
    return Measured(float(len(zlib.compress(tail, _FASTEST)) < LOOPS_BELOW * len(tail)))
