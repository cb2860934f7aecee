"""Anthropic's /v1/messages: a message of content blocks, whole or as a stream of block deltas."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from shadow.answer import Answer, Ask, Json, ToolCall, Unreadable
from shadow.wire.sse import Event
from shadow.wire.tolerant import decode, items, last_of_user, mapping, number, text

MAX_BLOCKS: Final = 512
"""Of one message; a stream may name any index, and memory is not for it to spend."""


def ask(request: Json) -> Ask:
    """What a request asks for."""
    form = mapping(request, "output_config", "format") or mapping(request, "output_format")
    schema = form.get("schema") if text(form, "type") == "json_schema" else None
    return Ask(
        prompt=last_of_user(items(request, "messages"), "text"),
        wants_json=schema is not None,
        schema=schema,
        tools=tuple((text(tool, "name"), tool.get("input_schema")) for tool in items(request, "tools")),
        max_tokens=number(request, "max_tokens"),
    )


def unary(document: Json) -> Answer | Unreadable:
    """What a whole message says."""
    if not isinstance(mapping(document).get("content"), list):
        return Unreadable("no_content")
    blocks = items(document, "content")
    return _answer(
        said="".join(text(block, "text") for block in blocks if text(block, "type") == "text"),
        calls=tuple(
            ToolCall(text(block, "name"), msgspec.json.encode(block.get("input")).decode())
            for block in blocks
            if text(block, "type") == "tool_use"
        ),
        stop=text(document, "stop_reason"),
        usage=mapping(document, "usage"),
    )


def streamed(events: Iterable[Event]) -> Answer | Unreadable:
    """What a stream of block deltas says."""
    blocks: dict[int, _Block] = {}
    stop, usage, done = "", mapping(None), False
    for event in events:
        readable, document = decode(event.data)
        if not readable:
            return Unreadable("malformed_chunk")
        match text(document, "type"):
            case "error":
                return Unreadable("stream_error")
            case "content_block_start" | "content_block_delta":
                _collect(blocks, document)
            case "message_start":
                usage = mapping(document, "message", "usage")
            case "message_delta":
                stop = text(mapping(document, "delta"), "stop_reason") or stop
                usage = {**usage, **mapping(document, "usage")}
            case "message_stop":
                done = True
    if not (done or stop):
        return Unreadable("cut_off")
    ordered = [block for _, block in sorted(blocks.items())]
    calls = tuple(ToolCall(block.name, "".join(block.arguments)) for block in ordered if block.name)
    return _answer("".join(piece for block in ordered for piece in block.said), calls, stop, usage)


class _Block:
    """A content block being put together."""

    __slots__ = ("arguments", "name", "said")

    def __init__(self) -> None:
        self.name = ""
        self.said: list[str] = []
        self.arguments: list[str] = []


def _collect(blocks: dict[int, _Block], document: Json) -> None:
    index = number(document, "index") or 0
    if index not in blocks and len(blocks) >= MAX_BLOCKS:
        return
    block = blocks.setdefault(index, _Block())
    start, delta = mapping(document, "content_block"), mapping(document, "delta")
    if text(start, "type") == "tool_use":
        block.name = text(start, "name")
        given = start.get("input")
        # Mostly empty here and told in deltas; some servers put all of it here.
        block.arguments += [msgspec.json.encode(given).decode()] if given else []
    elif text(start, "type") == "text":
        block.said.append(text(start, "text"))
    if text(delta, "type") == "text_delta":
        block.said.append(text(delta, "text"))
    elif text(delta, "type") == "input_json_delta":
        block.arguments.append(text(delta, "partial_json"))


def _answer(said: str, calls: tuple[ToolCall, ...], stop: str, usage: Mapping[str, Json]) -> Answer:
    return Answer(
        text=said,
        refusal=said or "refusal" if stop == "refusal" else "",
        blocked=False,
        finish=stop,
        truncated=stop in ("max_tokens", "model_context_window_exceeded"),
        tool_calls=calls,
        completion_tokens=number(usage, "output_tokens"),
        prompt_tokens=_prompt_tokens(usage),
    )


def _prompt_tokens(usage: Mapping[str, Json]) -> int | None:
    """All of the prompt's tokens: `input_tokens` leaves out those that a cache holds, which depends on the moment."""
    fresh = number(usage, "input_tokens")
    cached = (number(usage, name) or 0 for name in ("cache_read_input_tokens", "cache_creation_input_tokens"))
    return None if fresh is None else fresh + sum(cached)
