"""Does one answer call several tools: applications that expect one call at a time trip over it."""

from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading

VERSION: Final = 1


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 for two calls or more, of the answers that call any."""
    del ask
    if not answer.tool_calls:
        return NotApplicable()
    return Measured(float(len(answer.tool_calls) > 1))
