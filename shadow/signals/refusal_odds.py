"""Two questions to an opening, each a sum of weights: is it unwilling, and does it *not* give what was asked?

The second is the wider one. A disclaimer before a real answer ("I can't see live delays, but …") gives it; an answer
that only says what the speaker lacks does not, though it is not unwilling. Both weigh the same signs and the same
words, which are looked up once.

Not here: what follows from the two for the kind of an answer (`refusal`), and the fit (`loadtest/signals/fit.py`).
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from shadow.signals import refusal_weights, unable_weights
from shadow.signals.refusal_signs import Opening, signs_in
from shadow.signals.refusal_words import Words, buckets, words


@dataclass(frozen=True, slots=True)
class Question:
    """Weights of signs, of the same for texts that speak as an AI, and of words."""

    base: float
    weights: Mapping[str, float]
    weights_as_ai: Mapping[str, float]
    words: Words

    def odds(self, signs: Mapping[str, float], found: AbstractSet[int]) -> float:
        """Log odds of yes; the line is at 0."""
        weights = self.weights_as_ai if signs["speaks_as_ai"] else self.weights
        return (
            self.base + sum(weights[name] * value for name, value in signs.items() if value) + self.words.score(found)
        )


UNWILLING: Final = Question(
    refusal_weights.BASE,
    refusal_weights.WEIGHTS,
    refusal_weights.WEIGHTS_AS_AI,
    words(refusal_weights.WORDS, refusal_weights.WORD_STEP),
)
NOT_GIVEN: Final = Question(
    unable_weights.BASE,
    unable_weights.WEIGHTS,
    unable_weights.WEIGHTS_AS_AI,
    words(unable_weights.WORDS, unable_weights.WORD_STEP),
)


@dataclass(frozen=True, slots=True)
class Odds:
    """Log odds that an opening is unwilling, and that what was asked is not given."""

    unwilling: float
    not_given: float


def odds_of(opening: Opening, prompt: str = "") -> Odds:
    """Both, of an opening that has a sentence."""
    signs, found = signs_in(prompt, opening), buckets(opening.head)
    return Odds(UNWILLING.odds(signs, found), NOT_GIVEN.odds(signs, found))
