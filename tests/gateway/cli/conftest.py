"""The command line as users run it, and a gateway's admin listener on a real socket."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.cli.listener import Admin, Json, MakeRollout, Ran, Run, handler


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `driftgate`; whatever happens, it shows no traceback."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("DRIFTGATE_")}

    def run(*arguments: str, **env: str) -> Ran:
        command = [sys.executable, "-W", "error", "-m", "gateway.cli", *arguments]
        done = subprocess.run(
            command, env=clean | env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert "Traceback" not in done.stderr + done.stdout
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def admin() -> Iterator[Admin]:
    """An admin listener on a free port."""
    admin = Admin()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(admin)) as server:
        admin.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield admin
        server.shutdown()
        thread.join()


@pytest.fixture
def rollout() -> MakeRollout:
    """A rollout as the admin API shows it, with changes."""

    def make(**changes: Any) -> Json:
        signal = {
            "signal": "refusal",
            "slice": "*",
            "source": "paired",
            "test": "points",
            "side": "upper",
            "class": "guardrail",
            "estimate": 0.003,
            "stable_rate": 0.021,
            "candidate_rate": 0.024,
            "bound": 0.011,
            "limit": 0.02,
            "burn": 0.12,
            "n": 812,
            "not_applicable": 0,
            "verdict": "not_enough",
        }
        length = signal | {"signal": "length", "estimate": -0.05, "bound": -0.08, "limit": -0.1625, "burn": 0.3}
        return {
            "id": "chat-1", "endpoint": "chat", "stable": "a", "candidate": "b", "plan": "default", "phase": "canary",
            "stage": 1, "stages": 5, "weight_bps": 100, "revision": 3, "epoch": 1, "holding": "not_enough_evidence",
            "reason": "refusal: 188 of 1000 pairs are still missing", "started_at": 1.0, "ended_at": None,
            "requests": {"stable": 1234, "candidate": 12, "fallback": 0, "cancelled": 1, "shadowed": 812, "shed": 3},
            "signals": [signal, signal | {"test": "ratio", "burn": 0.02, "estimate": 1.1, "limit": 2.5}, length],
        } | changes  # fmt: skip

    return make
