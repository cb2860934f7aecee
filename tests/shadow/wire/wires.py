"""What one model says, on each API's wire, whole and streamed: fixtures in the shape of the providers' own examples."""

import json
from dataclasses import dataclass
from typing import Any

from shadow.exchange import Api

TOOL = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
SCHEMA = {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]}
APIS = (Api.CHAT, Api.COMPLETIONS, Api.RESPONSES, Api.MESSAGES)
PIECE = 7


@dataclass(frozen=True, slots=True)
class Spoken:
    """One answer, and what was asked for it."""

    text: str = ""
    call: tuple[str, str] | None = None
    refused: bool = False
    truncated: bool = False
    tokens: int = 20
    tools: bool = False
    schema: bool = False


def asked(api: Api, spoken: Spoken, prompt: str = "Which town is it, and why?") -> bytes:
    """The request's body."""
    body: dict[str, Any] = {"model": "chat"}
    match api:
        case Api.CHAT:
            body |= {"messages": [{"role": "user", "content": prompt}], "max_completion_tokens": 100}
            if spoken.tools:
                body["tools"] = [{"type": "function", "function": {"name": "find", "parameters": TOOL}}]
            if spoken.schema:
                body["response_format"] = {"type": "json_schema", "json_schema": {"name": "t", "schema": SCHEMA}}
        case Api.COMPLETIONS:
            body |= {"prompt": prompt, "max_tokens": 100}
        case Api.RESPONSES:
            body |= {"input": [{"role": "user", "content": [{"type": "input_text", "text": prompt}]}]}
            body |= {"max_output_tokens": 100, "store": False}
            if spoken.tools:
                body["tools"] = [{"type": "function", "name": "find", "parameters": TOOL}]
            if spoken.schema:
                body["text"] = {"format": {"type": "json_schema", "name": "t", "schema": SCHEMA}}
        case _:
            body |= {"messages": [{"role": "user", "content": [{"type": "text", "text": prompt}]}], "max_tokens": 100}
            if spoken.tools:
                body["tools"] = [{"name": "find", "input_schema": TOOL}]
            if spoken.schema:
                body["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
    return json.dumps(body).encode()


def answered(api: Api, spoken: Spoken, *, stream: bool) -> bytes:
    """The answer's body."""
    make = {Api.CHAT: _chat, Api.COMPLETIONS: _completions, Api.RESPONSES: _responses, Api.MESSAGES: _messages}[api]
    whole, events = make(spoken)
    if not stream:
        return json.dumps(whole).encode()
    lines = [f"event: {each['type']}\n" if "type" in each else "" for each in events]
    text = "".join(f"{line}data: {json.dumps(each)}\n\n" for line, each in zip(lines, events, strict=True))
    return (text + ("data: [DONE]\n\n" if api in (Api.CHAT, Api.COMPLETIONS) else "")).encode()


_Wire = tuple[dict[str, Any], list[dict[str, Any]]]


def _pieces(text: str) -> list[str]:
    return [text[i : i + PIECE] for i in range(0, len(text), PIECE)]


def _chat(spoken: Spoken) -> _Wire:
    head = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "m"}
    finish = "length" if spoken.truncated else "tool_calls" if spoken.call else "stop"
    usage = {"prompt_tokens": 9, "completion_tokens": spoken.tokens, "total_tokens": 9 + spoken.tokens}
    said, refusal = (None, spoken.text) if spoken.refused else (spoken.text or None, None)
    message: dict[str, Any] = {"role": "assistant", "content": said, "refusal": refusal, "annotations": []}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
    deltas += [{"refusal" if spoken.refused else "content": piece} for piece in _pieces(spoken.text)]
    if spoken.call:
        name, arguments = spoken.call
        message["tool_calls"] = [
            {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
        ]
        start = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
        deltas.append({"tool_calls": [start]})
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in _pieces(arguments)]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    events = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    events.append({**head, "choices": [], "usage": usage})
    return {**head, "object": "chat.completion", "choices": [choice], "usage": usage}, events


def _completions(spoken: Spoken) -> _Wire:
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1_700_000_000, "model": "m"}
    finish = "length" if spoken.truncated else "stop"
    usage = {"prompt_tokens": 9, "completion_tokens": spoken.tokens}
    choice = {"index": 0, "text": spoken.text, "logprobs": None, "finish_reason": finish}
    events: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "text": piece, "finish_reason": None}]} for piece in _pieces(spoken.text)
    ]
    events.append({**head, "choices": [{"index": 0, "text": "", "finish_reason": finish}], "usage": usage})
    return {**head, "choices": [choice], "usage": usage}, events


def _responses(spoken: Spoken) -> _Wire:
    output: list[dict[str, Any]] = [{"type": "reasoning", "id": "rs_1", "summary": []}]
    kind = "refusal" if spoken.refused else "output_text"
    if spoken.text:
        part = {"type": kind, "refusal" if spoken.refused else "text": spoken.text, "annotations": []}
        output.append({"type": "message", "id": "msg_1", "role": "assistant", "content": [part]})
    if spoken.call:
        name, arguments = spoken.call
        call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "arguments": arguments}
        output.append(call)
    whole = {
        "id": "resp_1",
        "object": "response",
        "status": "incomplete" if spoken.truncated else "completed",
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if spoken.truncated else None,
        "output": output,
        "usage": {"input_tokens": 9, "output_tokens": spoken.tokens, "total_tokens": 9 + spoken.tokens},
    }
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}}
    ]
    events += [{"type": f"response.{kind}.delta", "item_id": "msg_1", "delta": piece} for piece in _pieces(spoken.text)]
    events.append({"type": f"response.{whole['status']}", "response": whole})
    return whole, events


def _messages(spoken: Spoken) -> _Wire:
    stop = "refusal" if spoken.refused else "max_tokens" if spoken.truncated else "end_turn"
    stop = "tool_use" if spoken.call and not spoken.truncated else stop
    usage = {"input_tokens": 9, "output_tokens": spoken.tokens}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"}
    blocks: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {**head, "content": [], "usage": usage}}]
    if spoken.text:
        blocks.append({"type": "text", "text": spoken.text})
        events.append({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
        events += [_delta(0, {"type": "text_delta", "text": piece}) for piece in _pieces(spoken.text)]
        events.append({"type": "content_block_stop", "index": 0})
    if spoken.call:
        name, arguments = spoken.call
        start = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}
        blocks.append({**start, "input": json.loads(arguments)})
        events.append({"type": "content_block_start", "index": 1, "content_block": start})
        events += [_delta(1, {"type": "input_json_delta", "partial_json": piece}) for piece in _pieces(arguments)]
        events.append({"type": "content_block_stop", "index": 1})
    events.append({"type": "ping"})
    events.append({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": spoken.tokens}})
    events.append({"type": "message_stop"})
    return {**head, "content": blocks, "stop_reason": stop, "usage": usage}, events


def _delta(index: int, delta: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}
