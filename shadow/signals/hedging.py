"""Does the model hedge more: perhaps, possibly, it depends. English words only; elsewhere the rate is simply low."""

from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading
from shadow.signals.spoken import lowered, spoken

VERSION: Final = 1

_HEDGES: Final = """
may might could perhaps possibly probably maybe likely seems appears apparently potentially arguably presumably
generally typically usually sometimes often somewhat relatively approximately roughly depends depending suggest
suggests uncertain unclear
"""
HEDGES: Final = frozenset(_HEDGES.split())
DENSE: Final = 0.02
"""Two words in a hundred: three times what encyclopaedic prose has."""
LEAST: Final = 2


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 where at least two words in a hundred (and two in all) are hedges."""
    del ask
    words = lowered(spoken(answer)).split()
    if not words:
        return NotApplicable()
    hedges = len(list(filter(HEDGES.__contains__, words)))
    return Measured(float(hedges >= max(LEAST, DENSE * len(words))))
