"""Pydantic's errors as sentences that name the option, say what is wrong and what to do.

Pydantic knows what failed; it does not know the file. Values are never repeated from options that hold secrets.
"""

import difflib
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Final, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.config.document import Path
from gateway.config.errors import Unusable

_NAME_FIX: Final[Mapping[str | int, str]] = {"models": "use letters, digits and . _ : / @ -"}


def complaints(error: ValidationError, root: type[BaseModel]) -> Iterator[tuple[Path, str, str, bool]]:
    """(path, message, what to do, whether the key itself is wrong) for each of pydantic's errors."""
    details = error.errors(include_url=False)
    for detail in details:
        path: Path = tuple(part for part in detail["loc"] if part != "[key]")
        kind = detail["type"]
        if kind == "too_short" and any(_is_below(other["loc"], path) for other in details):
            continue  # only looks short because of what is wrong inside
        if kind == "missing":
            yield path, "missing", f"add `{path[-1]}: …`", False
        elif kind == "extra_forbidden":
            yield path, "unknown key", _did_you_mean(str(path[-1]), known_keys(root, path[:-1])), True
        elif detail["loc"][-1] == "[key]":
            yield path, f"{path[-1]!r} is not a name", _NAME_FIX.get(path[0], "use a-z 0-9 . _ -"), True
        else:
            yield path, *_value_complaint(detail), False


def _is_below(path: Path, above: Path) -> bool:
    return len(path) > len(above) and path[: len(above)] == above


def _value_complaint(detail: ErrorDetails) -> tuple[str, str]:
    context = detail.get("ctx") or {}
    cause = context.get("error")
    if isinstance(cause, Unusable):
        return cause.message, cause.fix
    kind = detail["type"]
    if detail["input"] is None:
        return "has no value", "give it one, or remove the line"
    if kind in ("model_type", "mapping_type", "dict_type", "model_attributes_type", "dataclass_type"):
        return "not a section", "write key: value pairs, indented below it or in braces"
    if kind in ("tuple_type", "list_type"):
        return "not a list", "write [a, b] or one item per line, each after a dash"
    if kind == "string_type":
        return "not a text", "put it in quotes"
    if kind in ("enum", "literal_error"):
        return "not one of the known values", f"use {context.get('expected')}"
    if kind == "string_pattern_mismatch":
        return "not of the form that is needed", f"it must match {context.get('pattern')}"
    return _bounds(kind, context) or (detail["msg"][:1].lower() + detail["msg"][1:], "correct the value")


_BOUNDS: Final = {
    "greater_than": ("too small", "it must be more than {gt:g}"),
    "greater_than_equal": ("too small", "it must be {ge:g} or more"),
    "less_than": ("too large", "it must be less than {lt:g}"),
    "less_than_equal": ("too large", "it must be {le:g} or less"),
    "too_short": ("empty", "it needs at least {min_length}"),
    "string_too_short": ("empty", "give it a value"),
    "int_parsing": ("not a whole number", "write digits only"),
    "int_type": ("not a whole number", "write digits only"),
    "float_parsing": ("not a number", "write a number"),
    "float_type": ("not a number", "write a number"),
    "bool_parsing": ("neither true nor false", "write true or false"),
    "bool_type": ("neither true nor false", "write true or false"),
}


def _bounds(kind: str, context: Mapping[str, object]) -> tuple[str, str] | None:
    if kind not in _BOUNDS:
        return None
    message, fix = _BOUNDS[kind]
    return message, fix.format(**context)


def _did_you_mean(key: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"the keys known here are {', '.join(known)}" if known else "remove it"


def known_keys(root: object, path: Path) -> tuple[str, ...]:
    """The keys that the file may have at `path`, as the model's annotations say."""
    kind: object = root
    for part in path:
        kind = _step(_bare(kind), part)
    bare = _bare(kind)
    if not (isinstance(bare, type) and issubclass(bare, BaseModel)):
        return ()
    return tuple(str(info.validation_alias or name) for name, info in bare.model_fields.items())


def _step(kind: object, part: str | int) -> object:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {str(info.validation_alias or name): info for name, info in kind.model_fields.items()}
        return fields[str(part)].annotation if part in fields else None
    arguments = get_args(kind)
    if isinstance(part, int):
        return arguments[0] if arguments else None
    return arguments[1] if len(arguments) > 1 else None


def _bare(kind: object) -> object:
    """`kind` without Annotated and Optional."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        members = [member for member in get_args(kind) if member is not type(None)]
        return _bare(members[0]) if len(members) == 1 else kind
    return kind
