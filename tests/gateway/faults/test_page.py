"""docs/faults.md names the test of each fault: none may be missing, or have moved away."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS = {row.split(" | ")[0].strip("| "): row for row in PAGE.splitlines() if re.match(r"\| [UC]\d ", row)}


def test_every_fault_has_a_row() -> None:
    """Seven of model servers, four of clients."""
    assert list(ROWS) == ["U1", "U2", "U3", "U4", "U5", "U6", "U7", "C1", "C2", "C3", "C4"]


@pytest.mark.parametrize("fault", ROWS)
def test_every_test_that_is_named_is_there(fault: str) -> None:
    """And each row names one."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", ROWS[fault])
    assert named
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
