"""What servers of one API do differently, and what must read the same nevertheless."""

import json
from typing import Any

import pytest

from shadow.answer import Answer, Ask, Json
from shadow.capture import ask_of, read_answer
from shadow.comparison import read
from shadow.exchange import Api
from shadow.reading import Measured
from shadow.signals import agreement
from shadow.signals.refusal import Kind, classify

SCHEMA: dict[str, Any] = {"type": "object", "required": ["town"], "properties": {"town": {"type": "string"}}}


def said(api: Api, document: object) -> Answer:
    """A whole answer."""
    found = read_answer(api, json.dumps(document).encode(), stream=False)
    assert isinstance(found, Answer)
    return found


def streamed(api: Api, *events: object) -> Answer:
    """An answer in events."""
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    found = read_answer(api, body, stream=True)
    assert isinstance(found, Answer)
    return found


def events_of(ask: Ask, answer: Answer) -> set[str]:
    """The observed signals that read 1."""
    also = read(ask, answer).also
    return {name for name, reading in also.items() if isinstance(reading, Measured) and reading.value}


def chat(text: str) -> Answer:
    """A chat completion that says this."""
    return said(Api.CHAT, {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]})


CUSTOM = {"type": "custom", "custom": {"name": "run", "input": "print(1)"}}
FREE_TOOL_ANSWERS: dict[str, tuple[Api, Json, Answer]] = {
    "chat": (
        Api.CHAT,
        {"tools": [{"type": "custom", "custom": {"name": "run"}}]},
        said(Api.CHAT, {"choices": [{"message": {"content": None, "tool_calls": [CUSTOM]}}]}),
    ),
    "responses": (
        Api.RESPONSES,
        {"tools": [{"type": "custom", "name": "run"}]},
        said(Api.RESPONSES, {"output": [{"type": "custom_tool_call", "name": "run", "input": "print(1)"}]}),
    ),
}


@pytest.mark.parametrize("name", FREE_TOOL_ANSWERS)
def test_a_tool_that_takes_any_text_is_called_without_fault(name: str) -> None:
    """Its input is no JSON, and need not be; it is no invented tool, and no empty answer."""
    api, request, answer = FREE_TOOL_ANSWERS[name]
    ask = ask_of(api, request)
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [("run", "print(1)")]
    assert events_of(ask, answer) == {"tool_call"}
    assert read(ask, answer).schema == Measured(0.0, "valid")


def test_a_free_tools_input_comes_in_pieces_too() -> None:
    """Its name first."""
    pieces = ({"name": "run", "input": "print"}, {"input": "(1)"})
    chunks = [{"choices": [{"delta": {"tool_calls": [{"index": 0, "custom": piece}]}}]} for piece in pieces]
    answer = streamed(Api.CHAT, *chunks, {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]})
    assert [(call.name, call.arguments, call.free) for call in answer.tool_calls] == [("run", "print(1)", True)]


def test_a_response_whose_closing_event_leaves_the_output_out_is_read_from_its_pieces() -> None:
    """Other servers repeat all of it there, and then that counts."""
    pieces = [{"type": "response.output_text.delta", "delta": piece} for piece in ("In ", "Rome.")]
    usage = {"input_tokens": 3, "output_tokens": 2}
    bare = {"type": "response.completed", "response": {"status": "completed", "output": [], "usage": usage}}
    answer = streamed(Api.RESPONSES, *pieces, bare)
    assert (answer.text, answer.completion_tokens) == ("In Rome.", 2)
    output = [{"type": "message", "content": [{"type": "output_text", "text": "In Rome, then."}]}]
    whole = {"type": "response.completed", "response": {"status": "completed", "output": output}}
    assert streamed(Api.RESPONSES, *pieces, whole).text == "In Rome, then."


def test_plain_completions_may_ask_for_a_structure() -> None:
    """As some servers allow; the answer is judged against it."""
    form: Json = {"type": "json_schema", "json_schema": {"schema": SCHEMA}}
    ask = ask_of(Api.COMPLETIONS, {"prompt": "Which town?", "response_format": form})
    for text, rung in (('{"town": "Rome"}', "valid"), ("{}", "invalid"), ("Rome", "not_json")):
        reading = read(ask, said(Api.COMPLETIONS, {"choices": [{"text": text}]})).schema
        assert isinstance(reading, Measured)
        assert reading.reason == rung


def test_tokens_that_a_cache_held_are_part_of_the_prompt() -> None:
    """Whether one arm's server had it cached is no difference of tokenizers."""
    usage = {"input_tokens": 9, "cache_read_input_tokens": 1_000, "cache_creation_input_tokens": 50, "output_tokens": 2}
    blocks = [{"type": "text", "text": "Rome."}]
    assert said(Api.MESSAGES, {"content": blocks, "usage": usage}).prompt_tokens == 1_059
    start = {"type": "message_start", "message": {"usage": usage}}
    assert streamed(Api.MESSAGES, start, {"type": "message_stop"}).prompt_tokens == 1_059


REASONING = (
    "<think>\nThe user wants a town. I cannot be sure, but Rome may be meant.\n</think>\n\n",
    "The template opened the tag. I can't help but think of Rome.\n</think>\n\n",
    "<reasoning>Hm.</reasoning>",
)


@pytest.mark.parametrize("before", REASONING)
def test_what_a_model_says_after_its_reasoning_is_what_it_says(before: str) -> None:
    """Refusals and agreement are read there; that the reasoning is shown at all is counted as leaked where it opens."""
    refusal, answer = chat(f"{before}I'm sorry, but I can't help with that."), chat(f"{before}The town is Rome.")
    assert (classify(refusal), classify(answer)) == (Kind.UNWILLING, Kind.ANSWER)
    ask = Ask("Which town is it?", wants_json=False, schema=None, tools=(), max_tokens=None)
    assert agreement.agree(ask, answer, chat("The town is Rome.")) == 1.0
    assert "leaked" in events_of(ask, answer)
