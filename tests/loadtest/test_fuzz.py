"""The fuzzer's targets hold for their seeds and for what a second of fuzzing makes of them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.installation import ROOT

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


def test_a_second_of_fuzzing_finds_nothing(tmp_path: Path) -> None:
    """All targets run, in processes of their own, and each grows its corpus beyond the seeds."""
    pytest.importorskip("atheris")
    command = [sys.executable, "-m", "loadtest.fuzz", "--seconds", "1", "--findings", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["findings: none"]), done.stderr[-3_000:]
    for corpus in tmp_path.glob("*/corpus"):
        assert any(not path.name.startswith("seed-") for path in corpus.iterdir()), corpus
