from pathlib import Path

import jsonschema_rs
import pytest

from gateway.config import document, schema, starter

ROOT = Path(__file__).parents[3]


def errors(text: str) -> list[str]:
    """What the schema says against `text`."""
    data = document.read(text, "f.yaml", {"ACME_KEY": "k"}).data
    return [error.message for error in jsonschema_rs.validator_for(schema.schema()).iter_errors(data)]


def test_the_schema_in_the_repository_is_current() -> None:
    """`python -m gateway.config.schema > driftgate.schema.json` was run after the last change."""
    assert (ROOT / "driftgate.schema.json").read_text(encoding="utf-8") == schema.text()


def test_the_schema_accepts_what_the_documentation_shows(sample: str) -> None:
    """Editors underline nothing in the sample, nor in what `init` writes."""
    assert errors(sample) == []
    assert errors(starter.TEXT) == []


@pytest.mark.parametrize(
    "text",
    [
        "workrs: 4",
        "workers: many",
        "limits: {max_body: 10}",
        "plans: {p: {stages: [{weight: 5}]}}",
        "plans: {p: {budgets: {length: on}}}",
        "keys: [{name: a, role: boss, hash: …}]",
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(text: str) -> None:
    """An unknown key or a number without its unit is underlined while it is written."""
    small = "models: {a: {base_url: http://x}, b: {extends: a}}\nendpoints: {e: {stable: a}}\n"
    assert errors(small) == []
    assert errors(small + text) != []


def test_a_model_needs_an_address_or_another_model() -> None:
    """What neither says nor inherits where it is cannot be asked."""
    assert errors("models: {a: {model: x}}\nendpoints: {e: {stable: a}}\n") != []
