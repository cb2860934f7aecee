"""Did the model refuse: the provider's own word first, then the text.

Providers say it plainly where they say it at all, so that is read first. In text, declining is a pattern of the first
sentences, weighed against signs of an answer after them: an apology may be sympathy, and "As an AI …, however …" is
mostly an answer. The signs are in `refusal_signs`, the first words in `refusal_words`; what they weigh is fitted on
labelled answers whose licences permit it and on exchanges of our own, on no recorded model swap
(docs/adr/0008-what-a-refusal-is.md, docs/signals.md). The line is at log odds 0, for every model and source.

Unwilling and unable are told apart (`Kind`), because they are different faults. What a *user* feels is the same: the
answer opens by saying that the request will not be done. So the reading counts unwilling, blocked, unable, partial (an
opening that declines, with something after it) and redirecting; only an opinion withheld before a real answer is no
refusal. `unwilling` and `inability` read its two halves, for budgets of their own.

Not here: whether refusing was right.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, Reading
from shadow.signals import refusal_phrases as say
from shadow.signals.refusal_signs import Opening, opening_of, signs_in
from shadow.signals.refusal_tongues import Declining, declining
from shadow.signals.refusal_weights import BASE, WEIGHTS, WEIGHTS_AS_AI
from shadow.signals.refusal_words import words_score
from shadow.signals.spoken import told

VERSION: Final = 4

_UNABLE_ALONE: Final = 500
"""An inability with less than this after it stands in place of the answer; with more, it is partial."""
_WITHHELD_ALONE: Final = 250
"""A withheld opinion ("I don't have personal views") is a refusal only where nothing of substance follows."""
_REDIRECT_ALONE: Final = 300
"""A change of subject with less than this after it is all that was said."""

_SOFT_ALONE: Final = 200
"""A soft refusal ("I'll have to pass on this one") with less than this after it is all that was said."""
_CLEARLY: Final = 1.5
"""Log odds below which a text that says what the speaker lacks, or withholds, is no more than that."""


class Kind(StrEnum):
    """What an answer is, as to refusing."""

    ANSWER = "answer"
    UNWILLING = "unwilling"
    UNABLE = "unable"
    PARTIAL = "partial"
    REDIRECT = "redirect"
    BLOCKED = "blocked"
    EMPTY = "empty"


FELT: Final = frozenset({Kind.UNWILLING, Kind.UNABLE, Kind.PARTIAL, Kind.REDIRECT, Kind.BLOCKED})
"""The kinds that a user feels as a refusal. Emptiness is a failure of its own, and shows in `length`."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a text reads as, and the log odds that it is unwilling (0.0 where that was not asked)."""

    kind: Kind
    score: float = 0.0


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 where a user would feel refused, else 0.0; the reason is the kind."""
    kind = classify(answer, ask.prompt)
    return Measured(1.0 if kind in FELT else 0.0, kind.value)


@lru_cache(maxsize=4)
def classify(answer: Answer, prompt: str = "") -> Kind:
    """The kind of an answer: the provider's word, then tool calls (which are answers), then the text.

    The last few are remembered, because three signals ask in turn.
    """
    if answer.refusal:
        return Kind.UNWILLING
    if answer.blocked:
        return Kind.BLOCKED
    if answer.tool_calls:
        return Kind.ANSWER
    return classify_text(told(answer.text), prompt)


def classify_text(text: str, prompt: str = "") -> Kind:
    """The kind of a text alone; the prompt helps where it is known."""
    return read_text(text, prompt).kind


def read_text(text: str, prompt: str = "") -> Read:
    """The kind of a text, and how much speaks for it."""
    opening = opening_of(text)
    if not opening.sentences:
        return Read(Kind.EMPTY)
    foreign = declining(opening.head)
    if foreign is not None:
        return Read(Kind.UNWILLING if foreign is Declining.UNWILLING else Kind.UNABLE)
    score = unwilling_score(opening, prompt)
    if score >= _CLEARLY or (score > 0.0 and not _milder(opening)):
        return Read(Kind.UNWILLING, score)
    return Read(_otherwise(opening), score)


def _milder(opening: Opening) -> bool:
    """Whether a text that hardly reads as unwilling says what it lacks, keeps an opinion back, changes subject."""
    first = opening.sentences[0]
    return bool(say.LACKS.search(first)) or _withholds_alone(opening) or _redirects_alone(opening)


def _withholds_alone(opening: Opening) -> bool:
    after = opening.length - len(opening.sentences[0])
    return after < _WITHHELD_ALONE and bool(say.WITHHOLDS.search(" ".join(opening.sentences[:2])))


def _redirects_alone(opening: Opening) -> bool:
    first = opening.sentences[0]
    return opening.length - len(first) < _REDIRECT_ALONE and bool(say.REDIRECTS.search(first))


def unwilling_score(opening: Opening, prompt: str = "") -> float:
    """The log odds that an opening with a sentence is an unwilling refusal."""
    signs = signs_in(prompt, opening)
    weights = WEIGHTS_AS_AI if signs["speaks_as_ai"] else WEIGHTS
    return BASE + sum(weights[name] * value for name, value in signs.items() if value) + words_score(opening.head)


def _otherwise(opening: Opening) -> Kind:
    """The kind of what is not unwilling."""
    first = opening.sentences[0]
    after = opening.length - len(first)
    if after < _SOFT_ALONE and say.SOFTLY.search(" ".join(opening.sentences[:2])):
        return Kind.UNWILLING
    if say.UNABLE.search(first):
        return Kind.UNABLE if after < _UNABLE_ALONE else Kind.PARTIAL
    if _withholds_alone(opening):
        return Kind.UNABLE
    if _redirects_alone(opening):
        return Kind.REDIRECT
    return Kind.ANSWER
