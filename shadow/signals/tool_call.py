"""Does the model call a tool where it may: the decision between calling and talking, apart from what is called."""

from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading

VERSION: Final = 1


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 for at least one call; without tools in the request there is nothing to decide."""
    if not ask.tools:
        return NotApplicable()
    return Measured(float(bool(answer.tool_calls)))
