"""/v1/completions: plain text in, plain text out, unary and streamed. Only the first choice is read.

Some servers take `response_format` here too.
"""

from collections.abc import Iterable, Mapping

from shadow.answer import Answer, Ask, Json, Unreadable
from shadow.wire.chat import structure
from shadow.wire.sse import Event
from shadow.wire.tolerant import decode, items, mapping, number, text


def ask(request: Json) -> Ask:
    """What a request asks for; a list of prompts reads as its first."""
    prompt = mapping(request).get("prompt")
    if isinstance(prompt, list) and prompt:
        prompt = prompt[0]
    wants_json, schema = structure(request)
    return Ask(prompt if isinstance(prompt, str) else "", wants_json, schema, (), number(request, "max_tokens"))


def unary(document: Json) -> Answer | Unreadable:
    """What a whole response says."""
    choices = items(document, "choices")
    if not choices:
        return Unreadable("no_choices")
    first = min(choices, key=lambda choice: number(choice, "index") or 0)
    return _answer(text(first, "text"), text(first, "finish_reason"), mapping(document, "usage"))


def streamed(events: Iterable[Event]) -> Answer | Unreadable:
    """What a stream of chunks says."""
    said: list[str] = []
    finish, usage, done = "", mapping(None), False
    for event in events:
        if event.data.strip() == "[DONE]":
            done = True
            break
        readable, chunk = decode(event.data)
        if not readable:
            return Unreadable("malformed_chunk")
        if mapping(chunk).get("error"):
            return Unreadable("stream_error")
        usage = mapping(chunk, "usage") or usage
        for choice in items(chunk, "choices"):
            if not number(choice, "index"):
                said.append(text(choice, "text"))
                finish = text(choice, "finish_reason") or finish
    return _answer("".join(said), finish, usage) if done or finish else Unreadable("cut_off")


def _answer(said: str, finish: str, usage: Mapping[str, Json]) -> Answer:
    blocked, truncated = finish == "content_filter", finish == "length"
    spent = number(usage, "completion_tokens"), number(usage, "prompt_tokens")
    return Answer(said, "", blocked, finish, truncated, (), *spent)
