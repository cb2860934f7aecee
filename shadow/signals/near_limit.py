"""Did the answer use up nearly all the tokens that it was allowed: the next longer one will be cut off.

Needs the request's limit and the provider's count of tokens; reasoning tokens count where the limit covers them.
"""

from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading

VERSION: Final = 1

NEAR: Final = 0.95


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 from 95 % of the limit on, truncated answers included."""
    if not ask.max_tokens or answer.completion_tokens is None:
        return NotApplicable()
    return Measured(float(answer.truncated or answer.completion_tokens >= NEAR * ask.max_tokens))
