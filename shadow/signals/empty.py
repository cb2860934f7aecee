"""Was anything said at all: an answer without text, refusal or tool call is an error that came with status 200."""

from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, Reading

VERSION: Final = 1


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 for an answer of nothing but white space. What the provider blocked is a refusal, not emptiness."""
    del ask
    something = answer.text.strip() or answer.refusal or answer.blocked or answer.tool_calls
    return Measured(0.0 if something else 1.0)
