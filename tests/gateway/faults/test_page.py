"""docs/faults.md names the test of each fault: none may be missing, or have moved away."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS = {row.split(" | ")[0].strip("| "): row for row in PAGE.splitlines() if re.match(r"\| [UCRP]\d[a-d]? ", row)}


def test_every_fault_has_a_row() -> None:
    """Seven of model servers, four of clients, those of Redis, and those of the gateway's own processes."""
    rows = ["U1", "U2", "U3", "U4", "U5", "U6", "U7", "C1", "C2", "C3", "C4"]
    assert list(ROWS) == [*rows, "R1a", "R1b", "R1c", "R1d", "P1", "P2", "P3", "P4a", "P4b", "P4c", "P4d", "P5"]


@pytest.mark.parametrize("fault", ROWS)
def test_every_test_that_is_named_is_there(fault: str) -> None:
    """And each row names one."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", ROWS[fault])
    assert named
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
