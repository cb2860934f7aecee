"""Do two answers to one request say the same: a number in [0, 1], cheapest evidence first, by kind of task.

1. tool calls: as multisets of (name, canonical JSON arguments); calling where the other talks is disagreement;
2. JSON: the share of paths that both have with equal values, without those that vary by themselves (`json_paths`);
3. equal after normalisation, or the same (or another) choice, marked final answer, or yes/no;
4. text: content words of both, without the question's own words, over the geometric mean of the two sizes. Words are
   compared by their first five letters, which stands in for a stemmer. What an answer names weighs double (numbers,
   dates, capitalised words), what comes after its first sentence half: there it elaborates.

On human-judged pairs of open questions (`python -m loadtest.signals.agreement`) a plain count of words has an area
under the curve of .830, stems .843, with numbers .848, with names and the first sentence .859. The weights 2 and ½
only say "more" and "less"; the six settings tried on that set lay between .848 and .860. No table was fitted, so
there is none to ship or to age. Agreement is only ever judged *against stable's agreement with itself* on the same
request; alone it says little.

Not here: meaning beyond words (a judge model), and languages without spaces beyond pairs of characters.
"""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from math import sqrt
from operator import itemgetter
from re import IGNORECASE, MULTILINE, Match, Pattern
from re import compile as _compile
from typing import Final
from unicodedata import normalize

import msgspec

from shadow.answer import Answer, Ask, ToolCall
from shadow.signals.json_paths import NOTHING, JsonPath, differences, parse
from shadow.signals.spoken import told

VERSION: Final = 4

_LONGEST: Final = 20_000
"""Characters in which two answers may be equal, and in which a marked final answer is looked for: those stand last."""
MAX_CHARACTERS: Final = 1_500
"""Whose words are compared, of each answer; what two answers say is plain by then, and what follows only elaborates. Of
3,000, 2,500, 2,000, 1,500 and 1,000 this told answers to one prompt best from those to another, and like models from
unlike (docs/signals.md)."""

_STEM: Final = 5
_OPENING: Final = itemgetter(slice(_STEM))
"""A word's stem."""
_KNOWN_PIECES: Final = 32_768
"""Pieces between white space whose stems are kept: some megabytes."""
_KNOWN_TEXTS: Final = 4
"""A triple compares three answers in three pairs, beside one prompt: each text is read once."""
_WEIGHTS: Final = (2.0, 1.0, 0.5)
"""What the first sentence names (numbers, dates, capitalised words), which is mostly what an answer says; its other
words, and what is named later; all else. Powers of two, so that sums are exact in any order."""
_LEAST_HEAD: Final = 40
"""The first sentence ends no earlier: "Yes." and "1. " are not what an answer says."""
_OTHER_NUMBERS: Final = 0.6
"""Both name numbers and share none: what words overlap is discounted by this much."""
_NOTHING_TO_COMPARE: Final = 0.3
"""Neither or only one answer has content words beyond the question's: little says that they agree."""
_PLAINLY: Final = 20
"""Characters after normalisation in which two answers that are not equal mostly differ."""
_SHORT: Final = 400
"""Two answers this short together may be nothing but a choice."""

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
_MONTH_NAMES: Final = """
january february march april - june july august september october november december
"""
"""Without May, which is mostly a verb; ISO dates name it all the same."""
_MONTHS: Final = {
    short: f"month{index}"
    for index, name in enumerate(_MONTH_NAMES.split(), 1)
    for short in (name, name[:3])
    if name != "-"
}
_SPELLED: Final = {**_NUMBER_WORDS, **_MONTHS}
_SPELLED_WORDS: Final = frozenset(_SPELLED)
_NO_STEM: Final = _STOP | _SPELLED_WORDS
_WORD: Final = _compile(r"\d[\d,]*\.?\d*|[^\W\d_]\w*")
_APART: Final = str.maketrans(dict.fromkeys("!\"#$%&'()*+/:;<=>?@[\\]^`{|}~", " "))
"""Marks that stand between words and in none: without them there are fewer pieces to look up."""
_NAMES: Final = "^"
"""Stands before a stem that names something; no word holds it."""
_ISO_DATE: Final = _compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")
_SENTENCE_END: Final = _compile(r"[.!?]\s+(?=[^\W\d_a-z])|[。！？]|\n")
_YES_NO: Final = _compile(r"\W*(yes|no|true|false)\b", IGNORECASE)
_CHOICE: Final = _compile(
    r"\W*(?:the )?(?:correct |right |best )?(?:answer|choice|option)?(?: is)?\W*\(?([a-h])\)?(?:[.):]|\W*$)", IGNORECASE
)
_FINAL: Final = _compile(
    r"boxed\{((?:[^{}]|\{[^{}]{0,40}\}){1,60})\}|^#{4}\s*([^\n]{1,60})|"
    r"\bfinal answer[^\w-]{0,6}(?:is[^\w-]{0,6})?([^\n.]{1,60})",
    IGNORECASE | MULTILINE,
)
"""An answer that is marked as such, as mathematics benchmarks ask for."""
_VALUE: Final = _compile(r"-(?=\d)|\d+\.?\d*|[^\W\d_]\w*")
"""What two final answers are compared by."""
_FINAL_MARKS: Final = ("boxed", "####", "inal answer")
"""Where none is, the expression above need not look."""
_MARKS: Final = _compile(r"[\u0300-\u036f]")
_AS_ONE: Final = {"true": "yes", "false": "no"}


class TaskKind(StrEnum):
    """What two answers were compared as."""

    CALLS = "tool_calls"
    CALL_OR_TEXT = "call_or_text"
    EQUAL = "equal"
    JSON = "json"
    CHOICE = "choice"
    FINAL = "final_answer"
    YES_NO = "yes_no"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two answers agree, in [0, 1], and what they were compared as."""

    value: float
    kind: TaskKind


def agree(ask: Ask, one: Answer, other: Answer, ignoring: frozenset[JsonPath] = NOTHING) -> float:
    """How far two answers to `ask` agree, in [0, 1]; symmetric in the two."""
    return compare(ask, one, other, ignoring).value


def compare(ask: Ask, one: Answer, other: Answer, ignoring: frozenset[JsonPath] = NOTHING) -> Agreement:
    """How far two answers to `ask` agree, and as what. JSON paths in `ignoring` do not count."""
    if one.tool_calls and other.tool_calls:
        return Agreement(_overlap(_calls(one.tool_calls), _calls(other.tool_calls)), TaskKind.CALLS)
    if one.tool_calls or other.tool_calls:
        return Agreement(0.0, TaskKind.CALL_OR_TEXT)
    documents = parse(told(one.text)), parse(told(other.text))
    if documents[0] is not None and documents[1] is not None:
        return Agreement(differences(*documents, ignoring).agreement, TaskKind.JSON)
    mine, theirs = _said(one), _said(other)
    if _equal(mine, theirs):
        return Agreement(1.0, TaskKind.EQUAL)
    return _extracted(mine, theirs) or _told(_about(ask.prompt[:MAX_CHARACTERS]).every, mine, theirs)


def _extracted(mine: str, theirs: str) -> Agreement | None:
    """Agreement of two choices, or of two marked final answers; None where one answer has none."""
    choice = _same(_CHOICE, mine, theirs) if len(mine) + len(theirs) < _SHORT else None
    if choice is not None:
        return Agreement(choice, TaskKind.CHOICE)
    if not all(any(mark in text for mark in _FINAL_MARKS) for text in (mine, theirs)):
        return None
    finals = [found[-1] for text in (mine, theirs) if (found := _FINAL.findall(text))]
    if len(finals) < 2:  # noqa: PLR2004 - one of each
        return None
    said = ["".join(_VALUE.findall(_plain("".join(groups)).replace(",", ""))) for groups in finals]
    return Agreement(float(said[0] == said[1]), TaskKind.FINAL) if all(said) else None


def _told(asked: frozenset[str], mine: str, theirs: str) -> Agreement:
    words = _words_agree(asked, mine[:MAX_CHARACTERS], theirs[:MAX_CHARACTERS])
    verdict = _same(_YES_NO, mine, theirs)
    if verdict is None:
        return Agreement(words, TaskKind.TEXT)
    return Agreement(words / 2 + (0.5 if verdict else 0.0), TaskKind.YES_NO)


def _said(answer: Answer) -> str:
    return (answer.refusal or told(answer.text))[:_LONGEST]


def _equal(one: str, other: str) -> bool:
    """Whether two answers are the same but for case, accents, white space and marks at the ends.

    Nearly all differ in their first words already, which is cheaper to see. An opening that is long enough is plain by
    itself: what is cut off after it changes nothing before its end.
    """
    openings = [_plain(text[: 10 * _PLAINLY]) for text in (one, other)]
    if all(len(opening) > _PLAINLY for opening in openings) and openings[0][:_PLAINLY] != openings[1][:_PLAINLY]:
        return False
    return _plain(one) == _plain(other)


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


# ── tool calls ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _calls(calls: tuple[ToolCall, ...]) -> Counter[Hashable]:
    return Counter((call.name, _canonical(call.arguments or "{}")) for call in calls)


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


# ── text ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _About:
    """What a text is about: its stems by their weight (`_WEIGHTS`, each in one), all of them, and the numbers."""

    weighed: tuple[frozenset[str], frozenset[str], frozenset[str]]
    every: frozenset[str]
    numbers: frozenset[str]

    def weight(self) -> float:
        """Of all its stems."""
        return sum(weight * len(stems) for weight, stems in zip(_WEIGHTS, self.weighed, strict=True))

    def weight_of(self, some: frozenset[str]) -> float:
        """Of those of its stems that are among `some`, which are few: then this is quick."""
        return sum(weight * len(stems & some) for weight, stems in zip(_WEIGHTS, self.weighed, strict=True))


def _words_agree(asked: frozenset[str], one: str, other: str) -> float:
    mine, theirs = _about(one), _about(other)
    size = sqrt((mine.weight() - mine.weight_of(asked)) * (theirs.weight() - theirs.weight_of(asked)))
    if not size:
        return _NOTHING_TO_COMPARE
    shared = (mine.every & theirs.every) - asked
    overlap = min(1.0, (mine.weight_of(shared) + theirs.weight_of(shared)) / 2.0 / size)
    numbers = [each.numbers - asked for each in (mine, theirs)]
    return overlap * (_OTHER_NUMBERS if all(numbers) and not numbers[0] & numbers[1] else 1.0)


@lru_cache(maxsize=_KNOWN_TEXTS)
def _about(text: str) -> _About:
    """What a text is about; a stem that stands in several places has the greatest of its weights."""
    end = _SENTENCE_END.search(text, _LEAST_HEAD)
    head = end.end() if end else len(text)
    first, later = _stems_in(text[:head]), _stems_in(text[head:])
    second = (first.plain | later.named) - first.named
    rest = later.plain - second - first.named
    every = first.named | second | rest
    return _About((first.named, second, rest), every, first.numbers | later.numbers)


@dataclass(frozen=True, slots=True)
class _Stems:
    """Of a part of a text: the stems that name something, the others, and all that begin with a digit."""

    named: frozenset[str]
    plain: frozenset[str]
    numbers: frozenset[str]


def _stems_in(part: str) -> _Stems:
    """Most pieces are words in lower case, which need no looking at one by one; the others are remembered."""
    ascii_only = part.isascii()
    if ascii_only:
        part = part.translate(_APART).replace(", ", " ").replace(". ", " ")
    pieces = set(part.split())
    words = set(filter(str.isalpha, filter(str.islower, pieces if ascii_only else filter(str.isascii, pieces))))
    others = (pieces - words) | (words & _SPELLED_WORDS)
    found = set(chain.from_iterable(map(_stems, others)))
    named = frozenset([stem[1:] for stem in found if stem[0] == _NAMES])
    plain = {stem for stem in found if stem[0] != _NAMES} if len(named) < len(found) else set()
    plain.update(map(_OPENING, words - _NO_STEM))
    return _Stems(named, frozenset(plain), frozenset([stem for stem in named if stem[0].isdigit()]))


@lru_cache(maxsize=_KNOWN_PIECES)
def _stems(piece: str) -> tuple[str, ...]:
    """What a piece between white space counts as; stems that name something have a mark before them.

    A memo of a pure function, bounded.
    """
    if not piece.isascii():
        piece = _MARKS.sub("", normalize("NFKD", piece))
    if "-" in piece:
        piece = _ISO_DATE.sub(_spelled, piece)
    stems = (found for word in _WORD.findall(piece) for found in _stems_of(word))
    return tuple(_NAMES + stem if named else stem for stem, named in stems)


def _stems_of(word: str) -> tuple[tuple[str, bool], ...]:
    """What a word counts as, and whether it names something; pairs of characters where words are not spaced."""
    if word[0].isdigit():
        return ((word.replace(",", "").rstrip("."), True),)
    lower = word.lower()
    if not lower.isascii():
        named = word[0] != lower[0]
        return tuple((lower[i : i + 2], named) for i in range(max(1, len(lower) - 1)))
    if lower in _STOP:
        return ()
    known = _SPELLED.get(lower)
    if known:
        return ((known, True),)
    return ((lower if lower.startswith("month") else lower[:_STEM], word[0] != lower[0]),)


def _spelled(date: Match[str]) -> str:
    """2024-03-09 as people write it."""
    year, month, day = date.groups()
    return f"{int(day)} month{int(month)} {year}"
