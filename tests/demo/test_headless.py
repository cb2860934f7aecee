"""The demo as a user runs it, from start to end."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from loadtest.rig.processes import descendants, is_alive

pytestmark = [pytest.mark.processes, pytest.mark.timeout(150)]

DEMO = [sys.executable, "-m", "gateway.cli", "demo"]


def test_headless_one_candidate_is_promoted_and_the_other_rolled_back() -> None:
    """One JSON object for each rollout, exit code 0, within 120 seconds."""
    began = monotonic()
    done = subprocess.run([*DEMO, "--headless"], capture_output=True, text=True, timeout=140, check=False)
    assert done.returncode == 0, done.stderr
    outcomes = {outcome["endpoint"]: outcome for outcome in map(json.loads, done.stdout.splitlines())}
    assert {name: outcome["outcome"] for name, outcome in outcomes.items()} == {
        "chat": "promoted",
        "support": "rolled_back",
    }
    assert outcomes["support"]["reason"].startswith("refusal")
    assert outcomes["chat"]["requests"]["candidate"] > 0
    assert monotonic() - began < 120


def test_interrupted_it_ends_every_process(tmp_path: Path) -> None:
    """Ctrl-C in the middle of a rollout leaves nothing running."""
    with (tmp_path / "output").open("wb") as output:
        demo = subprocess.Popen(DEMO, stdout=output, stderr=output, start_new_session=True)
        deadline = monotonic() + 30
        while len(descendants(demo.pid)) < 9 and monotonic() < deadline:
            sleep(0.1)
        children = descendants(demo.pid)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(30) == 130
    assert len(children) >= 9, (tmp_path / "output").read_text()
    assert not [pid for pid in children if is_alive(pid)]


def test_killed_it_takes_every_process_along() -> None:
    """Even SIGKILL of the demo leaves nothing running: the kernel tells its children."""
    demo = subprocess.Popen(DEMO, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = monotonic() + 30
    while len(descendants(demo.pid)) < 9 and monotonic() < deadline:
        sleep(0.1)
    children = descendants(demo.pid)
    demo.kill()
    demo.wait()
    deadline = monotonic() + 30
    while [pid for pid in children if is_alive(pid)]:
        assert monotonic() < deadline
        sleep(0.1)
    assert len(children) >= 9
