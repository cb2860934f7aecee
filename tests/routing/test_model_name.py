"""The body that goes upstream is the application's own, but for the one value that routing changes."""

import json
from typing import TypeAlias

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.errors import MalformedRequest
from routing.model_name import model_span, with_model
from routing.request import read

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
    for members in (before, after):
        for read_too in ("model", "stream", "api_base", "base_url", "api_key"):  # what is refused is tested elsewhere
            members.pop(read_too, None)
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
    name = msgspec.json.encode(new)
    assert with_model(body, name) == with_model(body, name, model_span(body)) == expected


@pytest.mark.parametrize("spelling", ['"model"', '"m\\u006fdel"', '"\\u006D\\u006F\\u0064\\u0065\\u006c"'])
def test_a_key_spelt_with_escapes_is_found(spelling: str) -> None:
    """JSON allows any letter of a key to be an escape; the splice finds the value all the same."""
    body = f'{{"a": {{"model": "inner"}}, {spelling} : "chat"}}'.encode()
    assert read(body).model == "chat"
    assert with_model(body, b'"v12"') == f'{{"a": {{"model": "inner"}}, {spelling} : "v12"}}'.encode()


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


def test_a_key_that_is_no_text_is_not_the_model() -> None:
    """Found by fuzzing: an escape beside bytes that are not UTF-8, in a key that nobody reads."""
    body = b'{"\\u006dode\xff": 1, "model": "chat"}'
    assert read(body).model == "chat"
    assert body[slice(*model_span(body))] == b'"chat"'
