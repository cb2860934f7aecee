"""Every other supported interpreter that this machine has: the lock installs, the wheel serves, it computes the same.

The one that runs these tests shows the same by them, and by `test_wheel`.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import MakeGateway
from tests.integration.installation import ROOT, build_wheel, install, interpreter, run

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]

COMPUTED = (
    "tests/routing",
    "tests/shadow",
    "tests/rollback/test_again.py",
    "tests/rollback/test_decision.py",
    "tests/rollback/test_document.py",
    "tests/rollback/test_evidence.py",
    "tests/rollback/test_mismatch.py",
    "tests/rollback/test_phases.py",
)
"""What two interpreters could do otherwise: parse, hash, match by Unicode, round, add up, decide again to the bit."""
SHOWN_BY_ONE = (
    "tests/routing/test_crowding.py",  # what assignment by hashes does to many, which is arithmetic on those hashes
    "tests/shadow/signals/test_refusal_fit.py",  # training, which no gateway does
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.mark.parametrize("minor", sorted({11, 12, 13} - {sys.version_info.minor}), ids=lambda minor: f"python3.{minor}")
def test_an_interpreter_installs_serves_and_computes_the_same(
    minor: int, wheel: Path, make_gateway: MakeGateway, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """From one universal lock: `driftgate serve` becomes ready, and what it computes is right; warnings are errors."""
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
    options = ["-q", "-p", "no:cacheprovider", "--hypothesis-profile=brief", f"--basetemp={base}"]
    left_out = [f"--ignore={path}" for path in SHOWN_BY_ONE]
    run([made.python, "-m", "pytest", *options, *left_out, *COMPUTED], cwd=ROOT)
