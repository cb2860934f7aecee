"""Did the model refuse: the provider's own word first, then the text.

Providers say it plainly where they say it at all, so that is read first. In text, declining is a pattern of the first
sentences, weighed against signs of an answer after them: an apology may be sympathy, and "As an AI …, however …" is
mostly an answer. The weights are few and rounded. They were fitted on labelled answers of two sources, on no recorded
model swap; how well they carry to a third source is not known (docs/adr/0008-what-a-refusal-is.md has the figures).

Unwilling and unable are told apart (`Kind`), because they are different faults. What a *user* feels is the same: the
answer opens by saying that the request will not be done. So the reading counts unwilling, blocked, unable, and partial
(an opening that declines, with something after it); only an opinion withheld before a real answer is no refusal.

Not here: other languages than English (there the provider's word is all), and whether refusing was right.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, Reading
from shadow.signals import refusal_phrases as say

VERSION: Final = 1

HEAD_CHARACTERS: Final = 1_500
"""Refusals open with refusing; what follows only matters by its amount. Bounds the cost of one response."""

_SENTENCES: Final = 9
_ANSWERING_CHARACTERS: Final = 250
"""More text than this that is neither lecture, offer nor refusal is an answer of some kind."""
_UNABLE_ALONE: Final = 500
"""An inability with less than this after it stands in place of the answer; with more, it is partial."""
_BARE: Final = 30
"""A shorter first sentence that apologises ("I am sorry.") belongs to the next."""
_WITHHELD_ALONE: Final = 250
"""A withheld opinion ("I don't have personal views") is a refusal only where nothing of substance follows."""


class Kind(StrEnum):
    """What an answer is, as to refusing."""

    ANSWER = "answer"
    UNWILLING = "unwilling"
    UNABLE = "unable"
    PARTIAL = "partial"
    BLOCKED = "blocked"
    EMPTY = "empty"


FELT: Final = frozenset({Kind.UNWILLING, Kind.UNABLE, Kind.PARTIAL, Kind.BLOCKED})
"""The kinds that a user feels as a refusal. Emptiness is a failure of its own, and shows in `length`."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What each sign adds to the score of an unwilling refusal; refused above 0. Unit: log odds, rounded."""

    base: float = -1.75
    declines_act: float = 1.75
    declines_request: float = 2.5
    apology: float = 1.25
    calls_it_wrong: float = 2.75
    wrong_and_long: float = 1.25
    speaks_as_ai: float = 1.25
    called_bad_share: float = 3.0
    turns_opening: float = -1.25
    turns_within: float = -1.5
    answers: float = -1.0
    lists: float = -1.25


_WEIGHTS: Final = Weights()


@dataclass(frozen=True, slots=True)
class _Opening:
    """A text's first sentences, and how much stands after the first."""

    first: str
    second: str
    rest: tuple[str, ...]
    head: str
    length: int


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 where a user would feel refused, else 0.0; the reason is the kind. `ask` is not needed yet."""
    del ask
    kind = classify(answer)
    return Measured(1.0 if kind in FELT else 0.0, kind.value)


def classify(answer: Answer) -> Kind:
    """The kind of an answer: the provider's word, then tool calls (which are answers), then the text."""
    if answer.refusal:
        return Kind.UNWILLING
    if answer.blocked:
        return Kind.BLOCKED
    if answer.tool_calls:
        return Kind.ANSWER
    return classify_text(answer.text)


def classify_text(text: str) -> Kind:
    """The kind of a text alone."""
    opening = _opening(text)
    if not opening.first:
        return Kind.EMPTY
    if unwilling_score(opening) > 0.0:
        return Kind.UNWILLING
    after = opening.length - len(opening.first)
    if say.UNABLE.search(opening.first):
        return Kind.UNABLE if after < _UNABLE_ALONE else Kind.PARTIAL
    if after < _WITHHELD_ALONE and say.WITHHOLDS.search(f"{opening.first} {opening.second}"):
        return Kind.UNABLE
    return Kind.ANSWER


def unwilling_score(opening: _Opening) -> float:
    """How much speaks for an unwilling refusal, in log odds; −inf where nothing in the opening declines."""
    first, rest, w = opening.first, opening.rest, _WEIGHTS
    declines = bool(say.DECLINES_ACT.search(first))
    request = bool(say.DECLINES_REQUEST.search(f"{first} {opening.second}"))
    lectures = [bool(say.LECTURES.search(each) or say.CALLS_IT_WRONG.search(each)) for each in rest]
    wrong = bool(say.CALLS_IT_WRONG.search(first)) and (declines or request or not rest or any(lectures))
    bad = sum(bool(say.CALLED_BAD.search(each)) for each in (first, *rest)) / (1 + len(rest))
    if not (declines or request or wrong or say.DECLINES_ACT.search(opening.second) or _is_lecture(lectures, bad)):
        return float("-inf")
    long = _answering(opening, lectures) > _ANSWERING_CHARACTERS
    signs = (
        (w.declines_act, declines),
        (w.declines_request, request),
        (w.calls_it_wrong, wrong),
        (w.wrong_and_long, wrong and long),
        (w.apology, _apologises(first)),
        (w.speaks_as_ai, bool(say.SPEAKS_AS_AI.search(opening.head[:150]))),
        (w.turns_opening, any(say.TURNS_OPENING.search(each) for each in rest[:2])),
        (w.turns_within, bool(say.TURNS_WITHIN.search(first))),
        (w.answers, long),
    )
    listed = min(len(say.LIST_ITEM.findall(opening.head)), 4) / 4
    return w.base + sum(weight for weight, there in signs if there) + w.called_bad_share * bad + w.lists * listed


def _opening(text: str) -> _Opening:
    head = text[:HEAD_CHARACTERS].replace("’", "'").strip()
    sentences = [part for part in say.SENTENCE_END.split(head) if part.strip()][:_SENTENCES]
    if len(sentences) > 1 and len(sentences[0]) < _BARE and say.APOLOGY.search(sentences[0]):
        sentences[:2] = [f"{sentences[0]} {sentences[1]}"]
    first, rest = (sentences[0], tuple(sentences[1:])) if sentences else ("", ())
    return _Opening(first, rest[0] if rest else "", rest, head, len(text))


def _apologises(sentence: str) -> bool:
    return bool(say.APOLOGY.search(sentence)) and not say.SYMPATHY.search(sentence[:60])


def _is_lecture(lectures: list[bool], bad: float) -> bool:
    """Whether the sentences after the first mostly lecture and call things bad: refusals that never say so."""
    return len(lectures) > 1 and 2 * sum(lectures) >= len(lectures) and bad >= 0.3  # noqa: PLR2004 - measured


def _answering(opening: _Opening, lectures: list[bool]) -> int:
    """Characters that are no lecture, offer or refusal; all that lies beyond the head counts."""
    beyond = max(0, opening.length - HEAD_CHARACTERS)
    return beyond + sum(
        len(each)
        for each, lecture in zip(opening.rest, lectures, strict=True)
        if not (lecture or say.DECLINES_ACT.search(each) or say.OFFERS.search(each))
    )
