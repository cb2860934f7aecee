"""The types of single options.

In a file a number needs its unit (`bake: 5m`), so that nobody's 5 is read as seconds where minutes were meant; code and
the resolved form pass plain numbers. The two are told apart by `WRITTEN`, the validation context that `load` sets.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)

from gateway.config import units
from gateway.config.errors import Unusable

WRITTEN: Final = {"written": True}
"""Validation context of values that a person wrote."""

PLACEHOLDER: Final = "…"
"""What documentation puts where your own value belongs; loads with a warning where it can do no harm."""

REVOKED: Final = "revoked"
"""In the place of a key's hash: the entry stays, for whoever reads the audit record, and opens nothing."""

HASH_PATTERN: Final = r"^(hmac-sha256:[0-9a-f]{64}( until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)?|revoked|…)$"


def _unit(parse: Callable[[str], float], example: str) -> BeforeValidator:
    def validate(value: object, info: ValidationInfo) -> object:
        if isinstance(value, str):
            return parse(value)
        _no_boolean(value, example)
        if isinstance(value, int | float) and value != 0 and info.context == WRITTEN:
            raise Unusable(f"{value} has no unit", f"write it with its unit, such as {example}")
        return value

    return BeforeValidator(validate)


def _no_boolean(value: object, example: str) -> None:
    """Python counts with booleans: `weight: true` would be everything."""
    if isinstance(value, bool):
        raise Unusable(f"{str(value).lower()} is not a number", f"write one, such as {example}")


def _text(pattern: str, example: str) -> WithJsonSchema:
    written = {"type": "string", "pattern": pattern, "examples": [example]}
    return WithJsonSchema({"anyOf": [written, {"const": 0}]}, mode="validation")


def _text_or_number(pattern: str, example: str) -> WithJsonSchema:
    written = {"type": "string", "pattern": pattern, "examples": [example]}
    return WithJsonSchema({"anyOf": [written, {"type": "number"}]}, mode="validation")


def _free(parse: Callable[[str], float], example: str) -> BeforeValidator:
    def validate(value: object) -> object:
        _no_boolean(value, example)
        return parse(value) if isinstance(value, str) else value

    return BeforeValidator(validate)


def _span(value: object) -> object:
    if isinstance(value, str):
        return units.span_text(value)
    if isinstance(value, list | tuple):
        if len(value) != 2 or not all(isinstance(end, str) for end in value):  # noqa: PLR2004  # a range has two ends
            raise Unusable("not a range", "write two changes with their units, such as [-30%, -10%]")
        return units.span(*value)
    return value


Share: TypeAlias = Annotated[float, _unit(units.percent, "20%"), Field(ge=0, le=1), _text(units.PERCENT, "20%")]
"""A fraction in [0, 1], written `20%`."""
Points: TypeAlias = Annotated[float, _unit(units.points, "2pp"), Field(gt=0, le=1), _text(units.POINTS, "2pp")]
"""A difference of two shares as a fraction, written `2pp`."""
Wanted: TypeAlias = Annotated[
    units.Span,
    BeforeValidator(_span),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2},
                {"type": "string", "examples": ["+1pp..+6pp"]},
            ]
        }
    ),
]
"""A wanted change, written `[-30%, -10%]` or `+1pp..+6pp`."""
Ratio: TypeAlias = Annotated[float, _free(units.ratio, "3x"), Field(ge=1), _text_or_number(units.RATIO, "3x")]
"""A multiple, written `3x` or `3`."""
Chance: TypeAlias = Annotated[
    float,
    BeforeValidator(lambda value: units.percent(value) if isinstance(value, str) and "%" in value else value),
    Field(gt=0, lt=1),
    _text_or_number(units.PERCENT, "5%"),
]
"""A probability, written 0.05 or `5%`."""
Seconds: TypeAlias = Annotated[float, _unit(units.duration, "5m"), Field(ge=0), _text(units.DURATION, "5m")]
"""A duration in seconds, written `5m`."""
PositiveSeconds: TypeAlias = Annotated[float, _unit(units.duration, "5m"), Field(gt=0), _text(units.DURATION, "5m")]
"""A duration that must not be zero."""
Count: TypeAlias = Annotated[int, _free(units.count, "200k"), Field(ge=0), _text_or_number(units.COUNT, "200k")]
"""A whole number, written 200000 or `200k`."""
Bytes: TypeAlias = Annotated[int, _unit(units.size, "10MiB"), Field(gt=0), _text(units.SIZE, "10MiB")]
"""A size in bytes, written `10MiB`."""
WeightBps: TypeAlias = Annotated[int, _unit(units.weight, "10%"), Field(ge=0, le=10_000), _text(units.PERCENT, "10%")]
"""A weight in basis points, written `10%`."""


class KeyKind(StrEnum):
    """Where a request's key, vote or slice is read from."""

    HEADER = "header"
    BODY = "body"
    CALLER = "key"
    CONVERSATION = "conversation"
    STICKY = "sticky"
    REQUEST = "request"
    TASK = "task"
    LANGUAGE = "language"


@dataclass(frozen=True, slots=True)
class KeySource:
    """One place in a request: `header:x-user-id`, `body:user`, `key.tenant`, `conversation`, `sticky`, `request`,
    and for slices `task` and `language`, which are read off the request.

    `name` is the header (lower case), the body's top-level field, or the caller's attribute; empty for the others.
    """

    kind: KeyKind
    name: str = ""

    def __str__(self) -> str:
        """As written."""
        if not self.name:
            return self.kind.value
        return f"key.{self.name}" if self.kind is KeyKind.CALLER else f"{self.kind.value}:{self.name}"


_SOURCE_NAME: Final = {
    KeyKind.HEADER: r"[A-Za-z0-9-]+",
    KeyKind.BODY: r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*",
    KeyKind.CALLER: r"tenant|name",
}


def _source(value: object) -> KeySource:
    if isinstance(value, KeySource):
        return value
    text = str(value)
    caller = text.startswith("key.")
    kind, _, name = text.partition("." if caller else ":")
    try:
        known = KeyKind(kind)
    except ValueError:
        known = None
    if known is None or re.fullmatch(_SOURCE_NAME.get(known, ""), name) is None:
        raise Unusable(f"{text!r} names no place in a request", "write header:NAME, body:FIELD or another known source")
    return KeySource(known, name.lower() if known is KeyKind.HEADER else name)


def _one_of(*kinds: KeyKind) -> AfterValidator:
    allowed = ", ".join(_SHOWN[kind] for kind in kinds)

    def validate(value: KeySource) -> KeySource:
        if value.kind not in kinds:
            raise Unusable(f"{value} cannot be used here", f"use one of {allowed}")
        return value

    return AfterValidator(validate)


_SHOWN: Final = {
    KeyKind.HEADER: "header:NAME",
    KeyKind.BODY: "body:FIELD",
    KeyKind.CALLER: "key.tenant or key.name",
    KeyKind.CONVERSATION: "conversation",
    KeyKind.STICKY: "sticky",
    KeyKind.REQUEST: "request",
    KeyKind.TASK: "task",
    KeyKind.LANGUAGE: "language",
}


def _source_schema(*examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "examples": list(examples)})


StickySource: TypeAlias = Annotated[
    KeySource,
    PlainValidator(_source),
    _one_of(KeyKind.HEADER, KeyKind.BODY, KeyKind.CALLER, KeyKind.CONVERSATION),
    PlainSerializer(str, return_type=str),
    _source_schema("header:x-user-id", "body:user", "key.name", "conversation"),
]
VoteSource: TypeAlias = Annotated[
    KeySource,
    PlainValidator(_source),
    _one_of(KeyKind.STICKY, KeyKind.REQUEST, KeyKind.HEADER, KeyKind.BODY),
    PlainSerializer(str, return_type=str),
    _source_schema("sticky", "request", "header:x-job-id"),
]
SliceSource: TypeAlias = Annotated[
    KeySource,
    PlainValidator(_source),
    _one_of(KeyKind.CALLER, KeyKind.HEADER, KeyKind.BODY, KeyKind.TASK, KeyKind.LANGUAGE),
    PlainSerializer(str, return_type=str),
    _source_schema("key.tenant", "header:x-route", "body:metadata.team", "task", "language"),
]


def _instant(value: object) -> object:
    """Unix seconds of a date or an instant; without a zone it is UTC."""
    if not isinstance(value, str):
        return value
    try:
        seen = datetime.fromisoformat(value)
    except ValueError as error:
        raise Unusable(f"{value!r} is no date", "write 2027-01-31, or 2027-01-31T12:00:00Z") from error
    return (seen if seen.tzinfo else seen.replace(tzinfo=UTC)).timestamp()


Instant: TypeAlias = Annotated[
    float, BeforeValidator(_instant), WithJsonSchema({"type": "string", "examples": ["2027-01-31"]})
]
"""A date or an instant as Unix seconds, written `2027-01-31` or `2027-01-31T12:00:00Z`."""


def _api_key(text: str) -> str:
    """Without what surrounds it: a secret that was read from a file often ends in a line break."""
    key = text.strip()
    if not all("!" <= character <= "~" for character in key):
        raise Unusable("holds a character that no key has", "copy it again: no spaces, no line breaks, plain ASCII")
    return key


ApiKey: TypeAlias = Annotated[str, AfterValidator(_api_key)]
"""What a model server knows the gateway by; it goes into a header."""

_HashText: TypeAlias = Annotated[str, Field(pattern=HASH_PATTERN)]
Hashes: TypeAlias = Annotated[
    tuple[_HashText, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    Field(min_length=1, max_length=2),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": HASH_PATTERN},
                {
                    "type": "array",
                    "items": {"type": "string", "pattern": HASH_PATTERN},
                    "minItems": 1,
                    "maxItems": 2,
                },
            ]
        }
    ),
]
"""One key, or two while they are exchanged: `hmac-sha256:…`, `hmac-sha256:… until 2027-01-31T12:00:00Z`."""

Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,64}$")]
"""The name of an endpoint, a plan or a key."""
ModelName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:/@-]{1,128}$")]
"""The name of a model; also what checkpoints are called elsewhere: `Mistral-7B-Instruct-v0.2`."""


Attribute: TypeAlias = Annotated[str, Field(pattern=r"^(ring|tenant|key):[A-Za-z0-9._-]{1,64}$")]
"""An attribute of API keys that plans include or exclude callers by: `ring:beta`, `tenant:shop`, `key:ci`."""
Label: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
"""A tenant, a ring, or a class of data."""


def _workers(value: object) -> int | Literal["auto"]:
    if value == "auto":
        return "auto"
    number = int(value) if isinstance(value, str) and value.isdigit() else value
    if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= MOST_WORKERS:
        return number
    raise Unusable(f"{value!r} is no number of workers", f"write auto, or a number from 1 to {MOST_WORKERS}")


MOST_WORKERS: Final = 256
"""Far above one per core on any machine: more is a slip of the finger."""

Workers: TypeAlias = Annotated[
    int | Literal["auto"],
    PlainValidator(_workers),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": MOST_WORKERS}]}),
]


def _http_version(value: object) -> object:
    """YAML reads 2 and 1.1 as numbers."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


HttpVersion: TypeAlias = Annotated[
    Literal["1.1", "2", "auto"],
    BeforeValidator(_http_version),
    WithJsonSchema({"enum": ["1.1", "2", "auto", 1.1, 2]}),
]
"""What a model server is spoken to in."""
