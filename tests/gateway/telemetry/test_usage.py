"""What answers say of themselves, on each API, whole and in events."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.usage import ENDING_BYTES, NOTHING, Said, said

CHAT = {
    "id": "chatcmpl-1",
    "model": "acme-v13-0613",
    "choices": [
        {"message": {"content": "Hi"}, "finish_reason": "stop"},
        {"message": {"content": "Ho"}, "finish_reason": "length"},
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
}
RESPONSE = {
    "id": "resp_1",
    "model": "acme-v13-0613",
    "status": "completed",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}],
    "usage": {"input_tokens": 9, "output_tokens": 12},
}
MESSAGE = {
    "id": "msg_1",
    "model": "acme-v13-0613",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 9, "output_tokens": 12},
}


def events(*documents: object) -> bytes:
    """A stream of server-sent events."""
    return b"".join(b"event: x\r\ndata: " + json.dumps(each).encode() + b"\r\n\r\n" for each in documents)


def chunk(text: str, finish: str | None = None) -> dict[str, object]:
    """One chunk of a chat completion."""
    choices = [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]
    return {"id": "chatcmpl-1", "model": "acme-v13-0613", "choices": choices, "usage": None}


COUNTED = {"id": "chatcmpl-1", "model": "acme-v13-0613", "choices": [], "usage": CHAT["usage"]}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (CHAT, Said("chatcmpl-1", "acme-v13-0613", ("stop", "length"), 9, 12)),
        (RESPONSE, Said("resp_1", "acme-v13-0613", ("completed",), 9, 12)),
        (MESSAGE, Said("msg_1", "acme-v13-0613", ("end_turn",), 9, 12)),
        ({"data": [{"embedding": [0.1]}], "model": "e", "usage": {"prompt_tokens": 4}}, Said("", "e", (), 4, None)),
    ],
)
def test_a_whole_answer_says_who_it_is_and_what_it_took(body: object, wanted: Said) -> None:
    """Each API has its own names for the same things."""
    assert said(json.dumps(body).encode(), stream=False) == wanted
    assert said(json.dumps(body).encode(), stream=True) == wanted, "a server may answer a stream with plain JSON"


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (
            events(chunk("Hi"), chunk(" Ann"), chunk("", "stop"), COUNTED) + b"data: [DONE]\n\n",
            Said("chatcmpl-1", "acme-v13-0613", ("stop",), 9, 12),
        ),
        (
            events(
                {"type": "response.created", "response": RESPONSE | {"status": "in_progress", "usage": None}},
                {"type": "response.output_text.delta", "delta": "Hi"},
                {"type": "response.completed", "response": RESPONSE},
            ),
            Said("resp_1", "acme-v13-0613", ("completed",), 9, 12),
        ),
        (
            events(
                {
                    "type": "message_start",
                    "message": MESSAGE | {"stop_reason": None, "usage": {"input_tokens": 9, "output_tokens": 1}},
                },
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 12}},
                {"type": "message_stop"},
            ),
            Said("msg_1", "acme-v13-0613", ("end_turn",), 9, 12),
        ),
    ],
)
def test_a_stream_says_it_in_its_first_and_last_events(body: bytes, wanted: Said) -> None:
    """However long the middle is: that is not looked at."""
    assert said(body, stream=True) == wanted
    first, _, rest = body.partition(b"\r\n\r\n")
    middle = events(*[chunk("word " * 40)] * 200)
    assert len(middle) > ENDING_BYTES
    assert said(first + b"\r\n\r\n" + middle + rest, stream=True) == wanted


@given(st.binary(max_size=300), st.booleans())
def test_bytes_that_are_no_answer_say_nothing(body: bytes, stream: bool) -> None:
    """They come from anybody; nothing is raised."""
    assert said(b"\xff" + body, stream=stream) == NOTHING
    assert isinstance(said(b"data: " + body, stream=True), Said)
