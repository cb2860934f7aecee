"""A provider in miniature: answers of the shapes that the official clients read, each asked for by what is sent.

The answers hold what clients parse and gateways lose: parallel tools, logprobs, usage after the last choice, refusals,
unknown members, comments between events. What it says depends only on the request, so two equal requests are answered
alike, whichever way they came.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from tests.gateway.model_server import LAST_CHUNK, STREAM_HEAD, Asked, Line, chunk, whole

Json = dict[str, Any]  # Any: JSON

USAGE: Final = {
    "prompt_tokens": 9,
    "completion_tokens": 12,
    "total_tokens": 21,
    "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
}
WORDS: Final = ("Grüße", ", ", "世界", " 🦊", "!")
PERSON: Final = json.dumps({"name": "Ada", "age": 36})


Answer: TypeAlias = Callable[[Json], Json]
Streamed: TypeAlias = Callable[[Json], Iterable[bytes]]


async def provider(asked: Asked, line: Line) -> None:
    """Answers each route, streamed where that is asked for."""
    path = asked.path.partition("?")[0].removeprefix("/v1/")
    body: Json = json.loads(asked.body)
    if body.get("stream"):
        await line.send(STREAM_HEAD)
        for piece in _STREAMED[path](body):
            await line.send(chunk(piece))
        await line.send(LAST_CHUNK)
    else:
        answer = json.dumps(_WHOLE[path](body), ensure_ascii=False).encode()
        await line.send(whole(answer, headers=("content-type: application/json", "x-request-id: req-of-the-model")))


def _data(value: Json) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def _named(value: Json) -> bytes:
    return f"event: {value['type']}\n".encode() + _data(value)


# ── chat completions ──────────────────────────────────────────────────────────────────────────────────────────────────


def _tool_calls() -> list[Json]:
    return [
        {"id": f"call_{n}", "type": "function", "function": {"name": "weather", "arguments": f'{{"city": "{city}"}}'}}
        for n, city in enumerate(("Köln", "Oslo"))
    ]


def _message(body: Json) -> Json:
    if body.get("tools"):
        return {"role": "assistant", "content": None, "tool_calls": _tool_calls()}
    if body.get("response_format"):
        return {"role": "assistant", "content": PERSON, "refusal": None}
    return {"role": "assistant", "content": "".join(WORDS), "refusal": None, "x_unknown": {"kept": 1.0}}


def _logprobs(body: Json) -> Json | None:
    if not body.get("logprobs"):
        return None
    top = [{"token": "a", "logprob": -0.25, "bytes": [97]}, {"token": "b", "logprob": -1e-05, "bytes": None}]
    return {"content": [{**top[0], "top_logprobs": top}], "refusal": None}


def _chat(body: Json) -> Json:
    reason = "tool_calls" if body.get("tools") else "stop"
    choice = {"index": 0, "message": _message(body), "finish_reason": reason, "logprobs": _logprobs(body)}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [choice],
        "usage": USAGE,
        "service_tier": "default",
    }


def _deltas(body: Json) -> Iterable[Json]:
    yield {"role": "assistant", "content": ""}
    if body.get("tools"):
        for index, call in enumerate(_tool_calls()):
            arguments = call["function"]["arguments"]
            yield {"tool_calls": [{**call, "index": index, "function": {"name": "weather", "arguments": ""}}]}
            for part in (arguments[:5], arguments[5:]):
                yield {"tool_calls": [{"index": index, "function": {"arguments": part}}]}
        return
    for word in (PERSON[:7], PERSON[7:]) if body.get("response_format") else WORDS:
        yield {"content": word}


def _chat_events(body: Json) -> Iterable[bytes]:
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    for delta in _deltas(body):
        choice = {"index": 0, "delta": delta, "finish_reason": None, "logprobs": _logprobs(body)}
        yield _data({**base, "choices": [choice], "usage": None})
        yield b": a comment between events\n\n"
    reason = "tool_calls" if body.get("tools") else "stop"
    yield _data({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _data({**base, "choices": [], "usage": USAGE})
    yield b"data: [DONE]\n\n"


# ── completions, embeddings ───────────────────────────────────────────────────────────────────────────────────────────


def _completion(body: Json) -> Json:
    choice = {"index": 0, "text": "".join(WORDS), "finish_reason": "length", "logprobs": None}
    return {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": body["model"], "choices": [choice]}


def _completion_events(body: Json) -> Iterable[bytes]:
    for word in WORDS:
        choice = {"index": 0, "text": word, "finish_reason": None, "logprobs": None}
        yield _data({**_completion(body), "choices": [choice]})
    yield b"data: [DONE]\n\n"


def _embeddings(body: Json) -> Json:
    vectors: list[object] = [[0.5, -0.25], [1e-07, 3.0]]
    if body.get("encoding_format") == "base64":
        vectors = ["AAAAPwAAgL4=", "lb/WMwAAQEA="]
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return {"object": "list", "data": data, "model": body["model"], "usage": {"prompt_tokens": 2, "total_tokens": 2}}


# ── responses ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _response(body: Json, status: str = "completed") -> Json:
    part = {"type": "output_text", "text": "".join(WORDS), "annotations": []}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": body["model"],
        "output": [message] if status == "completed" else [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8, **details},
    }


def _response_events(body: Json) -> Iterable[bytes]:
    message = _response(body)["output"][0]
    part = message["content"][0]
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events: list[Json] = [
        {"type": "response.created", "response": _response(body, "in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": {**message, "content": []}},
        {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
        *({"type": "response.output_text.delta", **at, "delta": word, "logprobs": []} for word in WORDS),
        {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []},
        {"type": "response.content_part.done", **at, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": message},
        {"type": "response.completed", "response": _response(body)},
    ]
    for number, value in enumerate(events):
        yield _named({**value, "sequence_number": number})


# ── Anthropic messages ────────────────────────────────────────────────────────────────────────────────────────────────


def _blocks(body: Json) -> list[Json]:
    text = {"type": "text", "text": "".join(WORDS)}
    if not body.get("tools"):
        return [text]
    calls = [("toolu_1", "Köln"), ("toolu_2", "Oslo")]
    return [text, *({"type": "tool_use", "id": i, "name": "weather", "input": {"city": city}} for i, city in calls)]


def _anthropic(body: Json) -> Json:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": _blocks(body),
        "stop_reason": "tool_use" if body.get("tools") else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 7},
    }


def _anthropic_events(body: Json) -> Iterable[bytes]:
    whole_message = _anthropic(body)
    start = {**whole_message, "content": [], "stop_reason": None, "usage": {"input_tokens": 3, "output_tokens": 1}}
    yield _named({"type": "message_start", "message": start})
    yield _named({"type": "ping"})
    for index, block in enumerate(_blocks(body)):
        if block["type"] == "text":
            deltas: list[Json] = [{"type": "text_delta", "text": word} for word in WORDS]
            begun = {**block, "text": ""}
        else:
            text = json.dumps(block["input"])
            deltas = [{"type": "input_json_delta", "partial_json": part} for part in (text[:4], text[4:])]
            begun = {**block, "input": {}}
        yield _named({"type": "content_block_start", "index": index, "content_block": begun})
        for delta in deltas:
            yield _named({"type": "content_block_delta", "index": index, "delta": delta})
        yield _named({"type": "content_block_stop", "index": index})
    ended = {"stop_reason": whole_message["stop_reason"], "stop_sequence": None}
    yield _named({"type": "message_delta", "delta": ended, "usage": {"output_tokens": 7}})
    yield _named({"type": "message_stop"})


_WHOLE: Final[Mapping[str, Answer]] = {
    "chat/completions": _chat,
    "completions": _completion,
    "embeddings": _embeddings,
    "responses": _response,
    "messages": _anthropic,
}
_STREAMED: Final[Mapping[str, Streamed]] = {
    "chat/completions": _chat_events,
    "completions": _completion_events,
    "responses": _response_events,
    "messages": _anthropic_events,
}
