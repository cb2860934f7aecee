"""Do two answers to one request say the same: a number in [0, 1], cheapest evidence first, by kind of task.

1. tool calls: as multisets of (name, canonical JSON arguments); calling where the other talks is disagreement;
2. JSON: the share of paths that both have with equal values, without those that vary by themselves (`json_paths`);
3. equal after normalisation, or the same (or another) choice, marked final answer, or yes/no;
4. text: content words of both, without the question's own words, over the geometric mean of the two sizes. Words are
   compared by their first five letters, which stands in for a stemmer. What an answer names weighs double (numbers,
   dates, capitalised words), what comes after its first sentence half: there it elaborates.

On human-judged pairs of open questions (`python -m loadtest.signals_agreement`) a plain count of words has an area
under the curve of .830, stems .843, with numbers .848, with names and the first sentence .859. The weights 2 and ½
only say "more" and "less"; the six settings tried on that set lay between .848 and .860. No table was fitted, so
there is none to ship or to age. Agreement is only ever judged *against stable's agreement with itself* on the same
request; alone it says little.

Not here: meaning beyond words (a judge model), and languages without spaces beyond pairs of characters.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import sqrt
from re import IGNORECASE, MULTILINE, Match, Pattern
from re import compile as _compile
from typing import Final
from unicodedata import normalize

import msgspec

from shadow.answer import Answer, Ask, ToolCall
from shadow.signals.json_paths import NOTHING, JsonPath, differences, parse

VERSION: Final = 2

MAX_CHARACTERS: Final = 6_000
"""Of each answer; what two answers say is plain by then, and a pair stays cheap."""

_STEM: Final = 5
_KNOWN_WORDS: Final = 16_384
"""Words whose stems are kept: some megabytes."""
_NAMED: Final = 2.0
"""Numbers, dates and capitalised words: what an answer names is mostly what it says."""
_ELABORATION: Final = 0.5
"""What comes after the first sentence."""
_LEAST_HEAD: Final = 40
"""The first sentence ends no earlier: "Yes." and "1. " are not what an answer says."""
_OTHER_NUMBERS: Final = 0.6
"""Both name numbers and share none: what words overlap is discounted by this much."""
_NOTHING_TO_COMPARE: Final = 0.3
"""Neither or only one answer has content words beyond the question's: little says that they agree."""
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
_WORD: Final = _compile(r"\d[\d,]*\.?\d*|[^\W\d_]\w*")
_ISO_DATE: Final = _compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")
_SENTENCE_END: Final = _compile(r"[.!?]\s+(?=[^\W\d_a-z])|[。！？]|\n")
_YES_NO: Final = _compile(r"\W*(yes|no|true|false)\b", IGNORECASE)
_CHOICE: Final = _compile(
    r"\W*(?:the )?(?:correct |right |best )?(?:answer|choice|option)?(?: is)?\W*\(?([a-h])\)?(?:[.):]|\W*$)", IGNORECASE
)
_FINAL: Final = _compile(
    r"\boxed\{([^{}]{1,60})\}|^#{4}\s*([^\n]{1,60})|\bfinal answer\W{0,6}(?:is\W{0,6})?([^\n.]{1,60})",
    IGNORECASE | MULTILINE,
)
"""An answer that is marked as such, as mathematics benchmarks ask for."""
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
    documents = parse(one.text), parse(other.text)
    if documents[0] is not None and documents[1] is not None:
        return Agreement(differences(*documents, ignoring).agreement, TaskKind.JSON)
    mine, theirs = _said(one), _said(other)
    if _plain(mine) == _plain(theirs):
        return Agreement(1.0, TaskKind.EQUAL)
    return _extracted(mine, theirs) or _told(_content(ask.prompt[:MAX_CHARACTERS]), mine, theirs)


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
    said = ["".join(_WORD.findall(_plain("".join(groups)))) for groups in finals]
    return Agreement(float(said[0] == said[1]), TaskKind.FINAL) if all(said) else None


def _told(asked: Mapping[str, float], mine: str, theirs: str) -> Agreement:
    words = _words_agree(asked, mine, theirs)
    verdict = _same(_YES_NO, mine, theirs)
    if verdict is None:
        return Agreement(words, TaskKind.TEXT)
    return Agreement(words / 2 + (0.5 if verdict else 0.0), TaskKind.YES_NO)


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


def _words_agree(asked: Mapping[str, float], one: str, other: str) -> float:
    mine, theirs = (
        {word: weight for word, weight in _content(text).items() if word not in asked} for text in (one, other)
    )
    size = sqrt(sum(mine.values()) * sum(theirs.values()))
    if not size:
        return _NOTHING_TO_COMPARE
    shared = sorted(mine.keys() & theirs.keys())
    overlap = min(1.0, sum(mine[word] + theirs[word] for word in shared) / 2.0 / size)
    numbers = [{word for word in words if word[0].isdigit()} for words in (mine, theirs)]
    return overlap * (_OTHER_NUMBERS if all(numbers) and not numbers[0] & numbers[1] else 1.0)


def _content(text: str) -> dict[str, float]:
    """What a text is about, with weights: stems, numbers, and pairs of characters where words are not spaced."""
    found: dict[str, float] = {}
    if not text.isascii():
        text = _MARKS.sub("", normalize("NFKD", text))
    if "-" in text:
        text = _ISO_DATE.sub(_spelled, text)
    end = _SENTENCE_END.search(text, _LEAST_HEAD)
    head = end.end() if end else len(text)
    for part, weight in ((text[head:], _ELABORATION), (text[:head], 1.0)):
        for word in set(_WORD.findall(part)):
            for stem, named in _stems(word):
                value = weight * _NAMED if named else weight
                if found.get(stem, 0.0) < value:
                    found[stem] = value
    return found


def _spelled(date: Match[str]) -> str:
    """2024-03-09 as people write it."""
    year, month, day = date.groups()
    return f"{int(day)} month{int(month)} {year}"


@lru_cache(maxsize=_KNOWN_WORDS)
def _stems(word: str) -> tuple[tuple[str, bool], ...]:
    """What a word counts as, and whether it names something. A memo of a pure function, bounded."""
    if word[0].isdigit():
        return ((word.replace(",", "").rstrip("."), True),)
    lower = word.lower()
    if not lower.isascii():
        named = word[0] != lower[0]
        return tuple((lower[i : i + 2], named) for i in range(max(1, len(lower) - 1)))
    if lower in _STOP:
        return ()
    known = _NUMBER_WORDS.get(lower) or _MONTHS.get(lower)
    if known:
        return ((known, True),)
    return ((lower if lower.startswith("month") else lower[:_STEM], word[0] != lower[0]),)
