"""What routing reads of a request, and what variants write into one."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.errors import MalformedRequest
from routing.model_name import model_span
from routing.request import conversation_key, merged, read, text_at, with_system_prompt


@given(st.binary(max_size=64))
def test_any_bytes_are_either_read_or_refused(data: bytes) -> None:
    """No input raises anything but the error that is answered with a 400."""
    with suppress(MalformedRequest):
        read(data)
        model_span(data)


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b"", None, "invalid_json"),
        (b"[]", None, "invalid_type"),
        (b"{}", "model", "missing_required_parameter"),
        (b'{"model": 1}', "model", "invalid_type"),
        (b'{"model": "a", "stream": "yes"}', "stream", "invalid_type"),
        (b'{"model": "a", "x": NaN}', None, "invalid_json"),
        (b'{"model": "a", "x": ' + b"[" * 100_000, None, "invalid_json"),
        (b'{"model": "\xff"}', None, "invalid_json"),
        (b'{"model": "a", "api_base": "http://evil"}', "api_base", "unsupported_parameter"),
        (b'{"model": "a", "base_url": null}', "base_url", "unsupported_parameter"),
        (b'{"model": "a", "api_key": "sk-1"}', "api_key", "unsupported_parameter"),
    ],
)
def test_what_cannot_be_routed_says_why(body: bytes, param: str | None, code: str) -> None:
    """The message, the parameter and the code are those that the client is shown."""
    with pytest.raises(MalformedRequest) as refused:
        read(body)
    assert (refused.value.param, refused.value.code) == (param, code)


@pytest.mark.parametrize("half", [rb"\ud83d", rb"\ude00", rb"\ud83d\ud83d\ude00"])
def test_half_a_character_is_named(half: bytes) -> None:
    """The decoder calls it truncated input, which nobody would find in a whole body."""
    body = b'{"model": "a", "messages": [{"role": "user", "content": "%b"}]}'
    with pytest.raises(MalformedRequest, match="without its other half"):
        read(body % half)
    assert read(body % rb"\ud83d\ude00").model == "a"


def test_scalars_are_read_from_any_depth() -> None:
    """Strings and numbers are keys; objects, lists, booleans and empty strings are none."""
    body = b'{"model":"m","user":"ann","n":7,"metadata":{"session":{"id":"s-1"}},"flag":true,"none":null,"empty":""}'
    assert text_at(body, ("user",)) == "ann"
    assert text_at(body, ("n",)) == "7"
    assert text_at(body, ("metadata", "session", "id")) == "s-1"
    for absent in (("metadata",), ("flag",), ("none",), ("empty",), ("user", "x"), ("nothing",)):
        assert text_at(body, absent) is None


def chat(*turns: tuple[str, str], **more: object) -> bytes:
    """A chat request."""
    return json.dumps({"messages": [{"role": role, "content": text} for role, text in turns], **more}).encode()


def test_a_conversation_keeps_its_key_as_it_grows() -> None:
    """Later turns do not change the key; another opening does."""
    opening = (("system", "Be brief."), ("user", "Hello"))
    first = conversation_key(chat(*opening))
    assert first is not None
    assert conversation_key(chat(*opening, ("assistant", "Hi"), ("user", "More"))) == first
    assert conversation_key(chat(("system", "Be brief."), ("user", "Bye"))) != first
    assert conversation_key(chat(("system", "Be long."), ("user", "Hello"))) != first


@pytest.mark.parametrize(
    ("body", "has_key"),
    [
        (b'{"instructions":"x","input":"hello"}', True),
        (b'{"input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]}]}', True),
        (b'{"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":"hi"}]}', True),
        (b'{"prompt":"once upon"}', True),
        (b'{"messages":[{"role":"system","content":"s"}]}', False),
        (b'{"messages":"?"}', False),
        (b"{}", False),
    ],
)
def test_every_api_has_its_opening(body: bytes, has_key: bool) -> None:
    """Responses, messages and completions keep their conversations elsewhere; without a user's turn there is none."""
    assert (conversation_key(body) is not None) is has_key


def test_merging_keeps_the_bytes_of_what_stays() -> None:
    """An override replaces its member; a number that JSON libraries like to rewrite stays as the client wrote it."""
    body = b'{"model":"a","top_p":1.00,"temperature":1}'
    assert merged(body, {"temperature": 0.2, "seed": 7}) == b'{"model":"a","top_p":1.00,"temperature":0.2,"seed":7}'


def test_a_system_prompt_replaces_the_clients_own() -> None:
    """There is one set of instructions, that of the arm; the turns stay."""
    body = chat(("system", "old"), ("user", "hi"), model="m")
    assert json.loads(with_system_prompt(body, "new"))["messages"] == [
        {"role": "system", "content": "new"},
        {"role": "user", "content": "hi"},
    ]
    assert json.loads(with_system_prompt(b'{"input":"hi"}', "new")) == {"input": "hi", "instructions": "new"}
