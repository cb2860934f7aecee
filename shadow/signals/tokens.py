"""How many tokens an answer took, by the provider's own count: what is paid for, hidden reasoning included.

Compared as the share of answers that take more than stable's p95. Tokenizers differ between families of models, so this
speaks of cost and not of length (`length` does, in characters).
"""

from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading

VERSION: Final = 1


def read(ask: Ask, answer: Answer) -> Reading:
    """Completion tokens; an answer whose provider counted none has nothing to compare."""
    del ask
    return NotApplicable() if answer.completion_tokens is None else Measured(float(answer.completion_tokens))
