import re
from pathlib import Path

import pytest
from typer.main import get_command

from gateway.cli.main import app
from gateway.config.schema import schema

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def test_every_option_of_the_file_is_in_the_reference() -> None:
    """An option that is not documented is one that nobody finds."""
    text = (REFERENCE / "config.md").read_text(encoding="utf-8")
    document = schema()
    sections = [document, *document["$defs"].values()]
    options = {option for section in sections for option in section.get("properties", {})}
    assert {option for option in options if f"`{option}" not in text and f".{option}`" not in text} == set()


@pytest.mark.parametrize("command", sorted(getattr(get_command(app), "commands", {})))
def test_every_command_is_in_the_reference(command: str) -> None:
    """So is a command, aliases included."""
    assert re.search(rf"`{command}\b", (REFERENCE / "cli.md").read_text(encoding="utf-8"))
