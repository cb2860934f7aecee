"""/v1/responses: the response object, whole or as the last event of a stream.

A stream's closing event repeats the whole response, so the pieces before it need no putting together.
"""

from collections.abc import Iterable

from shadow.answer import Answer, Ask, Json, ToolCall, Unreadable
from shadow.wire.sse import Event
from shadow.wire.tolerant import decode, items, last_of_user, mapping, number, text


def ask(request: Json) -> Ask:
    """What a request asks for."""
    given = mapping(request).get("input")
    form = mapping(request, "text", "format")
    kind = text(form, "type")
    functions = [tool for tool in items(request, "tools") if text(tool, "type") == "function"]
    return Ask(
        prompt=given if isinstance(given, str) else last_of_user(items(request, "input"), "text", "input_text"),
        wants_json=kind in ("json_object", "json_schema"),
        schema=form.get("schema") if kind == "json_schema" else None,
        tools=tuple((text(tool, "name"), tool.get("parameters")) for tool in functions),
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
        tool_calls=tuple(
            ToolCall(text(item, "name"), text(item, "arguments"))
            for item in output
            if text(item, "type") == "function_call"
        ),
        completion_tokens=number(mapping(document, "usage"), "output_tokens"),
        prompt_tokens=number(mapping(document, "usage"), "input_tokens"),
        reasoning_tokens=number(mapping(document, "usage", "output_tokens_details"), "reasoning_tokens"),
    )


def streamed(events: Iterable[Event]) -> Answer | Unreadable:
    """What the closing event's response says."""
    for event in events:
        readable, document = decode(event.data)
        kind = text(document, "type") or event.name
        if kind in ("response.completed", "response.incomplete"):
            return unary(mapping(document, "response")) if readable else Unreadable("malformed_chunk")
        if kind in ("response.failed", "error"):
            return Unreadable("stream_error")
    return Unreadable("cut_off")
