"""Is the structure there that was asked for: a ladder, reported rung by rung.

JSON mode and JSON schemas are judged on the text, tools on the calls. The reading is 1.0 (bad) below the top rung; its
reason is the rung. A code fence around good JSON is bad: the application's parser sees the fence.

Three things are not failures. What the token limit cut off could not be read; a provider's refusal is counted by
`refusal`; an answer that called no tool, though it could, was free to do so.

Clients' schemas are hostile until shown otherwise: they are bounded in size, depth and cost, references do not leave
the document, and regular expressions run on a linear engine. jsonschema-rs validates without generating code.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from re import DOTALL
from re import compile as _compile
from typing import Final, Never

import jsonschema_rs
import msgspec

from shadow.answer import Answer, Ask, Json, ToolCall
from shadow.reading import Measured, NotApplicable, Reading, Unmeasured
from shadow.signals.schema_cost import is_affordable

VERSION: Final = 1

MAX_SCHEMA_BYTES: Final = 128 * 1024
"""A larger schema costs more to compile than a response may."""
MAX_SCHEMA_DEPTH: Final = 64
MAX_ANSWER_DEPTH: Final = 128
"""jsonschema-rs walks instances by recursion, and stops at 255 itself."""
_DEPTHS: Final = (8, 32, MAX_ANSWER_DEPTH)
CACHED_VALIDATORS: Final = 256
"""An application has few schemas; one compiled validator is some kilobytes."""

_FENCED: Final = _compile(r"\s*```[a-zA-Z]*\s*\n(.*?)\n?\s*```\s*", DOTALL)


class Rung(StrEnum):
    """How far up the ladder an answer came. Only `VALID` is good."""

    NOT_JSON = "not_json"
    FENCED = "fenced"
    NOT_OBJECT = "not_object"
    INVALID = "invalid"
    UNKNOWN_TOOL = "unknown_tool"
    ARGUMENTS_NOT_JSON = "arguments_not_json"
    ARGUMENTS_INVALID = "arguments_invalid"
    VALID = "valid"


class _Unusable(Exception):
    """A schema, or an answer under it, that cannot be judged within the bounds. Carries a short code."""


def may_apply(ask: Ask) -> bool:
    """Whether some answer to the request could have a structure to judge."""
    return ask.wants_json or ask.schema is not None or bool(ask.tools)


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 where the demanded structure is broken, 0.0 where it holds."""
    if answer.refusal or answer.blocked:
        return NotApplicable()
    try:
        rung = inspect(ask, answer)
    except _Unusable as unusable:
        return Unmeasured(str(unusable))
    if rung is None:
        return NotApplicable()
    if rung is not Rung.VALID and answer.truncated:
        return Unmeasured("truncated")
    return Measured(0.0 if rung is Rung.VALID else 1.0, rung.value)


def inspect(ask: Ask, answer: Answer) -> Rung | None:
    """The rung that was reached; None where no structure was due."""
    if answer.tool_calls:
        return _calls(ask, answer.tool_calls)
    if ask.wants_json or ask.schema is not None:
        return _text(ask, answer.text)
    return None


def _text(ask: Ask, text: str) -> Rung:
    found, value = _json(text)
    if not found:
        fenced = _FENCED.fullmatch(text)
        return Rung.FENCED if fenced and _json(fenced.group(1))[0] else Rung.NOT_JSON
    if ask.schema is not None:
        return Rung.VALID if _is_valid(ask.schema, value) else Rung.INVALID
    return Rung.VALID if isinstance(value, Mapping) else Rung.NOT_OBJECT


def _calls(ask: Ask, calls: tuple[ToolCall, ...]) -> Rung:
    """The lowest rung of any call. Tools that the request did not name are invented."""
    schemas = dict(ask.tools)
    for call in calls:
        if call.name not in schemas:
            return Rung.UNKNOWN_TOOL
        if call.free:
            continue
        found, value = _json(call.arguments or "{}")
        if not found or not isinstance(value, Mapping):
            return Rung.ARGUMENTS_NOT_JSON
        schema = schemas[call.name]
        if schema is not None and not _is_valid(schema, value):
            return Rung.ARGUMENTS_INVALID
    return Rung.VALID


def _json(text: str) -> tuple[bool, Json]:
    try:
        return True, msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return False, None


def _is_valid(schema: Json, value: Json) -> bool:
    depth = _depth(value, MAX_ANSWER_DEPTH)
    if depth is None:
        raise _Unusable("too_deep")
    # Rounded up, so that one compiled validator serves answers of many depths.
    validator = _validator(_canonical(schema), next(bound for bound in _DEPTHS if depth <= bound))
    if validator is None:
        raise _Unusable("schema_unusable")
    try:
        return bool(validator.is_valid(value))
    except ValueError as error:
        raise _Unusable("validator_gave_up") from error


def _canonical(schema: Json) -> bytes:
    try:
        text = msgspec.json.encode(schema, order="deterministic")
    except (RecursionError, TypeError, UnicodeError, msgspec.MsgspecError) as error:
        raise _Unusable("schema_unusable") from error
    if len(text) > MAX_SCHEMA_BYTES:
        raise _Unusable("schema_too_large")
    return text


def _refuse_reference(uri: str) -> Never:
    """No reference leaves the document: a client's schema makes nobody fetch anything."""
    raise ValueError(f"remote reference {uri}")


@lru_cache(maxsize=CACHED_VALIDATORS)
def _validator(canonical: bytes, depth: int) -> jsonschema_rs.Validator | None:
    """A compiled validator for answers nested `depth` deep; None where the schema cannot be compiled, or afforded.

    A memo of a pure function, bounded.
    """
    schema = msgspec.json.decode(canonical)
    if _depth(schema, MAX_SCHEMA_DEPTH) is None or not is_affordable(schema, depth):
        return None
    try:
        return jsonschema_rs.validator_for(
            schema,
            validate_formats=True,
            retriever=_refuse_reference,
            pattern_options=jsonschema_rs.RegexOptions(size_limit=1 << 20, dfa_size_limit=1 << 20),
        )
    except (jsonschema_rs.ValidationError, ValueError):
        return None


def _depth(value: Json, most: int) -> int | None:
    """How deep a value is nested, None for more than `most`; iterative, so that the question itself is safe."""
    level: list[Json] = [value]
    for depth in range(most + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return depth
    return None


def _inside(value: Json) -> list[Json]:
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []
