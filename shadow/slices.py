"""The names of the slices that an exchange belongs to, bounded in number.

Clients choose slice values, so a dimension holds at most `MAX_VALUES` of them; later ones are counted as `other`. Which
come first is remembered per worker: after a restart, or on another gateway, it may be others, so a dimension may show
some more values in all, and never an unbounded number from one process.
"""

from typing import Final
from urllib.parse import quote

from shadow.cells import EVERY
from shadow.exchange import Exchange

MAX_VALUES: Final = 20
OTHER: Final = "other"
MAX_VALUE_CHARACTERS: Final = 64
"""A longer value is a value that nobody will read in a report."""


class SliceNames:
    """Names slices, and remembers which values a dimension has had."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], set[str]] = {}

    def of(self, exchange: Exchange) -> tuple[str, ...]:
        """`*` first, then `dimension=value` with both percent-encoded."""
        named = (
            f"{quote(dimension, safe='')}={quote(self._bounded(exchange.endpoint, dimension, value), safe='')}"
            for dimension, value in exchange.slices
        )
        return (EVERY, *named)

    def _bounded(self, endpoint: str, dimension: str, value: str) -> str:
        seen = self._seen.setdefault((endpoint, dimension), set())
        if value in seen:
            return value
        if len(seen) >= MAX_VALUES or len(value) > MAX_VALUE_CHARACTERS:
            return OTHER
        seen.add(value)
        return value
