"""What a model said, independent of the wire it said it on.

`capture` makes an `Ask` from a request's bytes and an `Answer` from a response's; signals read these and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Json: TypeAlias = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None
"""A decoded JSON value; read-only by convention."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call the model made: the tool's name and its arguments exactly as sent: a JSON text, valid or not.

    `free`: the tool takes any text, and its arguments are no JSON.
    """

    name: str
    arguments: str
    free: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """What was asked. `prompt` is the last user turn's text; `schema` the JSON schema that the request demands, if any.

    `wants_json` is true for JSON mode with or without a schema. `tools` are (name, parameter schema) pairs.
    `has_words`: whether the answer is one that signals read; vectors are none.
    """

    prompt: str
    wants_json: bool
    schema: Json
    tools: tuple[tuple[str, Json], ...]
    max_tokens: int | None
    has_words: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said. `refusal` and `blocked` are the provider's own words; `finish` its finish reason, or empty.

    Tokens are the provider's counts, None where it gave none; `reasoning_tokens` are part of `completion_tokens`.
    `truncated` means that the token limit cut it.
    """

    text: str
    refusal: str
    blocked: bool
    finish: str
    truncated: bool
    tool_calls: tuple[ToolCall, ...]
    completion_tokens: int | None
    prompt_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that are no answer: cut off, malformed, or an error object. `reason` is a short code for counters."""

    reason: str
