"""The text of an answer that signals of form and manner look at, bounded.

An answer that only calls tools says nothing, and has neither form nor manner; nor has an empty one (`empty` counts it)
or one that the provider blocked (`refusal` does).
"""

from functools import lru_cache
from typing import Final

from shadow.answer import Answer

MAX_CHARACTERS: Final = 4_000
"""Habits of form show by then, and the cost of a long answer stays bounded."""


def spoken(answer: Answer) -> str:
    """The beginning of what was said in the model's own words; empty where nothing was."""
    return "" if answer.refusal else answer.text[:MAX_CHARACTERS]


@lru_cache(maxsize=2)
def lowered(text: str) -> str:
    """Lower case, with straight apostrophes. The last are remembered, because several signals ask in turn."""
    return text.lower().replace("’", "'")
