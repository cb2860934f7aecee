"""Does the answer cite: [1], 【1†source】, [^1], (Smith et al., 2020)."""

from re import compile as _compile
from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading
from shadow.signals.spoken import spoken

VERSION: Final = 1

_CITATIONS: Final = (
    _compile(r"\[\^?\d{1,3}(?:[,–-] ?\d{1,3})*\](?!\()"),
    _compile(r"【[^】]{1,40}】"),
    _compile(r"\([A-Z][^()\d]{1,60},? (?:19|20)\d\d[a-z]?\)"),
)
"""One expression each, because the first character of one is found at once, and that of any of three is not."""


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 for at least one citation. Indices within code look the same; both models write those."""
    del ask
    text = spoken(answer)
    if not text:
        return NotApplicable()
    return Measured(float(any(citation.search(text) for citation in _CITATIONS)))
