"""Pictures of every page of the dashboard, taken of the running demo: `make pictures` writes them to docs/images.

Each page is taken on a desktop in the light scheme and the dark one, and on a phone. The command also says how long
each page took to its first contentful paint, and fails where a page says anything on its console or asks for anything
that is not the gateway's own. It needs Debian's Chromium.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final
from urllib.request import ProxyHandler, build_opener

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES: Final = Path(__file__).resolve().parents[1] / "docs" / "images"
SECONDS: Final = 120.0
OPTIONS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
SHOTS: Final[dict[str, dict[str, Any]]] = {  # Any: Playwright's own options
    "desktop": {"viewport": {"width": 1200, "height": 800}},
    "dark": {"viewport": {"width": 1200, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True},
}
TALLEST: Final = {"desktop": 2600, "dark": 2600, "phone": 2000}
"""A picture shows the beginning of a page; nobody looks at a strip of ten thousand pixels."""
QUALITY: Final = 82
FIRST_PAINT: Final = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


@dataclass(slots=True)
class Album:
    """Where the pictures go, and what was wrong with the pages."""

    address: str
    directory: Path
    browser: Browser
    wrong: list[str]

    def take(self, name: str, path: str) -> None:
        """One page in all its looks."""
        for look, options in SHOTS.items():
            context = self.browser.new_context(**options)
            page = context.new_page()
            page.on(
                "console", lambda said: self.wrong.append(f"console: {said.text}") if said.type == "error" else None
            )
            page.on("request", lambda sent: self._check_origin(sent.url))
            page.goto(self.address + path)
            page.wait_for_selector("#connection[data-state=live]", timeout=15_000)
            if page.locator("[data-charts]").count():
                page.wait_for_selector(".chart canvas", timeout=15_000)
                page.wait_for_timeout(400)
            self._save(page, f"dashboard-{name}-{look}.jpg", TALLEST[look])
            print(f"{name:10} {look:8} first paint {page.evaluate(FIRST_PAINT):5.0f} ms")
            context.close()

    def _check_origin(self, url: str) -> None:
        if not url.startswith(self.address):
            self.wrong.append(f"asked elsewhere: {url}")

    def _save(self, page: Page, name: str, tallest: int) -> None:
        size = page.evaluate("({width: document.documentElement.clientWidth, height: document.body.scrollHeight})")
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], tallest)}
        page.screenshot(path=self.directory / name, type="jpeg", quality=QUALITY, full_page=True, clip=clip)  # type: ignore[arg-type]  # a TypedDict by shape


@contextmanager
def demo() -> Iterator[str]:
    """The running demo's dashboard; the demo ends with the block."""
    with tempfile.TemporaryFile() as said:
        command = [sys.executable, "-m", "gateway.cli", "demo"]
        process = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
        try:
            yield _address(process, said)
        except SystemExit:
            said.seek(0)
            print(said.read().decode(errors="replace")[-2000:], file=sys.stderr)
            raise
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def _address(process: subprocess.Popen[bytes], said: Any) -> str:  # Any: a temporary file
    until = monotonic() + SECONDS
    while monotonic() < until and process.poll() is None:
        said.seek(0)
        words = said.read().decode(errors="replace").split()
        found = [words[at + 1] for at, word in enumerate(words[:-1]) if word == "dashboard"]
        if found and found[0].startswith("http"):
            return str(found[0])
        sleep(0.2)
    raise SystemExit("the demo did not start")


def _asked(address: str, path: str) -> Any:  # Any: JSON
    with build_opener(ProxyHandler({})).open(address + path, timeout=10) as answer:
        return json.loads(answer.read())


def _until(address: str, endpoint: str, *phases: str) -> None:
    until = monotonic() + SECONDS
    while monotonic() < until:
        try:
            rollout = _asked(address, f"/admin/v1/endpoints/{endpoint}").get("rollout") or {}
        except OSError:
            rollout = {}
        if rollout.get("phase") in phases and rollout.get("weight_bps", 0) >= (2500 if "canary" in phases else 0):
            return
        sleep(0.2)
    raise SystemExit(f"{endpoint} did not come to {phases}")


def main() -> None:
    """Run the demo and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=IMAGES, help="where the pictures go")
    into: Path = parser.parse_args().into
    into.mkdir(parents=True, exist_ok=True)
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise SystemExit("chromium is not installed")
    wrong: list[str] = []
    with demo() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(OPTIONS))
        album = Album(address, into, browser, wrong)
        _until(address, "chat", "canary", "baking", "promoted")
        album.take("canary", "/endpoints/chat")
        album.take("endpoints", "/")
        _until(address, "support", "rolled_back")
        album.take("rolledback", "/endpoints/support")
        album.take("history", "/endpoints/chat/history")
        (latest, *_) = _asked(address, "/admin/v1/endpoints/support/audit?limit=1")["entries"]
        album.take("decision", f"/endpoints/support/decisions/{latest['id']}")
        browser.close()
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
