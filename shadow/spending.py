"""What answers cost: the provider's count of tokens at the configured price, in billionths, so that sums stay integers.

Reasoning tokens are part of the completion's, as providers bill them. An answer without a count costs nothing that we
know of, and is not among the priced ones.
"""

from dataclasses import dataclass
from typing import Final

from shadow.answer import Answer, Unreadable
from shadow.reading import Measured, NotApplicable, Reading

PER_UNIT: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """Of a million tokens, in the operator's currency."""

    input: float
    output: float

    def billionths(self, said: Answer | Unreadable) -> int | None:
        """What an answer cost; None where its tokens are not known."""
        if isinstance(said, Unreadable) or said.prompt_tokens is None or said.completion_tokens is None:
            return None
        return round((said.prompt_tokens * self.input + said.completion_tokens * self.output) * 1_000.0)


def usage(of: str, said: Answer | Unreadable) -> dict[str, int]:
    """What to count of an arm's answer whose tokens are known, for foretelling what the next rollout costs."""
    if isinstance(said, Unreadable) or said.prompt_tokens is None or said.completion_tokens is None:
        return {}
    return {f"metered.{of}": 1, f"prompted.{of}": said.prompt_tokens, f"completed.{of}": said.completion_tokens}


def cost_reading(cost: int | None) -> Reading:
    """What an answer cost, as a reading: without a price or tokens there is nothing to compare."""
    return NotApplicable() if cost is None else Measured(float(cost))


def spending(of: str, price: Price | None, said: Answer | Unreadable) -> dict[str, int]:
    """What to count of an answer of `of` (an arm, or `shadow`, or `judge`); nothing without a price or tokens."""
    cost = None if price is None else price.billionths(said)
    if cost is None or isinstance(said, Unreadable):
        return {}
    counts = {f"priced.{of}": 1, f"spent.{of}": cost}
    return {**counts, f"reasoned.{of}": said.reasoning_tokens} if said.reasoning_tokens else counts
