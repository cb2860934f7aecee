"""/v1/responses: the response object, whole or as the last event of a stream.

A stream's closing event repeats the whole response, so the pieces before it need no putting together; but for servers
that leave the output out of it, whose pieces of text are all there is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from shadow.answer import Answer, Ask, Json, ToolCall, Unreadable
from shadow.wire.sse import Event
from shadow.wire.tolerant import decode, items, last_of_user, mapping, number, text


def ask(request: Json) -> Ask:
    """What a request asks for."""
    given = mapping(request).get("input")
    form = mapping(request, "text", "format")
    kind = text(form, "type")
    tools = [tool for tool in items(request, "tools") if text(tool, "type") in ("function", "custom")]
    return Ask(
        prompt=given if isinstance(given, str) else last_of_user(items(request, "input"), "text", "input_text"),
        wants_json=kind in ("json_object", "json_schema"),
        schema=form.get("schema") if kind == "json_schema" else None,
        tools=tuple((text(tool, "name"), tool.get("parameters")) for tool in tools),
        max_tokens=number(request, "max_output_tokens"),
    )


def unary(document: Json) -> Answer | Unreadable:
    """What a response object says."""
    status = text(document, "status")
    if mapping(document, "error") or status in ("failed", "cancelled"):
        return Unreadable("response_failed")
    if status in ("queued", "in_progress") or not isinstance(mapping(document).get("output"), list):
        return Unreadable("no_output")
    output = items(document, "output")
    parts = [part for item in output if text(item, "type") == "message" for part in items(item, "content")]
    reason = text(mapping(document, "incomplete_details"), "reason")
    return Answer(
        text="".join(text(part, "text") for part in parts if text(part, "type") == "output_text"),
        refusal="".join(text(part, "refusal") for part in parts if text(part, "type") == "refusal"),
        blocked=reason == "content_filter",
        finish=reason or status,
        truncated=reason == "max_output_tokens",
        tool_calls=tuple(_call(item) for item in output if text(item, "type") in ("function_call", "custom_tool_call")),
        completion_tokens=number(mapping(document, "usage"), "output_tokens"),
        prompt_tokens=number(mapping(document, "usage"), "input_tokens"),
        reasoning_tokens=number(mapping(document, "usage", "output_tokens_details"), "reasoning_tokens"),
    )


def _call(item: Mapping[str, Json]) -> ToolCall:
    if text(item, "type") == "custom_tool_call":
        return ToolCall(text(item, "name"), text(item, "input"), free=True)
    return ToolCall(text(item, "name"), text(item, "arguments"))


def streamed(events: Iterable[Event]) -> Answer | Unreadable:
    """What the closing event's response says."""
    said: list[str] = []
    for event in events:
        readable, document = decode(event.data)
        kind = text(document, "type") or event.name
        if kind == "response.output_text.delta":
            said.append(text(document, "delta"))
        elif kind in ("response.completed", "response.incomplete"):
            return _closed(mapping(document, "response"), said) if readable else Unreadable("malformed_chunk")
        elif kind in ("response.failed", "error"):
            return Unreadable("stream_error")
    return Unreadable("cut_off")


def _closed(response: Mapping[str, Json], said: list[str]) -> Answer | Unreadable:
    answer = unary(response)
    bare = isinstance(answer, Answer) and not items(response, "output")
    return replace(answer, text="".join(said)) if bare and isinstance(answer, Answer) else answer
