"""How much was said, in characters: tokenizers differ between models, characters do not.

Two answers are compared by the logarithm of their ratio, clipped to ±1.5 and scaled to [−1, 1]; a plain mean of ratios
would be ruled by a few long answers. What the clipping hides is counted apart, as `tail`: an answer three times longer
or shorter than stable's. An answer that only calls tools has no length of its own.

Not here: tokens and cost.
"""

from math import log
from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading

VERSION: Final = 1

CLIP: Final = 1.5
"""|log ratio| is clipped here: a factor of 4.5 either way."""

TAIL_RATIO: Final = 3.0
"""An answer this many times longer (or shorter) than stable's is a tail event."""


def read(ask: Ask, answer: Answer) -> Reading:
    """Characters said, the provider's refusal text included; 0.0 for an empty answer."""
    del ask
    if answer.tool_calls and not answer.text:
        return NotApplicable()
    return Measured(float(len(answer.text) + len(answer.refusal)))


def difference(stable: float, candidate: float) -> float:
    """The clipped log ratio candidate ÷ stable, in [−1, 1]. Nothing said counts as one character."""
    ratio = log(max(candidate, 1.0) / max(stable, 1.0))
    return max(-CLIP, min(CLIP, ratio)) / CLIP


def tail(stable: float, candidate: float) -> float:
    """+1.0 where the candidate's answer is in the long tail, −1.0 in the short one, else 0.0."""
    ratio = max(candidate, 1.0) / max(stable, 1.0)
    if ratio >= TAIL_RATIO:
        return 1.0
    return -1.0 if ratio <= 1.0 / TAIL_RATIO else 0.0
