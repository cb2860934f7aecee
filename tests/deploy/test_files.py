"""The other files of deploy/, by the published schemas of what reads them."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import yaml
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.config.load import examine_file

DEPLOY: Final = Path(__file__).parents[2] / "deploy"


@pytest.mark.parametrize(
    ("path", "schema"),
    [("compose.yaml", "vendor.compose-spec"), ("github-actions/rollout.yaml", "vendor.github-workflows")],
)
def test_a_file_is_what_its_reader_expects(path: str, schema: str) -> None:
    """Compose's and GitHub's own schemas, as check-jsonschema ships them."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(DEPLOY / path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_configuration_for_compose_can_be_served() -> None:
    """`driftgate check` finds nothing wrong with it."""
    assert examine_file(DEPLOY / "driftgate.example.yaml", {}).problems == ()


def test_every_file_that_compose_mounts_is_there_or_named_as_yours() -> None:
    """What the comment at its top does not ask for must be in the repository."""
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    services = yaml.safe_load(text)["services"]
    mounted = {volume.split(":")[0] for each in services.values() for volume in each.get("volumes", [])}
    yours = {"./driftgate.yaml"}
    assert all((DEPLOY / path).exists() for path in mounted - yours if path.startswith("./"))
    assert "cp driftgate.example.yaml driftgate.yaml" in text


def test_every_command_of_the_pipeline_exists_with_its_options() -> None:
    """The workflow's driftgate commands are ones that the command line knows."""
    text = (DEPLOY / "github-actions" / "rollout.yaml").read_text(encoding="utf-8")
    commands = re.findall(r"run: driftgate (.+)", text)
    assert len(commands) >= 4
    for command in commands:
        verb, *rest = shlex.split(command)
        shown = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "300", "NO_COLOR": "1"})
        assert shown.exit_code == 0, verb
        assert [word for word in rest if word.startswith("-") and word not in shown.output] == []
