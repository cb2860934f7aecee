"""The body that goes upstream is the application's own, but for the one value that routing changes."""

import json
from contextlib import suppress
from typing import TypeAlias

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.errors import MalformedRequest
from routing.request import (
    conversation_key,
    merged,
    model_span,
    read,
    text_at,
    with_model,
    with_system_prompt,
)

Value: TypeAlias = "bool | int | str | list[Value] | dict[str, Value] | None"

TRICKY = st.sampled_from(
    [
        "model",
        '"model"',
        '"model": "x"',
        '\\"model\\":',
        "mo\\u0064el",
        "\\",
        '"',
        "{",
        "}",
        "[",
        "]",
        "\u006d",
        "é",
        "日本",
    ]
)
TEXT = st.one_of(TRICKY, st.text(max_size=12))
VALUES: st.SearchStrategy[Value] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=20,
)


@given(
    before=st.dictionaries(TEXT, VALUES, max_size=4),
    after=st.dictionaries(TEXT, VALUES, max_size=4),
    model=TEXT,
    new=TEXT,
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 0, 2]),
)
def test_the_splice_changes_the_top_level_model_and_nothing_else(
    before: dict[str, Value], after: dict[str, Value], model: str, new: str, ascii_only: bool, indent: int | None
) -> None:
    """Nested `model` keys, values that look like one, escapes and spacing stay byte for byte as they were."""
    before.pop("model", None)
    after.pop("model", None)
    marker = "\ue000model\ue000"
    text = json.dumps({**before, "model": marker, **after}, ensure_ascii=ascii_only, indent=indent)
    mark = json.dumps(marker, ensure_ascii=ascii_only)
    head, _, tail = text.partition(mark)
    try:
        body = f"{head}{json.dumps(model)}{tail}".encode()
        expected = head.encode() + msgspec.json.encode(new) + tail.encode()
    except UnicodeEncodeError:
        return
    assert read(body).model == model
    assert with_model(body, new) == with_model(body, new, model_span(body)) == expected


@pytest.mark.parametrize("spelling", ['"model"', '"m\\u006fdel"', '"\\u006D\\u006F\\u0064\\u0065\\u006c"'])
def test_a_key_spelt_with_escapes_is_found(spelling: str) -> None:
    """JSON allows any letter of a key to be an escape; the splice finds the value all the same."""
    body = f'{{"a": {{"model": "inner"}}, {spelling} : "chat"}}'.encode()
    assert read(body).model == "chat"
    assert with_model(body, "v12") == f'{{"a": {{"model": "inner"}}, {spelling} : "v12"}}'.encode()


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"a","model":"b"}',
        b'{"model":"a","x":1,"m\\u006fdel":"b"}',
        b'{"m\\u006fdel":"a","\\u006dodel":"b"}',
    ],
)
def test_a_model_named_twice_is_refused(body: bytes) -> None:
    """Parsers differ in which of two equal keys they believe, so nobody may route by one and run the other."""
    with pytest.raises(MalformedRequest) as refused:
        model_span(body)
    assert (refused.value.param, refused.value.code) == ("model", "duplicate_parameter")


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


def test_a_key_that_is_no_text_is_not_the_model() -> None:
    """Found by fuzzing: an escape beside bytes that are not UTF-8, in a key that nobody reads."""
    body = b'{"\\u006dode\xff": 1, "model": "chat"}'
    assert read(body).model == "chat"
    assert body[slice(*model_span(body))] == b'"chat"'
