"""Does the answer hold a table in Markdown: the line of dashes under a header gives it away."""

from re import MULTILINE
from re import compile as _compile
from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading
from shadow.signals.spoken import spoken

VERSION: Final = 1

_RULE: Final = _compile(r"^[ \t]{0,4}\|?[ \t]*:?-{3,200}:?[ \t]*\|", MULTILINE)


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 for at least one table."""
    del ask
    text = spoken(answer)
    if not text:
        return NotApplicable()
    return Measured(float("|" in text and _RULE.search(text) is not None))
