"""Typed reads from untyped JSON that never raise: what is missing or of another type reads as empty.

Answers come from model servers of many makes, and requests from anybody. A field of the wrong type is no reason to
lose an exchange, and an exception in the shadow worker is worse than an empty string.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from shadow.answer import Json

_NOTHING: Final[Mapping[str, Json]] = {}

_json = msgspec.json.Decoder()


def decode(body: bytes | str) -> tuple[bool, Json]:
    """(True, value) of a JSON text, or (False, None): not JSON, not UTF-8, or nested beyond the decoder's depth."""
    try:
        return True, _json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return False, None


def mapping(value: Json, *path: str) -> Mapping[str, Json]:
    """The object at `path` below `value`, or an empty one."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else _NOTHING


def items(value: Json, key: str) -> list[Mapping[str, Json]]:
    """The objects in the list at `key`; whatever else is in there is left out."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def text(value: Json, key: str) -> str:
    """The string at `key`, or an empty one."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""


def number(value: Json, *keys: str) -> int | None:
    """The first integer among `keys`, or None; true and false are no integers."""
    for key in keys:
        found = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(found, int) and not isinstance(found, bool):
            return found
    return None


def parts_text(value: Json, key: str, *types: str) -> str:
    """A content field: a string as it is, or the texts of its parts of the given types, one after another."""
    found = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(found, str):
        return found
    return "".join(text(part, "text") for part in items(value, key) if text(part, "type") in types)


def last_of_user(messages: list[Mapping[str, Json]], *types: str) -> str:
    """The text of the last message whose role is `user`."""
    for message in reversed(messages):
        if text(message, "role") == "user":
            return parts_text(message, "content", *types)
    return ""
