"""The wheel, as it is shipped: what is in it, and that it serves from an empty environment.

With `make test COMPILED=1` it is the wheel that `make compiled` has built.
"""

import json
import os
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from loadtest.rig.processes import COMPILED_VARIABLE, descendants, is_alive
from tests.conftest import MakeGateway
from tests.integration.installation import ROOT, Installation, build_wheel, install, run

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

OURS = ("gateway", "rollback", "routing", "shadow")
COMPILED = os.environ.get(COMPILED_VARIABLE) == "1"
OF_THE_ENVIRONMENT = ("_virtualenv.pth",)
"""What the tool that makes the environment puts there, whatever is installed."""
CLAIMED = f"""
import importlib.metadata, json
found = importlib.metadata.packages_distributions()
print(json.dumps({{name: found[name] for name in {OURS!r}}}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    if COMPILED:
        (made,) = (ROOT / "build" / "wheel").glob("*.whl")
        return made
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The wheel in an empty environment of this interpreter."""
    return install(Path(sys.executable), wheel, tmp_path_factory.mktemp("installed") / "env")


def test_the_wheel_holds_the_four_packages_and_all_their_files(wheel: Path) -> None:
    """Every file of the four packages is in the wheel; beside them metadata and, if asked for, machine code."""
    kept = [path.relative_to(ROOT) for name in OURS for path in (ROOT / name).rglob("*") if path.is_file()]
    wanted = {str(path) for path in kept if "__pycache__" not in path.parts}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    machine_code = {name for name in held if name.endswith(".so")}
    assert held - machine_code == wanted
    assert bool(machine_code) == COMPILED


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    """Its metadata names the licence and the Python floor, and a public index would refuse it."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
        assert any(name.endswith("/LICENSE") for name in archive.namelist())
    assert (metadata["Name"], metadata["License-Expression"]) == ("driftgate", "Apache-2.0")
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Private :: Do Not Upload" in metadata.get_all("Classifier", [])


def test_the_lock_is_all_that_the_wheel_needs(installed: Installation) -> None:
    """With the locked packages alone, every declared dependency is there in a version that was declared."""
    run([sys.executable, "-m", "uv", "pip", "check", "--python", installed.python])


def test_nothing_else_in_the_environment_brings_our_package_names(installed: Installation, tmp_path: Path) -> None:
    """The four generic names belong to driftgate alone."""
    claimed = json.loads(run([installed.python, "-c", CLAIMED], cwd=tmp_path))
    assert {name: set(owners) for name, owners in claimed.items()} == {name: {"driftgate"} for name in OURS}


def test_no_package_runs_code_at_every_start_of_python(installed: Installation) -> None:
    """A `.pth` file can hold code that each interpreter of the environment runs: nobody here has one."""
    found = [path.name for path in installed.place.glob("lib/*/site-packages/*.pth")]
    assert [name for name in found if name not in OF_THE_ENVIRONMENT] == []


def test_the_installed_command_serves_and_ends_cleanly(
    installed: Installation, make_gateway: MakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`driftgate serve` becomes ready away from the tree, says what it is, and leaves nothing behind at SIGTERM."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    gateway = make_gateway()
    assert "ok" in run([installed.driftgate, "check", gateway.config], cwd=tmp_path).lower()
    process = gateway.processes.start("gateway", [str(installed.driftgate), "serve", "-c", str(gateway.config)])
    gateway.wait_ready(seconds=60)
    children = descendants(process.pid)
    assert len(children) >= 4, "embedded server, control, shadow, data"
    assert f'data_path="{"compiled" if COMPILED else "interpreted"}"' in gateway.http.get("/metrics").text
    assert gateway.processes.stop("gateway") == 0
    assert [pid for pid in children if is_alive(pid)] == []
