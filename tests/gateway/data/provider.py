"""A provider in miniature: answers of the shapes that the official clients read, each asked for by what is sent.

The answers hold what clients parse and gateways lose: parallel tools, logprobs, usage after the last choice, refusals,
unknown members, comments between events. What it says depends only on the request, so two equal requests are answered
alike, whichever way they came.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias
from urllib.parse import parse_qs

import anyio

from tests.gateway.data import provider_responses
from tests.gateway.data.provider_responses import PERSON, WORDS, Json
from tests.gateway.model_server import LAST_CHUNK, STREAM_HEAD, Asked, Line, chunk, whole

USAGE: Final = {
    "prompt_tokens": 9,
    "completion_tokens": 12,
    "total_tokens": 21,
    "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
}

Answer: TypeAlias = Callable[[Json], Json]
Streamed: TypeAlias = Callable[[Json], Iterable[bytes]]


async def provider(asked: Asked, line: Line) -> None:
    """Answers each route, streamed where that is asked for."""
    path, _, query = asked.path.removeprefix("/v1/").partition("?")
    body = _asked_of(asked.body, query)
    if body.get("stream"):
        await line.send(STREAM_HEAD)
        for piece in _STREAMED[path if path in _STREAMED else "responses"](body):
            await line.send(chunk(piece))
        await line.send(LAST_CHUNK)
        return
    kind = "application/json"
    if path in _WHOLE:
        answer = _json(_WHOLE[path](body))
    elif path.startswith("responses/"):
        answer = _json(provider_responses.kept(asked.method, path.removeprefix("responses/")))
    elif path.endswith("/results"):
        kind, answer = "application/x-jsonl", b"\n".join(_json(_result(number)) for number in range(3))
    else:
        answer = _json(_batched(asked.method, path.removeprefix("messages/")))
    await line.send(whole(answer, headers=(f"content-type: {kind}", "x-request-id: req-of-the-model")))


async def begins_and_stalls(asked: Asked, line: Line) -> None:
    """The first event of a streamed answer, and nothing after it."""
    path = asked.path.removeprefix("/v1/")
    await line.send(STREAM_HEAD + chunk(next(iter(_STREAMED[path](json.loads(asked.body))))))
    await anyio.sleep_forever()


def _asked_of(body: bytes, query: str) -> Json:
    """What is asked for; by a query, where there is no body: a kept answer, streamed from one of its events on."""
    if body:
        asked: Json = json.loads(body)
        return asked
    found = parse_qs(query)
    after = {"starting_after": int(found["starting_after"][0])} if "starting_after" in found else {}
    return {"model": "old", "stream": found.get("stream") == ["true"], **after}


def _json(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _data(value: Json) -> bytes:
    return b"data: " + _json(value) + b"\n\n"


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


def _batched(method: str, path: str) -> Json:
    """What is said beside messages: counted tokens, batches. `path` is below /v1/messages/."""
    if path == "count_tokens":
        return {"input_tokens": 14}
    counts = {"processing": 0, "succeeded": 3, "errored": 0, "canceled": 0, "expired": 0}
    batch = {
        "id": "msgbatch_1",
        "type": "message_batch",
        "processing_status": "canceling" if path.endswith("/cancel") else "ended",
        "request_counts": counts,
        "created_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-01-02T00:00:00Z",
        "results_url": "/v1/messages/batches/msgbatch_1/results",
    }
    if method == "DELETE":
        return {"id": "msgbatch_1", "type": "message_batch_deleted"}
    if method == "GET" and path == "batches":
        return {"data": [batch], "has_more": False, "first_id": "msgbatch_1", "last_id": "msgbatch_1"}
    return batch


def _result(number: int) -> Json:
    succeeded = {"type": "succeeded", "message": _anthropic({"model": "old"})}
    return {"custom_id": f"r{number}", "result": succeeded}


_WHOLE: Final[Mapping[str, Answer]] = {
    "chat/completions": _chat,
    "completions": _completion,
    "embeddings": _embeddings,
    "responses": provider_responses.response,
    "messages": _anthropic,
}
_STREAMED: Final[Mapping[str, Streamed]] = {
    "chat/completions": _chat_events,
    "completions": _completion_events,
    "responses": provider_responses.events,
    "messages": _anthropic_events,
}
