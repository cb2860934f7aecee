"""/v1/chat/completions: requests, unary answers, and streams of chunks.

Only the first choice is read: an application that asks for several samples the same model several times.

Nearly every chunk of a stream is one piece of text, and there are hundreds. Those are decoded into their shape at once
(`_TextChunk`), which costs a third; any other chunk, and any of a wrong type, is read the tolerant way.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from shadow.answer import Answer, Ask, Json, ToolCall, Unreadable
from shadow.wire.sse import Event
from shadow.wire.tolerant import decode, items, last_of_user, mapping, number, parts_text, text

MAX_TOOL_CALLS: Final = 128
"""Of one answer; a stream may name any index, and memory is not for it to spend."""


def ask(request: Json) -> Ask:
    """What a request asks for."""
    wants_json, schema = structure(request)
    return Ask(
        prompt=last_of_user(items(request, "messages"), "text", "input_text"),
        wants_json=wants_json,
        schema=schema,
        tools=_tools(request),
        max_tokens=number(request, "max_completion_tokens", "max_tokens"),
    )


def structure(request: Json) -> tuple[bool, Json]:
    """Whether `response_format` asks for JSON, and its schema, if it has one."""
    form = mapping(request, "response_format")
    kind = text(form, "type")
    schema = mapping(form, "json_schema").get("schema") if kind == "json_schema" else None
    return kind in ("json_object", "json_schema"), schema


def _tools(request: Json) -> tuple[tuple[str, Json], ...]:
    tools = items(request, "tools")
    functions = [mapping(tool, "function") for tool in tools if text(tool, "type") == "function"]
    functions += items(request, "functions")
    free = [mapping(tool, "custom") for tool in tools if text(tool, "type") == "custom"]
    return (
        *((text(function, "name"), function.get("parameters")) for function in functions),
        *((text(tool, "name"), None) for tool in free),
    )


def unary(document: Json) -> Answer | Unreadable:
    """What a whole response says."""
    choices = items(document, "choices")
    if not choices:
        return Unreadable("no_choices")
    first = min(choices, key=lambda choice: number(choice, "index") or 0)
    message = mapping(first, "message")
    return _answer(
        said=parts_text(message, "content", "text", "output_text"),
        refusal=text(message, "refusal") or _refusal_parts(message),
        finish=text(first, "finish_reason"),
        calls=_calls(message),
        usage=mapping(document, "usage"),
    )


class _TextDelta(msgspec.Struct, forbid_unknown_fields=True):
    content: str
    role: str | None = None


class _TextChoice(msgspec.Struct):
    index: Literal[0]
    delta: _TextDelta
    finish_reason: None = None


class _TextChunk(msgspec.Struct):
    """A chunk that is nothing but text of the first choice."""

    choices: tuple[_TextChoice]
    usage: None = None
    error: None = None


_text_chunk = msgspec.json.Decoder(_TextChunk)


def streamed(events: Iterable[Event]) -> Answer | Unreadable:
    """What a stream of chunks says; unreadable where it breaks off or reports an error."""
    stream = _Stream()
    for event in events:
        if event.data.strip() == "[DONE]":
            stream.done = True
            break
        why_not = stream.add(event.data)
        if why_not:
            return Unreadable(why_not)
    return stream.answer() if stream.done or stream.finish else Unreadable("cut_off")


class _Stream:
    """An answer being put together."""

    __slots__ = ("_calls", "_refusal", "_said", "_usage", "done", "finish")

    def __init__(self) -> None:
        self._said: list[str] = []
        self._refusal: list[str] = []
        self._calls = _CallsBuilder()
        self._usage = mapping(None)
        self.finish = ""
        self.done = False

    def add(self, data: str) -> str:
        """Take one chunk; returns why the stream cannot be read, empty where it can."""
        try:
            self._said.append(_text_chunk.decode(data).choices[0].delta.content)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            return self._add_any(data)
        return ""

    def _add_any(self, data: str) -> str:
        readable, chunk = decode(data)
        if not readable:
            return "malformed_chunk"
        if mapping(chunk).get("error"):
            return "stream_error"
        self._usage = mapping(chunk, "usage") or self._usage
        for choice in items(chunk, "choices"):
            if not number(choice, "index"):
                self._add_choice(choice)
        return ""

    def _add_choice(self, choice: Mapping[str, Json]) -> None:
        delta = mapping(choice, "delta")
        self._said.append(text(delta, "content"))
        self._refusal.append(text(delta, "refusal"))
        self._calls.add(delta)
        self.finish = text(choice, "finish_reason") or self.finish

    def answer(self) -> Answer:
        """All of it."""
        said, refusal = "".join(self._said), "".join(self._refusal)
        return _answer(said, refusal, self.finish, self._calls.calls(), self._usage)


class _CallsBuilder:
    """Tool calls put together from deltas: a call's name comes first, its arguments in pieces, by index."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: dict[int, list[ToolCall]] = {}

    def add(self, delta: Mapping[str, Json]) -> None:
        for position, piece in enumerate(items(delta, "tool_calls")):
            index = number(piece, "index")
            self._add(position if index is None else index, _call(piece))
        if delta.get("function_call"):
            self._add(0, _function(mapping(delta, "function_call")))

    def _add(self, index: int, piece: ToolCall) -> None:
        if index in self._parts or len(self._parts) < MAX_TOOL_CALLS:
            self._parts.setdefault(index, []).append(piece)

    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(_joined(pieces) for _, pieces in sorted(self._parts.items()))


def _joined(pieces: list[ToolCall]) -> ToolCall:
    said = "".join(piece.arguments for piece in pieces)
    return ToolCall("".join(piece.name for piece in pieces), said, any(piece.free for piece in pieces))


def _calls(message: Mapping[str, Json]) -> tuple[ToolCall, ...]:
    calls = [_call(call) for call in items(message, "tool_calls")[:MAX_TOOL_CALLS]]
    if message.get("function_call"):
        calls.append(_function(mapping(message, "function_call")))
    return tuple(calls)


def _call(call: Mapping[str, Json]) -> ToolCall:
    """A call, or a piece of one; of a tool that takes any text, its text."""
    free = mapping(call, "custom")
    if free:
        return ToolCall(text(free, "name"), text(free, "input"), free=True)
    return _function(mapping(call, "function"))


def _function(function: Mapping[str, Json]) -> ToolCall:
    return ToolCall(text(function, "name"), text(function, "arguments"))


def _refusal_parts(message: Mapping[str, Json]) -> str:
    parts = items(message, "content")
    return "".join(text(part, "refusal") for part in parts if text(part, "type") == "refusal")


def _answer(said: str, refusal: str, finish: str, calls: tuple[ToolCall, ...], usage: Mapping[str, Json]) -> Answer:
    return Answer(
        text=said,
        refusal=refusal,
        blocked=finish == "content_filter",
        finish=finish,
        truncated=finish == "length",
        tool_calls=calls,
        completion_tokens=number(usage, "completion_tokens"),
        prompt_tokens=number(usage, "prompt_tokens"),
        reasoning_tokens=number(mapping(usage, "completion_tokens_details"), "reasoning_tokens"),
    )
