"""Every other supported interpreter that this machine has: the lock installs, the wheel serves, the pure tests pass.

The one that runs these tests shows the same by them, and by `test_wheel`.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import MakeGateway
from tests.integration.installation import ROOT, build_wheel, install, interpreter, run

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]

PURE = ("tests/routing", "tests/shadow")
"""What needs no server, and covers the arithmetic and the parsing where interpreters could differ."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.mark.parametrize("minor", sorted({11, 12, 13} - {sys.version_info.minor}), ids=lambda minor: f"python3.{minor}")
def test_an_interpreter_installs_serves_and_computes_the_same(
    minor: int, wheel: Path, make_gateway: MakeGateway, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """From one universal lock: `driftgate serve` becomes ready, and the pure tests pass with warnings as errors."""
    found = interpreter(minor)
    if found is None:
        pytest.skip(f"there is no Python 3.{minor} on this machine")
    python, version = found
    record_property("interpreter", version)
    made = install(python, wheel, tmp_path / "env")

    gateway = make_gateway()
    gateway.processes.start("gateway", [str(made.driftgate), "serve", "-c", str(gateway.config)])
    gateway.wait_ready(seconds=60)
    assert gateway.processes.stop("gateway") == 0

    made.add("pytest", "pytest-timeout", "hypothesis", "--constraints", ROOT / "requirements-dev.lock")
    base = gateway.processes.place / "base"  # short: tests put unix sockets there
    run([made.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={base}", *PURE], cwd=ROOT)
