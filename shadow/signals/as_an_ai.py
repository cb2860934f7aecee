"""Does the model speak of itself as a machine ("as an AI language model …"): harmless alone, tiresome as a habit."""

from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading
from shadow.signals.spoken import lowered, spoken

VERSION: Final = 1

PHRASES: Final = (
    "as an ai", "as a language model", "as a large language model", "i'm an ai", "i am an ai", "i'm just an ai",
    "i'm only an ai", "i am just an ai", "als ki", "als sprachmodell", "en tant qu'ia", "en tant que modèle de langage",
    "en tant qu'intelligence artificielle", "como modelo de lenguaje", "como una ia", "como modelo de linguagem",
    "como uma ia", "作为一个ai", "作为ai", "作为人工智能", "作为一个人工智能", "人工知能として", "aiとして",
    "인공지능으로서", "ai로서", "ai 언어 모델",
)  # fmt: skip
_SIGNS: Final = ("an ai", "language model", "als ", "en tant ", "como ")
"""One of these is part of each phrase in ASCII; most texts hold none, and need not be searched for all."""


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 where such a phrase stands anywhere in the beginning of the text."""
    del ask
    text = lowered(spoken(answer))
    if not text:
        return NotApplicable()
    if text.isascii() and not any(sign in text for sign in _SIGNS):
        return Measured(0.0)
    return Measured(float(any(phrase in text for phrase in PHRASES)))
