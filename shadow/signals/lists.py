"""Does the answer come as a list: bullets or numbers, two lines at least."""

from re import compile as _compile
from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading
from shadow.signals.spoken import spoken

VERSION: Final = 1

LEAST_LINES: Final = 2
_ITEM: Final = _compile(r"\n[ \t]{0,8}(?:[-*•–]|\d{1,3}[.)])[ \t]")
"""Begins with the line's end before it, which is found at once, where `^` tries every character."""


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 for two items or more."""
    del ask
    text = spoken(answer)
    if not text:
        return NotApplicable()
    return Measured(float(len(_ITEM.findall(f"\n{text}")) >= LEAST_LINES))
