"""The text of an answer that signals of form and manner look at, bounded; and what is told once reasoning is left out.

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


_REASONING: Final = ("think", "thinking", "reasoning")


def told(text: str) -> str:
    """The text without reasoning in tags that it begins with: what a model says to the user.

    Some servers leave reasoning in the text (`leaked` counts it), and some templates open the tag in the prompt, so
    that only its end is there. Whether the model refuses, and what it says, is in what follows.
    """
    if "</" not in text:
        return text
    for tag in _REASONING:
        before, end, after = text.partition(f"</{tag}>")
        if end and (before.lstrip().startswith(f"<{tag}>") or f"<{tag}>" not in before):
            return after.lstrip()
    return text


@lru_cache(maxsize=2)
def lowered(text: str) -> str:
    """Lower case, with straight apostrophes. The last are remembered, because several signals ask in turn."""
    return text.lower().replace("’", "'")
