"""Did the model refuse: the provider's own word first, then the text.

Providers say it plainly where they say it at all, so that is read first. In text, declining is a pattern of the first
sentences, weighed against signs of an answer after them: an apology may be sympathy, and "As an AI …, however …" is
mostly an answer. The signs are in `refusal_signs`, the first words in `refusal_words`, the two questions that they are
weighed for in `refusal_odds`; the weights are fitted on labelled answers whose licences permit it and on exchanges of
our own, on no recorded model swap (docs/adr/0008-what-a-refusal-is.md, docs/signals.md). The line is at log odds 0, for
every model and source.

Unwilling and unable are told apart (`Kind`), because they are different faults. What a *user* feels is the same: the
answer opens by saying that the request will not be done. So the reading counts unwilling, blocked, unable, partial (an
opening that declines, with something after it) and redirecting; a disclaimer before a real answer is no refusal.
`unwilling` and `inability` read its two halves, for budgets of their own.

Not here: whether refusing was right.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, Reading
from shadow.signals import refusal_phrases as say
from shadow.signals.refusal_odds import Odds, odds_of
from shadow.signals.refusal_signs import Opening, opening_of, speaks_as_ai
from shadow.signals.refusal_tongues import Declining, declining
from shadow.signals.spoken import told

VERSION: Final = 5

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
_NEARLY: Final = -2.5
"""Log odds of not giving what was asked, above which an opening that says what the speaker lacks counts; a text that
speaks as an AI says so out of habit, and gets no such help. -1.5 to -2.5 tell written exchanges apart alike
(docs/signals.md); the lowest counts most of the partial ones."""


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
    """The kind of a text, and how much speaks for its being unwilling."""
    opening = opening_of(text)
    if not opening.sentences:
        return Read(Kind.EMPTY)
    foreign = declining(opening.head)
    if foreign is not None:
        return Read(Kind.UNWILLING if foreign is Declining.UNWILLING else Kind.UNABLE)
    odds = odds_of(opening, prompt)
    return Read(kind_of(opening, odds), odds.unwilling)


def kind_of(opening: Opening, odds: Odds) -> Kind:
    """The kind of an opening in English that has a sentence."""
    if odds.unwilling >= _CLEARLY or (odds.unwilling > 0.0 and not _milder(opening)):
        return Kind.UNWILLING
    return _otherwise(opening, odds.not_given)


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


def _otherwise(opening: Opening, not_given: float) -> Kind:
    """The kind of what is not unwilling."""
    after = opening.length - len(opening.sentences[0])
    if after < _SOFT_ALONE and say.SOFTLY.search(" ".join(opening.sentences[:2])):
        return Kind.UNWILLING
    if _redirects_alone(opening):
        return Kind.REDIRECT
    if not_given > 0.0 or (not_given > _NEARLY and _says_what_it_lacks(opening)):
        return Kind.UNABLE if after < _UNABLE_ALONE else Kind.PARTIAL
    return Kind.ANSWER


def _says_what_it_lacks(opening: Opening) -> bool:
    """Whether an opening that does not speak as an AI says that something is missing, or withheld."""
    if speaks_as_ai(opening.head):
        return False
    return bool(say.UNABLE.search(opening.sentences[0])) or _withholds_alone(opening)
