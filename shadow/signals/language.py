"""Does the model answer in another language than it was asked in.

Sometimes it should (translations), which is why only the difference between two models means anything. Where either
language cannot be told, nothing is compared.
"""

from typing import Final

from shadow.answer import Answer, Ask
from shadow.languages import language_of
from shadow.reading import Measured, NotApplicable, Reading
from shadow.signals.spoken import spoken

VERSION: Final = 2


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 where both languages are known and differ; the reason names both."""
    if answer.tool_calls or ask.wants_json:
        return NotApplicable()
    said = language_of(spoken(answer))
    asked = language_of(ask.prompt) if said else ""
    if not asked:
        return NotApplicable()
    return Measured(0.0) if said == asked else Measured(1.0, f"asked in {asked}, answered in {said}")
