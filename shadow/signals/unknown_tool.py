"""Does the model call tools that do not exist: names that the request does not offer."""

from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading

VERSION: Final = 1


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 where any call names a tool that the request did not offer; without calls there is nothing to judge."""
    if not answer.tool_calls:
        return NotApplicable()
    offered = {name for name, _ in ask.tools}
    invented = next((call.name for call in answer.tool_calls if call.name not in offered), None)
    return Measured(0.0) if invented is None else Measured(1.0, "not offered")
