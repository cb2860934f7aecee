"""The ladder from no JSON to a valid structure, and schemas that mean harm."""

from time import perf_counter

import pytest

from shadow.answer import Json
from shadow.reading import Measured, NotApplicable, Unmeasured
from shadow.signals.schema import MAX_SCHEMA_BYTES, read
from tests.shadow.making import ask, says

CITY: Json = {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}


@pytest.mark.parametrize(
    ("text", "rung"),
    [
        ("Paris", "not_json"),
        ('{"city": "Paris"', "not_json"),
        ('```json\n{"city": "Paris"}\n```', "fenced"),
        ('{"city": 1}', "invalid"),
        ('{"town": "Paris"}', "invalid"),
    ],
)
def test_below_the_top_rung_is_bad_and_says_which(text: str, rung: str) -> None:
    """An application's parser accepts none of these."""
    assert read(ask(schema=CITY), says(text)) == Measured(1.0, rung)


def test_the_top_rung_is_good() -> None:
    """For a schema, for plain JSON mode, and for tools."""
    tools = (("find", CITY),)
    assert read(ask(schema=CITY), says(' {"city": "Paris"}\n')) == Measured(0.0, "valid")
    assert read(ask(wants_json=True), says("{}")) == Measured(0.0, "valid")
    assert read(ask(tools=tools), says("", calls=(("find", '{"city": "Paris"}'),))) == Measured(0.0, "valid")


def test_json_mode_promises_an_object() -> None:
    """A list is JSON, but not what was promised."""
    assert read(ask(wants_json=True), says("[1]")) == Measured(1.0, "not_object")


@pytest.mark.parametrize(
    ("name", "arguments", "rung"),
    [
        ("fnid", "{}", "unknown_tool"),
        ("find", '{"city"', "arguments_not_json"),
        ("find", "[]", "arguments_not_json"),
        ("find", '{"city": 1}', "arguments_invalid"),
    ],
)
def test_tool_calls_have_rungs_of_their_own(name: str, arguments: str, rung: str) -> None:
    """One bad call among good ones is enough."""
    calls = (("find", '{"city": "Paris"}'), (name, arguments))
    assert read(ask(tools=(("find", CITY),)), says("", calls=calls)) == Measured(1.0, rung)


def test_nothing_is_judged_where_no_structure_was_due() -> None:
    """Not asked for; a tool offered and not called; a provider's refusal."""
    assert read(ask(), says("Paris")) == NotApplicable()
    assert read(ask(tools=(("find", CITY),)), says("Paris")) == NotApplicable()
    assert read(ask(schema=CITY), says("", refusal="No.")) == NotApplicable()


def test_what_the_token_limit_cut_off_is_no_failure() -> None:
    """It could not be read; the model may have been right. Whole, it is judged as always."""
    assert read(ask(schema=CITY), says('{"city": "Par', truncated=True)) == Unmeasured("truncated")
    assert read(ask(schema=CITY), says('{"city": "Paris"}', truncated=True)) == Measured(0.0, "valid")


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/schema"},
        {"$ref": "file:///etc/passwd"},
        {"$schema": "https://example.invalid/schema"},
        {"type": "nothing-known"},
        {"type": "string", "pattern": "("},
        {"type": "string", "pattern": "(?=x)y"},
        5,
    ],
)
def test_a_schema_that_cannot_be_used_makes_the_signal_unmeasured(schema: Json) -> None:
    """Remote references, unknown dialects, regular expressions that need backtracking: never fetched, never guessed."""
    assert read(ask(schema=schema), says('"x"')) == Unmeasured("schema_unusable")


def test_a_huge_schema_is_not_compiled() -> None:
    """Nor is a very deep one."""
    huge: Json = {"enum": ["x" * MAX_SCHEMA_BYTES]}
    deep: Json = {}
    for _ in range(200):
        deep = {"not": deep}
    assert read(ask(schema=huge), says('"x"')) == Unmeasured("schema_too_large")
    assert read(ask(schema=deep), says('"x"')) == Unmeasured("schema_unusable")


def test_a_very_deep_answer_is_not_walked() -> None:
    """The validator recurses; the reader does not let it."""
    assert read(ask(schema={"type": "array"}), says("[" * 500 + "]" * 500)) == Unmeasured("too_deep")


def test_a_costly_regular_expression_stays_cheap() -> None:
    """Nested quantifiers run in linear time."""
    began = perf_counter()
    costly: Json = {"type": "string", "pattern": "^(a+)+$"}
    assert read(ask(schema=costly), says('"' + "a" * 5_000 + '!"')) == Measured(1.0, "invalid")
    assert perf_counter() - began < 0.5


def _ref_bomb(levels: int) -> Json:
    """Each definition refers twice to the next: 2^levels validations of one value."""
    definitions: dict[str, Json] = {
        f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}, {"$ref": f"#/$defs/d{i + 1}"}]} for i in range(levels)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{levels}": {"type": "string"}}}


def test_references_that_multiply_are_not_followed() -> None:
    """Forty levels would take days."""
    began = perf_counter()
    assert read(ask(schema=_ref_bomb(40)), says('"x"')) == Unmeasured("schema_unusable")
    assert read(ask(schema=_ref_bomb(3)), says('"x"')) == Measured(0.0, "valid")
    assert perf_counter() - began < 1.0


def test_recursion_that_multiplies_with_depth_is_not_followed() -> None:
    """A tree that is checked twice at every level: 2^depth for a nested answer."""
    twice: Json = {"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}
    once: Json = {"type": "object", "properties": {"a": {"$ref": "#"}}}
    nested = '{"a":' * 60 + "{}" + "}" * 60
    began = perf_counter()
    assert read(ask(schema=twice), says(nested)) == Unmeasured("schema_unusable")
    assert read(ask(schema=once), says(nested)) == Measured(0.0, "valid")
    assert perf_counter() - began < 1.0
