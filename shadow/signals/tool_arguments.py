"""Are the arguments of tool calls valid: JSON, and what the tool's own schema demands.

`schema` judges text and calls together, as the application meets them. This is its part for calls alone, so that broken
arguments do not hide among many good documents.
"""

from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading
from shadow.signals import schema

VERSION: Final = schema.VERSION


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 where the arguments of a call to a known tool are broken; the reason is the rung (`schema.Rung`)."""
    if not answer.tool_calls:
        return NotApplicable()
    reading = schema.read(ask, answer)
    unknown = isinstance(reading, Measured) and reading.reason == schema.Rung.UNKNOWN_TOOL
    return NotApplicable() if unknown else reading
