"""Makes exchanges, answers and wire bytes for the tests of `shadow`."""

import json
from dataclasses import replace
from typing import Any

from msgspec import structs

from routing.arms import Arm
from routing.bucketing import key_hash
from shadow.answer import Answer, Ask, Json, ToolCall
from shadow.exchange import PLAIN, Exchange

_EXCHANGE = structs.replace(PLAIN, headers=((b"content-type", b"application/json"),))


def exchange(key: str = "user-1", request_id: str = "", **fields: Any) -> Exchange:
    """A whole exchange served by stable at weight 0; fields can be given. Other keys have other request ids."""
    made: dict[str, Any] = {"request_body": request(), "answer_body": completion("Paris is the capital.")}
    made |= {"vote_key": key_hash("salt", key), "request_id": request_id or f"r-{key}"}
    return structs.replace(_EXCHANGE, **(made | fields))


def on_candidate(key: str = "user-1", **fields: Any) -> Exchange:
    """An exchange at 50 % that the candidate was assigned and answered."""
    made: dict[str, Any] = {"weight_bps": 5_000, "stage": 2, "assigned": Arm.CANDIDATE, "answered": Arm.CANDIDATE}
    return exchange(key, **(made | fields))


def fallback(key: str = "user-1", **fields: Any) -> Exchange:
    """An exchange at 50 % that the candidate failed and stable answered."""
    return on_candidate(key, **({"answered": Arm.STABLE, "failure": "status_503"} | fields))


def request(prompt: str = "What is the capital of France?", **fields: Json) -> bytes:
    """A chat request's body."""
    return json.dumps({"model": "chat", "messages": [{"role": "user", "content": prompt}], **fields}).encode()


def completion(content: str | None, *, finish: str = "stop", tokens: int = 5, **message: Json) -> bytes:
    """A chat completion's body."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return json.dumps(
        {"object": "chat.completion", "choices": [choice], "usage": {"completion_tokens": tokens}}
    ).encode()


def chunks(*deltas: Json, finish: str = "stop", done: bool = True) -> bytes:
    """A stream of chat completion chunks."""
    documents: list[Json] = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    if finish:
        documents.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    events = [f"data: {json.dumps(document)}\n\n" for document in documents]
    return ("".join(events) + ("data: [DONE]\n\n" if done else "")).encode()


def ask(
    prompt: str = "", *, schema: Json = None, wants_json: bool = False, tools: tuple[tuple[str, Json], ...] = ()
) -> Ask:
    """What was asked; a schema implies JSON."""
    return Ask(prompt, wants_json or schema is not None, schema, tools, None)


def says(text: str, *, calls: tuple[tuple[str, str], ...] = (), **fields: Any) -> Answer:
    """An answer of text, and perhaps of tool calls."""
    plain = Answer(text, "", False, "stop", False, tuple(ToolCall(*call) for call in calls), None)
    return replace(plain, **fields)
