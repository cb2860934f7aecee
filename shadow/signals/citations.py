"""Does the answer cite: [1], 【1†source】, [^1], (Smith et al., 2020)."""

from re import compile as _compile
from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading
from shadow.signals.spoken import spoken

VERSION: Final = 1

_CITATION: Final = _compile(
    r"\[\^?\d{1,3}(?:[,–-] ?\d{1,3})*\](?!\()|【[^】]{1,40}】|\([A-Z][^()\d]{1,60},? (?:19|20)\d\d[a-z]?\)"
)


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 for at least one citation. Indices within code look the same; both models write those."""
    del ask
    text = spoken(answer)
    if not text:
        return NotApplicable()
    return Measured(float(_CITATION.search(text) is not None))
