"""Does the answer hold web addresses: applications render, fetch or forbid them, and models invent them."""

from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading
from shadow.signals.spoken import spoken

VERSION: Final = 1


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 for at least one address with a scheme, or beginning with www."""
    del ask
    text = spoken(answer)
    if not text:
        return NotApplicable()
    return Measured(float("://" in text or "www." in text))
