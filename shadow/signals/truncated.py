"""Was the answer cut off by the token limit: the application gets half a sentence, or half a document."""

from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, Reading

VERSION: Final = 1


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 where the provider says that its limit ended the answer."""
    del ask
    return Measured(float(answer.truncated))
