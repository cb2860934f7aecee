"""The dashboard in a real browser: live, readable as text, and harmless whatever names and reasons say."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from loadtest.processes import Gateway, Processes, free_port, listening

pytestmark = [
    pytest.mark.processes,
    # greenlet and the driver's pipes are closed by their own finalisers, after the test that is blamed for it
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

NASTY: Final = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
"""What an operator's reason may hold, by accident or not."""
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
  chat: {{stable: lumen-1, sticky_by: [header:x-user-id]}}
plans:
  default: {{stages: [{{weight: 50%, bake: 1h}}, {{weight: 100%, bake: 1h}}]}}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(OPTIONS))
        yield started
        started.close()


@contextmanager
def opened(browser: Browser, gateway: Gateway) -> Iterator[tuple[Page, list[str]]]:
    """The page of a gateway, and what went wrong in it: console errors, and requests to anywhere else."""
    wrong: list[str] = []
    origin = f"http://127.0.0.1:{gateway.admin_port}"
    page = browser.new_page()
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda sent: None if sent.url.startswith(origin) else wrong.append(sent.url))
    page.goto(origin)
    yield page, wrong
    page.close()


@pytest.fixture
def gateway(processes: Processes) -> Iterator[Gateway]:
    """A gateway with two simulated models behind one endpoint."""
    with listening() as listener:
        models = _model_server(processes, listener)
    ports = {"data": free_port(), "admin": free_port()}
    config = processes.place / "driftgate.yaml"
    config.write_text(CONFIG.format(state=processes.place / "state", models=models, **ports))
    made = Gateway(processes, config, ports["data"], ports["admin"])
    made.start()
    made.wait_ready()
    yield made
    made.http.close()


def _model_server(processes: Processes, listener: socket.socket) -> int:
    command = [sys.executable, "-m", "gateway.demo.model_server", "--fd", str(listener.fileno()), "lumen-1", "lumen-2"]
    processes.start("models", command, pass_fds=[listener.fileno()])
    return int(listener.getsockname()[1])


def test_a_rollout_is_shown_live_from_start_to_rollback(browser: Browser, gateway: Gateway, tmp_path: Path) -> None:
    """Idle, then a canary with its weight and reason, then rolled back, without a reload or a console error."""
    with opened(browser, gateway) as (page, wrong):
        expect(page.locator("#connection")).to_have_text("live")
        expect(page.locator("section")).to_contain_text("idle: everything on lumen-1")
        gateway.command("chat", "rollouts", {"candidate": "lumen-2", "reason": "try it"})
        expect(page.locator("section .canary")).to_have_text("canary")
        expect(page.locator("section")).to_contain_text("lumen-1 → lumen-2")
        expect(page.locator("section")).to_contain_text("exposure 50 %")
        gateway.command("chat", "rollback", {"reason": "support tickets"})
        expect(page.locator("section .rolled_back")).to_have_text("rolled back")
        expect(page.locator("section .reason")).to_contain_text("support tickets")
        page.screenshot(path=tmp_path / "dashboard.png", full_page=True)
        assert wrong == []


def test_markup_in_a_reason_is_shown_as_text(browser: Browser, gateway: Gateway) -> None:
    """Nothing that anybody types runs in the browser of the one who reads it."""
    gateway.command("chat", "rollouts", {"candidate": "lumen-2", "reason": NASTY})
    gateway.command("chat", "rollback", {"reason": NASTY})
    with opened(browser, gateway) as (page, wrong):
        expect(page.locator("section .reason")).to_contain_text("<script>document.title")
        assert page.title() == "driftgate"
        assert page.locator("section img, section script").count() == 0
        assert wrong == []


def test_the_page_follows_a_gateway_that_restarts(browser: Browser, gateway: Gateway) -> None:
    """It says that it lost the connection, and is live again by itself."""
    with opened(browser, gateway) as (page, _):
        expect(page.locator("#connection")).to_have_text("live")
        gateway.processes.stop("gateway")
        expect(page.locator("#connection")).to_contain_text("trying again")
        gateway.start()
        gateway.wait_ready()
        expect(page.locator("#connection")).to_have_text("live", timeout=15_000)
