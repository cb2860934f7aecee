"""Wire bytes of the four APIs, and of anybody's making."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow.answer import Answer, Ask, Json, ToolCall, Unreadable
from shadow.capture import ask_of, read_answer, read_request
from shadow.exchange import Api
from tests.shadow.making import chunks, completion, request

SCHEMA: Json = {"type": "object", "required": ["city"]}
APIS = (Api.CHAT, Api.COMPLETIONS, Api.RESPONSES, Api.MESSAGES)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["choices", "message", "delta", "content", "tool_calls", "function", "index", "usage", "error", "output", "type"]
)
SHAPED = st.recursive(
    JSON, lambda inner: st.dictionaries(FIELDS, inner, max_size=4) | st.lists(inner, max_size=3), max_leaves=20
)


def answer(body: bytes, *, api: Api = Api.CHAT, stream: bool = False, status: int = 200) -> Answer | Unreadable:
    """What the bytes say."""
    return read_answer(api, body, stream=stream, status=status)


def test_a_chat_request_is_read() -> None:
    """The last user turn, the demanded schema, the tools, the token limit."""
    body = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "no, this"},
            {"role": "assistant", "content": "?"},
            {"role": "user", "content": [{"type": "text", "text": "Where is "}, {"type": "text", "text": "Paris?"}]},
        ],
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
        "tools": [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}],
        "max_tokens": 9,
    }
    tools = (("find", {"type": "object"}),)
    assert ask_of(Api.CHAT, read_request(json.dumps(body).encode())) == Ask("Where is Paris?", True, SCHEMA, tools, 9)


def test_json_mode_is_read_without_a_schema() -> None:
    """JSON is wanted, and any object will do."""
    made = ask_of(Api.CHAT, read_request(request("x", response_format={"type": "json_object"})))
    assert (made.wants_json, made.schema) == (True, None)


def test_a_whole_chat_answer_is_read() -> None:
    """Text, finish reason and the provider's count of tokens."""
    assert answer(completion("Paris.", finish="length", tokens=7)) == Answer("Paris.", "", False, "length", True, (), 7)


def test_a_streamed_chat_answer_reads_as_the_whole_one() -> None:
    """Deltas are put together; usage comes last."""
    usage = b'data: {"choices": [], "usage": {"completion_tokens": 2}}\n\ndata: [DONE]\n\n'
    body = chunks({"role": "assistant", "content": ""}, {"content": "Par"}, {"content": "is."}, done=False) + usage
    assert answer(body, stream=True) == Answer("Paris.", "", False, "stop", False, (), 2)


def test_the_providers_own_refusal_is_read_from_both_forms() -> None:
    """Whole and as deltas; a content filter is a block."""
    whole = answer(completion(None, refusal="I won't."))
    streamed = answer(chunks({"refusal": "I "}, {"refusal": "won't."}), stream=True)
    blocked = answer(completion("", finish="content_filter"))
    assert isinstance(whole, Answer)
    assert isinstance(streamed, Answer)
    assert isinstance(blocked, Answer)
    assert (whole.refusal, streamed.refusal, blocked.blocked) == ("I won't.", "I won't.", True)


def test_streamed_tool_calls_are_put_together_by_index() -> None:
    """Two calls whose arguments come interleaved."""
    body = chunks(
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "find", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "id": "b", "function": {"name": "say", "arguments": '{"x"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}, {"index": 1, "function": {"arguments": ":1}"}}]},
        finish="tool_calls",
    )
    made = answer(body, stream=True)
    assert isinstance(made, Answer)
    assert made.tool_calls == (ToolCall("find", "{}"), ToolCall("say", '{"x":1}'))


def test_only_the_first_choice_is_read() -> None:
    """Samples beyond the first are the same model again."""
    body = json.dumps(
        {"choices": [{"index": 1, "message": {"content": "b"}}, {"index": 0, "message": {"content": "a"}}]}
    )
    made = answer(body.encode())
    assert isinstance(made, Answer)
    assert made.text == "a"


@pytest.mark.parametrize(
    ("body", "stream", "status", "reason"),
    [
        (b"", False, 200, "malformed_json"),
        (b"<html>", False, 200, "malformed_json"),
        (b"{}", False, 200, "no_choices"),
        (b'{"error": {"message": "no"}}', False, 200, "error_object"),
        (completion("x"), False, 503, "status_503"),
        (b"", True, 200, "cut_off"),
        (chunks({"content": "Par"}, finish="", done=False), True, 200, "cut_off"),
        (chunks({"content": "Par"}, finish="", done=False) + b'data: {"error": {}}\n\n', True, 200, "cut_off"),
        (chunks({"content": "P"}, finish="", done=False) + b'data: {"error": {"a": 1}}\n\n', True, 200, "stream_error"),
        (b"data: {\n\n", True, 200, "malformed_chunk"),
        (b"[" * 100_000, False, 200, "malformed_json"),
    ],
)
def test_what_is_no_answer_says_why(body: bytes, stream: bool, status: int, reason: str) -> None:
    """Each reason is a short code."""
    assert answer(body, stream=stream, status=status) == Unreadable(reason)


def test_a_server_may_answer_a_stream_request_with_plain_json() -> None:
    """Some do, and applications cope."""
    assert answer(completion("Paris."), stream=True) == answer(completion("Paris."))


def test_completions_are_read_whole_and_streamed() -> None:
    """The legacy API: plain text."""
    whole = b'{"choices": [{"text": "Paris.", "finish_reason": "stop"}], "usage": {"completion_tokens": 2}}'
    events = (
        b'data: {"choices": [{"text": "Par"}]}\n\ndata: {"choices": [{"text": "is.", "finish_reason": "stop"}]}\n\n'
    )
    expected = Answer("Paris.", "", False, "stop", False, (), 2)
    assert answer(whole, api=Api.COMPLETIONS) == expected
    streamed = answer(events + b"data: [DONE]\n\n", api=Api.COMPLETIONS, stream=True)
    assert isinstance(streamed, Answer)
    assert streamed.text == "Paris."


RESPONSE = {
    "status": "completed",
    "output": [
        {"type": "reasoning"},
        {"type": "message", "content": [{"type": "output_text", "text": "Paris."}]},
        {"type": "function_call", "name": "find", "arguments": "{}"},
    ],
    "usage": {"output_tokens": 4},
}


def test_responses_are_read_whole_and_streamed() -> None:
    """A stream's closing event repeats the whole response."""
    expected = Answer("Paris.", "", False, "completed", False, (ToolCall("find", "{}"),), 4)
    closing = {"type": "response.completed", "response": RESPONSE}
    events = b'event: response.created\ndata: {"type": "response.created"}\n\ndata: ' + json.dumps(closing).encode()
    assert answer(json.dumps(RESPONSE).encode(), api=Api.RESPONSES) == expected
    assert answer(events + b"\n\n", api=Api.RESPONSES, stream=True) == expected
    assert answer(b'data: {"type": "response.failed"}\n\n', api=Api.RESPONSES, stream=True) == Unreadable(
        "stream_error"
    )


def test_messages_are_read_whole_and_streamed() -> None:
    """Text and tool blocks, whole and as deltas."""
    whole = {
        "content": [{"type": "text", "text": "Paris."}, {"type": "tool_use", "name": "find", "input": {"a": 1}}],
        "stop_reason": "tool_use",
        "usage": {"output_tokens": 4},
    }
    events: list[Json] = [
        {"type": "message_start", "message": {}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Paris."}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "name": "find", "input": {}}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a"'}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ":1}"}},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    ]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
    expected = Answer("Paris.", "", False, "tool_use", False, (ToolCall("find", '{"a":1}'),), 4)
    assert answer(json.dumps(whole).encode(), api=Api.MESSAGES) == expected
    assert answer(body, api=Api.MESSAGES, stream=True) == expected


def test_an_anthropic_refusal_is_the_providers_word() -> None:
    """`stop_reason: refusal`, whatever the text says."""
    made = answer(b'{"content": [], "stop_reason": "refusal"}', api=Api.MESSAGES)
    assert isinstance(made, Answer)
    assert made.refusal


@settings(max_examples=300)
@given(body=st.binary(max_size=200), stream=st.booleans(), api=st.sampled_from(APIS))
def test_arbitrary_bytes_never_raise(body: bytes, stream: bool, api: Api) -> None:
    """Whatever a server sends."""
    assert isinstance(answer(body, api=api, stream=stream), Answer | Unreadable)
    ask_of(api, read_request(body))


@settings(max_examples=300)
@given(document=SHAPED, stream=st.booleans(), api=st.sampled_from((*APIS, Api.EMBEDDINGS)))
def test_arbitrary_documents_never_raise(document: Json, stream: bool, api: Api) -> None:
    """Fields of the right name and any other type, whole or as a stream."""
    body = json.dumps(document).encode()
    wire = b"data: " + body + b"\n\ndata: [DONE]\n\n" if stream else body
    assert isinstance(answer(wire, api=api, stream=stream), Answer | Unreadable)
    ask_of(api, read_request(body))
