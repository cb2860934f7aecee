"""Does the answer hold a fenced block of code: what a renderer of Markdown shows as code, and a parser trips over."""

from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading
from shadow.signals.spoken import spoken

VERSION: Final = 1


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 for at least one fence."""
    del ask
    text = spoken(answer)
    if not text:
        return NotApplicable()
    return Measured(float("```" in text or "~~~" in text))
