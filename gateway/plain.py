"""Text of others, made fit for a terminal and for one line of a table. Pure.

A reason, or what a model server says of itself, is shown in terminals, logs and alerts. Control characters could move
the cursor or recolour what stands around it, and marks of direction turn it round.
"""

import unicodedata
from typing import Final, TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

LONGEST_REASON: Final = 500
"""Characters. A reason is a sentence; it stands in every view, alert and audit entry."""
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LAYOUT: Final = frozenset("\n\t")


def one_line(text: str, longest: int = LONGEST_REASON) -> str:
    """`text` in one line, without what steers a terminal, cut at `longest` characters."""
    line = " ".join(shown(text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def shown(text: str) -> str:
    """`text` without what steers a terminal; lines stay lines."""
    if text.isprintable():
        return text
    return "".join(
        character
        for character in text
        if character in _LAYOUT or not (unicodedata.category(character) == "Cc" or character in _TURNING)
    )


def shown_json(value: Json) -> Json:
    """The same for every text in a JSON document."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, list):
        return [shown_json(each) for each in value]
    if isinstance(value, dict):
        return {shown(key): shown_json(each) for key, each in value.items()}
    return value
