"""Two JSON answers, path by path, and the paths that vary even when one model is asked twice.

A path is the keys from the root, with `*` for any list position. Two documents differ in a path in one of four ways:
it is missing, extra, of another type, or of another value. A timestamp or a generated id differs in every pair, and
says nothing about the candidate; so paths in which stable differs *from itself* more often than not are learned from
stable's two answers to one request, and left out of the comparisons that come after. They are learned from earlier
requests only: what is left out of a comparison never depends on its own outcome, so its mean stays what the judge
takes it for.

Not here: whether the structure is the one that was asked for (`schema`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from shadow.answer import Json

JsonPath: TypeAlias = tuple[str, ...]

MAX_DOCUMENT: Final = 100_000
"""Characters; a longer one is compared by its words."""
MAX_PATHS: Final = 2_000
"""Of one document; the rest is not compared."""
MAX_KNOWN: Final = 4_000
"""Paths that one endpoint's table holds; documents with generated keys must not fill the memory."""
LEAST_SEEN: Final = 5
"""Pairs of stable's answers before a path may be called volatile."""
VOLATILE_SHARE: Final = 0.5

NOTHING: Final[frozenset[JsonPath]] = frozenset()


@dataclass(frozen=True, slots=True)
class Differences:
    """How many paths are equal, and how the others differ; `extra` are the second document's."""

    equal: int
    missing: int
    extra: int
    type_changed: int
    value_changed: int

    @property
    def agreement(self) -> float:
        """The share of both documents' paths that are equal; 1.0 for two empty documents."""
        changed = self.type_changed + self.value_changed
        total = 2 * (self.equal + changed) + self.missing + self.extra
        return 2.0 * self.equal / total if total else 1.0


def parse(text: str) -> Json:
    """An object or a list, within a code fence or without; None for any other text, and for a very long one."""
    if len(text) > MAX_DOCUMENT:
        return None
    text = text.strip()
    if text.startswith("```") and text.endswith("```"):
        text = text[text.find("\n") + 1 : -3].strip()
    if text[:1] not in ("{", "["):
        return None
    try:
        value: Json = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    return value


def differences(one: Json, other: Json, ignoring: frozenset[JsonPath] = NOTHING) -> Differences:
    """Path by path; what lists hold is compared without regard to its order."""
    mine, theirs = _by_path(one, ignoring), _by_path(other, ignoring)
    equal = missing = extra = retyped = revalued = 0
    for path in mine.keys() | theirs.keys():
        here, there = mine.get(path, _NO_VALUES), theirs.get(path, _NO_VALUES)
        same = (here & there).total()
        left, right = here.total() - same, there.total() - same
        changed = min(left, right)
        alike = min(changed, (_types(here - there) & _types(there - here)).total())
        equal, revalued, retyped = equal + same, revalued + alike, retyped + changed - alike
        missing, extra = missing + left - changed, extra + right - changed
    return Differences(equal, missing, extra, retyped, revalued)


_Values: TypeAlias = Counter[tuple[str, str]]
_NO_VALUES: Final[_Values] = Counter()


def _types(values: _Values) -> Counter[str]:
    found: Counter[str] = Counter()
    for (kind, _), count in values.items():
        found[kind] += count
    return found


def _by_path(root: Json, ignoring: frozenset[JsonPath]) -> dict[JsonPath, _Values]:
    found: dict[JsonPath, _Values] = {}
    for path, kind, value in _leaves(root, ignoring):
        found.setdefault(path, Counter())[kind, value] += 1
    return found


def _leaves(root: Json, ignoring: frozenset[JsonPath]) -> Iterator[tuple[JsonPath, str, str]]:
    """(path, type, value) of every node, at most `MAX_PATHS`; nothing below an ignored path."""
    todo: list[tuple[JsonPath, Json]] = [((), root)]
    for _ in range(MAX_PATHS):
        if not todo:
            return
        path, value = todo.pop()
        if path in ignoring:
            continue
        if isinstance(value, Mapping):
            yield path, "object", ""
            todo.extend(((*path, key), inner) for key, inner in value.items())
        elif isinstance(value, list | tuple):
            yield path, "list", ""
            todo.extend(((*path, "*"), inner) for inner in value)
        else:
            yield path, *_scalar(value)


def _scalar(value: Json) -> tuple[str, str]:
    if isinstance(value, str):
        return "text", " ".join(value.lower().split()).strip(" .!?\"'`*")
    if value is None or isinstance(value, bool):
        return "none" if value is None else "bool", str(value)
    return "number", format(float(value), ".12g") if isinstance(value, int | float) else ""


class VolatilePaths:
    """What has been learned of one endpoint's stable: in which paths its answers to one request differ."""

    __slots__ = ("_differed", "_seen", "ignored")

    def __init__(self) -> None:
        self._seen: Counter[JsonPath] = Counter()
        self._differed: Counter[JsonPath] = Counter()
        self.ignored: frozenset[JsonPath] = NOTHING

    def learn(self, one: str, again: str) -> None:
        """Take stable's two answers to one request; texts that are no JSON teach nothing."""
        mine, theirs = parse(one), parse(again)
        if mine is None or theirs is None:
            return
        here, there = _by_path(mine, NOTHING), _by_path(theirs, NOTHING)
        for path in sorted(here.keys() & there.keys()):
            if path and (path in self._seen or len(self._seen) < MAX_KNOWN):
                self._seen[path] += 1
                self._differed[path] += here[path] != there[path]
        self.ignored = frozenset(
            path
            for path, seen in self._seen.items()
            if seen >= LEAST_SEEN and self._differed[path] > VOLATILE_SHARE * seen
        )
