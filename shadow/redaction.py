"""Takes out of a text what points to a person or opens a door, before it is kept.

Patterns, so it is a sieve and no guarantee: names, addresses and what somebody tells of themselves pass. Who keeps
prompts has to want that; this makes it less bad. Each pattern is linear in the text.

Not here: whether anything is kept (`shadow.review`).
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from re import Pattern
from re import compile as _compile
from types import MappingProxyType
from typing import Final


class Redact(StrEnum):
    """What is taken out."""

    EMAIL = "email"
    URL = "url"
    SECRET = "secret"  # noqa: S105 - the name of a kind
    NUMBER = "number"


EVERYTHING: Final = tuple(Redact)

_PATTERNS: Final[Mapping[Redact, Pattern[str]]] = MappingProxyType(
    {
        Redact.URL: _compile(r"(?:https?|ftp)://[^\s<>\"')\]]+"),
        Redact.EMAIL: _compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
        # keys of providers, tokens, hashes: long runs of letters and digits that are no word
        Redact.SECRET: _compile(r"(?<![\w-])(?=[\w-]{0,99}\d)[A-Za-z][\w-]{19,}"),
        # telephone numbers, accounts, cards, IBANs, addresses of machines: six digits and more, however they are set
        Redact.NUMBER: _compile(r"(?<![\w.])(?:[A-Z]{2})?\+?\(?\d(?:[ ./()-]{0,2}\d){5,33}(?!\w)"),
    }
)
"""In the order in which they are applied: an address within a URL goes with it."""


def redacted(text: str, kinds: Iterable[Redact] = EVERYTHING) -> str:
    """The text with each finding replaced by its kind in brackets."""
    wanted = frozenset(kinds)
    for kind, pattern in _PATTERNS.items():
        if kind in wanted:
            text = pattern.sub(f"[{kind.value}]", text)
    return text
