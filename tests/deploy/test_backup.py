"""Backup and restore of the embedded state, as docs/deploying.md describes them: stop, copy, start."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from loadtest.rig.ports import free_port
from loadtest.rig.processes import Gateway, Processes, listening

pytestmark = pytest.mark.processes

CONFIG: Final = """\
listen: {{data: "127.0.0.1:{data}", admin: "127.0.0.1:{admin}"}}
state_dir: {state}
workers: 1
models:
  old: {{base_url: "http://127.0.0.1:{models}/v1", model: lumen-1}}
  new: {{base_url: "http://127.0.0.1:{models}/v1", model: lumen-2}}
endpoints:
  chat: {{stable: old}}
plans:
  default: {{stages: [{{weight: 0%, bake: 1h}}, {{weight: 10%, bake: 1h}}, {{weight: 100%, bake: 1h}}]}}
"""


@pytest.fixture
def gateway(processes: Processes) -> Iterator[Gateway]:
    """A gateway with two simulated models, not started yet."""
    with listening() as listener:
        fd = listener.fileno()
        command = [sys.executable, "-m", "gateway.demo.model_server", "--fd", str(fd), "lumen-1", "lumen-2"]
        processes.start("models", command, pass_fds=[fd])
        models = listener.getsockname()[1]
    ports = {"data": free_port(), "admin": free_port()}
    config = processes.place / "driftgate.yaml"
    config.write_text(CONFIG.format(state=processes.place / "state", models=models, **ports))
    made = Gateway(processes, config, ports["data"], ports["admin"])
    yield made
    made.http.close()


def seen(gateway: Gateway) -> tuple[dict[str, Any], list[Any]]:  # Any: JSON
    """A rollout, and all audit entries."""
    entries = gateway.http.get("/admin/v1/endpoints/chat/audit").json()["entries"]
    return gateway.rollout("chat"), entries


def started(gateway: Gateway) -> None:
    """Start, and wait until it answers."""
    gateway.start()
    gateway.wait_ready()


def stopped(gateway: Gateway) -> Path:
    """Stop; the state directory."""
    gateway.processes.stop("gateway")
    return gateway.processes.place / "state"


@pytest.mark.timeout(180)
def test_a_copy_of_the_state_directory_is_a_backup(gateway: Gateway, tmp_path: Path) -> None:
    """Copied while stopped and put back after a loss: the same rollout at the same stage, and the same audit."""
    started(gateway)
    gateway.command("chat", "rollouts", {"candidate": "new", "reason": "backup me"})
    gateway.command("chat", "promote", {"step": True, "reason": "on"})
    before, entries = seen(gateway)
    state = stopped(gateway)
    shutil.copytree(state, tmp_path / "backup")
    shutil.rmtree(state)
    shutil.copytree(tmp_path / "backup", state)
    started(gateway)
    after, again = seen(gateway)
    kept = ("id", "phase", "stage", "weight_bps", "revision", "epoch", "stable", "candidate")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert again[-len(entries) :] == entries


@pytest.mark.timeout(180)
def test_older_data_cannot_bring_a_rolled_back_candidate_back(gateway: Gateway, tmp_path: Path) -> None:
    """Redis' files from before a rollback, the journal from after it: the journal asserts the rollback."""
    started(gateway)
    gateway.command("chat", "rollouts", {"candidate": "new"})
    gateway.command("chat", "promote", {"step": True, "reason": "on"})
    state = stopped(gateway)
    shutil.copytree(state, tmp_path / "older")
    started(gateway)
    gateway.command("chat", "rollback", {"reason": "tickets"})
    stopped(gateway)
    journal = next(path for path in state.iterdir() if "journal" in path.name)
    newer = journal.read_bytes()
    shutil.rmtree(state)
    shutil.copytree(tmp_path / "older", state)
    (state / journal.name).write_bytes(newer)
    started(gateway)
    rollout, _ = seen(gateway)
    assert (rollout["phase"], rollout["weight_bps"]) == ("rolled_back", 0)
