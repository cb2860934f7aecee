import pytest

from gateway.config import document
from gateway.config.document import Document, Place
from gateway.config.errors import ConfigError


def read(text: str, **env: str) -> Document:
    """Parse `text` as a file called f.yaml."""
    return document.read(text, "f.yaml", env)


def test_every_path_has_its_place() -> None:
    """Keys and values are found again by line and column, counted from 1."""
    seen = read("a:\n  b: [1, {c: x}]\n")
    assert seen.data == {"a": {"b": [1, {"c": "x"}]}}
    assert seen.keys["a", "b"] == Place(2, 3)
    assert seen.values["a", "b", 1, "c"] == Place(2, 14)


def test_words_that_older_yaml_takes_for_booleans_stay_words() -> None:
    """`agreement: off` and the key `on` mean themselves."""
    assert read("{agreement: off, on: [yes, true, ~], n: 0x10}").data == {
        "agreement": "off",
        "on": ["yes", True, None],
        "n": "0x10",
    }


def test_a_variable_stands_within_braces_and_is_never_parsed_as_yaml() -> None:
    """What the environment holds is text, whatever characters it has."""
    seen = read('{key: ${KEY}, both: "${A}-${B:-b}", number: ${N}}', KEY="a: [b, #c", A="1", N="4")
    assert seen.data == {"key": "a: [b, #c", "both": "1-b", "number": "4"}


def test_an_unset_variable_is_kept_with_its_path() -> None:
    """The reader decides nothing: it says which value is missing, and why."""
    seen = read("models: {a: {api_key: ${NOPE}}}")
    assert seen.unset == {("models", "a", "api_key"): "NOPE"}


def test_a_variable_does_not_move_what_stands_behind_it() -> None:
    """Columns after `${…}` are those of the file, not of the text it stands for."""
    assert read("{a: ${LONG_NAME}, b: 1}", LONG_NAME="x").keys[("b",)] == Place(1, 19)


def test_a_key_that_is_set_twice_is_a_problem_at_the_second() -> None:
    """YAML would keep the last one in silence."""
    (problem,) = read("a: 1\nb: 2\na: 3\n").problems
    assert (problem.line, problem.column) == (3, 1)
    assert "line 1" in problem.message


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("", "1:1", "the file is empty"),
        ("# only a comment\n", "1:1", "the file is empty"),
        ("a: [1,\nb", "2:2", "not valid YAML"),
        ("a: *nobody", "1:4", "undefined alias"),
        ('a: "\x00"', "1:1", "not valid YAML"),
        ("a: &a [*a]", "1:4", "alias"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_place(text: str, place: str, said: str) -> None:
    """Syntax errors stop the reading, and say where."""
    with pytest.raises(ConfigError) as refused:
        read(text)
    assert str(refused.value).startswith(f"f.yaml:{place}: ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\n---\nb: 2\n", "more than one document"),
        ("a: !!python/object:os.system {}", "tag"),
        ("a: !mine x", "tag"),
        ("a: {<<: {b: 1}}", "merge keys"),
        ("{[a]: 1}", "simple word"),
    ],
)
def test_what_yaml_allows_and_a_configuration_does_not_need_is_a_problem(text: str, said: str) -> None:
    """Nothing of YAML's cleverness is taken for a value."""
    assert said in str(read(text).problems[0])


def test_aliases_that_unfold_without_end_are_refused() -> None:
    """A few lines cannot become gigabytes."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(ConfigError, match="alias"):
        read("\n".join(lines))
