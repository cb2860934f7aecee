"""The names of the slices that an exchange belongs to, bounded in number.

Two dimensions are read off the request itself: what kind of task it is, and in which language. They are as much the
client's choice as its headers are. Such slices are reported only, so that nobody can cause a rollback, or bar one, by
what they write; those by attributes of the caller's key may decide, where a plan says so (`rollback.some_slice`).

Clients choose slice values, so a dimension holds at most `MAX_VALUES` of them; later ones are counted as `other`. Which
come first is remembered per worker: after a restart, or on another gateway, it may be others, so a dimension may show
some more values in all, and never an unbounded number from one process.
"""

from typing import Final
from urllib.parse import quote

from shadow.answer import Ask
from shadow.cells import EVERY
from shadow.exchange import Exchange
from shadow.languages import language_of
from shadow.tasks import task_of

TASK: Final = "task"
LANGUAGE: Final = "language"
DETECTED: Final = (TASK, LANGUAGE)
"""The dimensions that are read off a request."""

MAX_VALUES: Final = 20
OTHER: Final = "other"
MAX_VALUE_CHARACTERS: Final = 64
"""A longer value is a value that nobody will read in a report."""


def name_of(dimension: str, value: str) -> str:
    """`dimension=value`, both percent-encoded."""
    return f"{quote(dimension, safe='')}={quote(value, safe='')}"


class SliceNames:
    """Names slices, and remembers which values a dimension has had."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], set[str]] = {}

    def of(self, exchange: Exchange) -> tuple[str, ...]:
        """`*` first, then `dimension=value` with both percent-encoded."""
        named = (
            name_of(dimension, self._bounded(exchange.endpoint, dimension, value))
            for dimension, value in exchange.slices
        )
        return (EVERY, *named)

    def detected(self, endpoint: str, ask: Ask, dimensions: tuple[str, ...]) -> tuple[str, ...]:
        """The slices of the dimensions that are read off the request; none for a language that nobody can tell."""
        values = [(name, task_of(ask).value if name == TASK else language_of(ask.prompt)) for name in dimensions]
        return tuple(f"{name}={self._bounded(endpoint, name, value)}" for name, value in values if value)

    def _bounded(self, endpoint: str, dimension: str, value: str) -> str:
        seen = self._seen.setdefault((endpoint, dimension), set())
        if value in seen:
            return value
        if len(seen) >= MAX_VALUES or len(value) > MAX_VALUE_CHARACTERS:
            return OTHER
        seen.add(value)
        return value
