"""Debian's Chromium, and a gateway with two simulated models for it to look at."""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, sync_playwright

from loadtest.rig.ports import free_port
from loadtest.rig.processes import Gateway, Processes, listening

OPTIONS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--no-first-run",
)

CONFIG: Final = """\
listen: {{data: "127.0.0.1:{data}", admin: "127.0.0.1:{admin}"}}
state_dir: {state}
workers: 1
models:
  lumen-1: {{base_url: "http://127.0.0.1:{models}/v1"}}
  lumen-2: {{base_url: "http://127.0.0.1:{models}/v1"}}
endpoints:
{endpoints}
plans:
  default: {{stages: [{{weight: 50%, bake: 1h}}, {{weight: 100%, bake: 1h}}]}}
"""
ENDPOINTS: Final = [f"chat-{number}" for number in range(20)]
"""One for each test, so that one gateway does for all."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless; for one file, since while it runs no other test may have an event loop."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(OPTIONS))
        yield started
        started.close()


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    """A gateway with two simulated models behind each endpoint."""
    with tempfile.TemporaryDirectory(prefix="dg") as place, Processes(Path(place)) as processes:
        with listening() as listener:
            models = _model_server(processes, listener)
        ports = {"data": free_port(), "admin": free_port()}
        config = processes.place / "driftgate.yaml"
        endpoints = "\n".join(f"  {name}: {{stable: lumen-1, sticky_by: [header:x-user-id]}}" for name in ENDPOINTS)
        config.write_text(CONFIG.format(state=processes.place / "state", models=models, endpoints=endpoints, **ports))
        made = Gateway(processes, config, ports["data"], ports["admin"])
        made.start()
        made.wait_ready()
        yield made
        made.http.close()


@pytest.fixture(scope="module")
def _unused() -> Iterator[str]:
    return iter(ENDPOINTS)


@pytest.fixture
def chat(_unused: Iterator[str]) -> str:
    """An endpoint that no other test uses."""
    return next(_unused)


def _model_server(processes: Processes, listener: socket.socket) -> int:
    command = [sys.executable, "-m", "gateway.demo.model_server", "--fd", str(listener.fileno()), "lumen-1", "lumen-2"]
    processes.start("models", command, pass_fds=[listener.fileno()])
    return int(listener.getsockname()[1])
