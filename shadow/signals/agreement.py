"""Do two answers to one request say the same: a number in [0, 1], cheapest evidence first.

1. tool calls: as multisets of (name, canonical JSON arguments); calling where the other talks is disagreement;
2. equal after normalisation, or the same (or another) choice, number, or yes/no;
3. JSON: the share of paths that both have with equal values;
4. text: content words of both, without the question's own words, numbers weighing double, over the geometric mean of
   the two sizes. Words are compared by their first five letters, which stands in for a stemmer.

On human-judged pairs of open questions a plain count of words has an area under the curve of .830, an idf table made
from those very answers .836, and stems instead of the table .843; so there is no table to ship or to age. With the
numbers' weights it is .848, all chosen on that one set. Agreement is only ever judged *against stable's agreement with
itself* on the same request; alone it says little.

Not here: meaning beyond words (a judge model), and languages without spaces beyond pairs of characters.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from math import sqrt
from re import IGNORECASE, Pattern
from re import compile as _compile
from typing import Final
from unicodedata import normalize

import msgspec

from shadow.answer import Answer, Ask, Json, ToolCall

VERSION: Final = 1

MAX_CHARACTERS: Final = 8_000
"""Of each answer; what two answers say is plain by then, and a pair stays cheap."""
MAX_PATHS: Final = 2_000
"""Of a JSON answer; the rest is not compared."""

_STEM: Final = 5
_NUMBER_WEIGHT: Final = 2.0
_OTHER_NUMBERS: Final = 0.6
"""Both name numbers and share none: what words overlap is discounted by this much."""
_NOTHING_TO_COMPARE: Final = 0.3
"""Neither or only one answer has content words beyond the question's: little says that they agree."""

_STOP_WORDS: Final = """
a an the of in on at to for from by with and or but as is are was were be been being it its this that these those there
he she they him his her hers their theirs them who whom whose which what when where why how do does did done has have
had having not no yes i you we me my our your us if so than then also into over about after before during between more
most can could will would may might should one first according known called name named answer question refers reference
based however although though while some any all other such only very per via up out down off under again s t just both
each many much same another because since until through become became make made
"""
_STOP: Final = frozenset(_STOP_WORDS.split())
_UP_TO_TWENTY: Final = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty
"""
_NUMBER_WORDS: Final = {word: str(value) for value, word in enumerate(_UP_TO_TWENTY.split())}
_WORD: Final = _compile(r"\d[\d,]*\.?\d*|\w+")
_YES_NO: Final = _compile(r"\W*(yes|no|true|false)\b", IGNORECASE)
_CHOICE: Final = _compile(
    r"\W*(?:the )?(?:correct |right |best )?(?:answer|choice|option)?(?: is)?\W*\(?([a-h])\)?(?:[.):]|\W*$)", IGNORECASE
)
_MARKS: Final = _compile(r"[\u0300-\u036f]")
_AS_ONE: Final = {"true": "yes", "false": "no"}


def agree(ask: Ask, one: Answer, other: Answer) -> float:
    """How far two answers to `ask` agree, in [0, 1]; symmetric in the two."""
    if one.tool_calls or other.tool_calls:
        return _overlap(_calls(one.tool_calls), _calls(other.tool_calls))
    mine, theirs = _said(one), _said(other)
    plain = _plain(mine), _plain(theirs)
    if plain[0] == plain[1]:
        return 1.0
    structure = _structures(mine, theirs)
    if structure is not None:
        return structure
    choice = _same(_CHOICE, mine, theirs) if len(mine) + len(theirs) < 400 else None  # noqa: PLR2004 - short ones only
    if choice is not None:
        return choice
    words = _words_agree(_plain(ask.prompt[:MAX_CHARACTERS]), *plain)
    verdict = _same(_YES_NO, mine, theirs)
    if verdict is None:
        return words
    return words / 2 + (0.5 if verdict else 0.0)


def _said(answer: Answer) -> str:
    return (answer.refusal or answer.text)[:MAX_CHARACTERS]


def _plain(text: str) -> str:
    """Lower case, without accents, white space or marks at the ends."""
    folded = text.lower()
    if not folded.isascii():
        folded = _MARKS.sub("", normalize("NFKD", folded))
    return " ".join(folded.split()).strip(" .!?\"'`*")


def _same(pattern: Pattern[str], one: str, other: str) -> float | None:
    """1.0 or 0.0 where both answers open with what `pattern` extracts, None where one does not."""
    found = [pattern.match(text) for text in (one, other)]
    if not all(found):
        return None
    first, second = ((_AS_ONE.get(got, got)) for got in (match.group(1).lower() for match in found if match))
    return 1.0 if first == second else 0.0


# ── tool calls and JSON ───────────────────────────────────────────────────────────────────────────────────────────────


def _calls(calls: tuple[ToolCall, ...]) -> Counter[Hashable]:
    return Counter((call.name, _canonical(call.arguments)) for call in calls)


def _canonical(arguments: str) -> str:
    """Arguments with sorted keys and no white space; as they are where they are no JSON."""
    try:
        return msgspec.json.encode(msgspec.json.decode(arguments), order="sorted").decode()
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return arguments


def _overlap(one: Counter[Hashable], other: Counter[Hashable]) -> float:
    """Twice what is shared over the sum of both sizes; 1.0 for two empty multisets."""
    total = one.total() + other.total()
    return 2.0 * (one & other).total() / total if total else 1.0


def _structures(one: str, other: str) -> float | None:
    """The share of equal paths where both are JSON objects or lists, else None."""
    if not (one.lstrip()[:1] in ("{", "[") and other.lstrip()[:1] in ("{", "[")):
        return None
    try:
        pair = [msgspec.json.decode(text) for text in (one, other)]
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    mine, theirs = (Counter(_leaves(value)) for value in pair)
    return _overlap(mine, theirs)


def _leaves(root: Json) -> Iterator[Hashable]:
    """(path, value) of every leaf, at most `MAX_PATHS`; list positions do not matter, keys do."""
    todo: list[tuple[tuple[str, ...], Json]] = [((), root)]
    for _ in range(MAX_PATHS):
        if not todo:
            return
        path, value = todo.pop()
        if isinstance(value, Mapping):
            yield (path, "{}")
            todo.extend(((*path, key), inner) for key, inner in value.items())
        elif isinstance(value, list | tuple):
            yield (path, "[]")
            todo.extend(((*path, "*"), inner) for inner in value)
        else:
            yield (path, _plain(value) if isinstance(value, str) else repr(value))


# ── text ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _words_agree(prompt: str, one: str, other: str) -> float:
    asked = _content(prompt)
    mine, theirs = _content(one) - asked, _content(other) - asked
    size = sqrt(_weight(mine) * _weight(theirs))
    if not size:
        return _NOTHING_TO_COMPARE
    overlap = min(1.0, _weight(mine & theirs) / size)
    numbers = [{word for word in words if word[0].isdigit()} for words in (mine, theirs)]
    return overlap * (_OTHER_NUMBERS if all(numbers) and not numbers[0] & numbers[1] else 1.0)


def _weight(words: set[str]) -> float:
    return sum(_NUMBER_WEIGHT if word[0].isdigit() else 1.0 for word in words)


def _content(text: str) -> set[str]:
    """What a normalised text is about: stems, numbers, and pairs of characters where words are not spaced."""
    found: set[str] = set()
    for word in _WORD.findall(text):
        if word[0].isdigit():
            found.add(word.replace(",", "").rstrip("."))
        elif word in _NUMBER_WORDS:
            found.add(_NUMBER_WORDS[word])
        elif not word.isascii():
            found.update(word[i : i + 2] for i in range(max(1, len(word) - 1)))
        elif word not in _STOP:
            found.add(word[:_STEM])
    return found
