"""What the demo suggests at its end."""

import re

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.demo.outcome import next_steps


@pytest.mark.parametrize("address", ["http://127.0.0.1:8081", "http://127.0.0.1:18081"])
def test_the_demo_suggests_commands_that_there_are(address: str) -> None:
    """Every command exists, and names the server where it is not the usual one."""
    said = next_steps(".venv/bin/driftgate", address)
    commands = re.findall(r"\.venv/bin/driftgate (\w+)", said)
    assert commands == ["explain", "status", "rollback", "init"]
    for command in commands:
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0
    assert said.count("--server http://127.0.0.1:18081") == (3 if address.endswith("18081") else 0)
