"""The compiled data path: whether these tests run it (`make test COMPILED=1` says that they must), and who may not."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

from gateway.version import data_path
from loadtest.rig.compiled import NotCompiled, compiled_tree, modules_to_compile
from loadtest.rig.processes import COMPILED_VARIABLE

ROOT: Final = Path(__file__).resolve().parents[1]
WANTED: Final = "compiled" if os.environ.get(COMPILED_VARIABLE) == "1" else "interpreted"


@pytest.mark.parametrize("path", modules_to_compile())
def test_a_listed_module_is_compiled_where_that_was_asked_for(path: str) -> None:
    """And only there: in the tree itself nothing compiled lies in the way of a source that has changed."""
    found = import_module(path.removesuffix(".py").replace("/", ".")).__file__
    assert found is not None
    assert ("interpreted" if found.endswith(".py") else "compiled") == WANTED


def test_a_process_that_a_test_starts_runs_the_same() -> None:
    """What tests start by this interpreter finds the packages where the tests do."""
    command = [sys.executable, "-m", "gateway.cli", "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.rstrip().endswith(f", data path {WANTED}")
    assert data_path() == WANTED


def test_where_no_c_compiler_is_it_says_what_to_install() -> None:
    """`make compiled` asks this before it fetches anything."""
    command = [sys.executable, str(ROOT / "hatch_build.py")]
    done = subprocess.run(
        command, env=os.environ | {"CC": "no-such-compiler -O2"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "no-such-compiler: `apt install gcc libc6-dev`" in done.stderr


def test_a_compiled_tree_of_other_sources_is_refused(tmp_path: Path) -> None:
    """Neither a missing nor an outdated one is played by the benchmark as if it were this code."""
    tree, made = tmp_path / "tree", tmp_path / "made"
    for root in (tree, made):
        (root / "gateway").mkdir(parents=True)
        (root / "gateway" / "version.py").write_text("as it was")
    with pytest.raises(NotCompiled, match="there is no compiled data path"):
        compiled_tree(tree, made)
    (made / "driftgate__mypyc.cpython-311-x86_64-linux-gnu.so").touch()
    assert compiled_tree(tree, made) == made
    (tree / "gateway" / "version.py").write_text("as it is")
    with pytest.raises(NotCompiled, match=r"of other sources \(gateway/version.py\)"):
        compiled_tree(tree, made)
