"""The provider's Responses API: parallel tools, structures, every event of a stream; and what it keeps of an answer.

What it says depends only on the request, like all of the provider: a kept answer is made up anew from its id.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

Json = dict[str, Any]  # Any: JSON

WORDS: Final = ("Grüße", ", ", "世界", " 🦊", "!")
PERSON: Final = json.dumps({"name": "Ada", "age": 36})


def response(body: Json, status: str = "completed", made: str = "resp_1") -> Json:
    """An answer, whole."""
    status = "queued" if body.get("background") else status
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    usage = {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8, **details}
    return {
        "id": made,
        "object": "response",
        "created_at": 1,
        "status": status,
        "background": bool(body.get("background")),
        "model": body["model"],
        "output": _output(body) if status == "completed" else [],
        "previous_response_id": body.get("previous_response_id"),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": body.get("tools", []),
        "text": body.get("text", {"format": {"type": "text"}}),
        "usage": usage if status == "completed" else None,
        "x_unknown": {"kept": 1.0},
    }


def events(body: Json) -> Iterable[bytes]:
    """An answer, event by event."""
    told: list[Json] = [{"type": "response.created", "response": response({**body, "background": False}, "queued")}]
    told.append({"type": "response.in_progress", "response": response({**body, "background": False}, "in_progress")})
    for index, item in enumerate(_output(body)):
        at = {"item_id": item["id"], "output_index": index}
        empty: Json = {"arguments": ""} if item["type"] == "function_call" else {"content": []}
        told.append({"type": "response.output_item.added", "output_index": index, "item": {**item, **empty}})
        told += _called(item, at) if item["type"] == "function_call" else _said(item, at)
        told.append({"type": "response.output_item.done", "output_index": index, "item": item})
    told.append({"type": "response.completed", "response": response({**body, "background": False})})
    after = body.get("starting_after", -1)
    for number, value in enumerate(told):
        if number > after:
            data = json.dumps({**value, "sequence_number": number}, ensure_ascii=False).encode()
            yield b"event: %b\ndata: %b\n\n" % (value["type"].encode(), data)


def kept(method: str, path: str) -> Json:
    """What is said of an answer that was kept; `path` is below /v1/responses/."""
    made, _, rest = path.partition("/")
    if made == "input_tokens":
        return {"object": "response.input_tokens", "input_tokens": 11}
    if rest == "input_items":
        said = {"type": "input_text", "text": "hi"}
        item = {"id": "msg_0", "type": "message", "role": "user", "status": "completed", "content": [said]}
        return {"object": "list", "data": [item], "first_id": "msg_0", "last_id": "msg_0", "has_more": False}
    if method == "DELETE":
        return {"id": made, "object": "response.deleted", "deleted": True}
    return response({"model": "old"}, "cancelled" if rest == "cancel" else "completed", made)


def _output(body: Json) -> list[Json]:
    if body.get("tools"):
        calls = [("fc_1", "Köln"), ("fc_2", "Oslo")]
        return [
            {
                "id": name,
                "type": "function_call",
                "status": "completed",
                "call_id": f"call_{name}",
                "name": "weather",
                "arguments": json.dumps({"city": city}, ensure_ascii=False),
            }
            for name, city in calls
        ]
    wants = (body.get("text") or {}).get("format", {}).get("type", "text")
    part = {"type": "output_text", "text": "".join(WORDS) if wants == "text" else PERSON, "annotations": []}
    return [{"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}]


def _called(item: Json, at: Json) -> Iterable[Json]:
    for part in (item["arguments"][:5], item["arguments"][5:]):
        yield {"type": "response.function_call_arguments.delta", **at, "delta": part}
    done = {"arguments": item["arguments"], "name": item["name"]}
    yield {"type": "response.function_call_arguments.done", **at, **done}


def _said(item: Json, at: Json) -> Iterable[Json]:
    (part,) = item["content"]
    at = {**at, "content_index": 0}
    yield {"type": "response.content_part.added", **at, "part": {**part, "text": ""}}
    for word in WORDS if part["text"] == "".join(WORDS) else (PERSON[:7], PERSON[7:]):
        yield {"type": "response.output_text.delta", **at, "delta": word, "logprobs": []}
    yield {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **at, "part": part}
