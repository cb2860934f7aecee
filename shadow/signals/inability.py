"""Did the model say that it *can* not: no access, no knowledge, no such ability, whether or not something follows.

The other half of `refusal`, for a budget of its own: more of these is a tool or a context that got lost, or a model
that knows less, and no matter of safety.
"""

from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, Reading
from shadow.signals import refusal
from shadow.signals.refusal import Kind

VERSION: Final = refusal.VERSION

_UNABLE: Final = frozenset({Kind.UNABLE, Kind.PARTIAL})


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 where it was unable."""
    return Measured(float(refusal.classify(answer, ask.prompt) in _UNABLE))
