"""Pictures of every page of the dashboard, taken of the running demo: `make pictures` writes them to docs/images.

Each page is taken on a desktop in the light scheme and the dark one, and on a phone. The command also says how long
each page took to its first contentful paint, and fails where a page says anything on its console or asks for anything
that is not the gateway's own. It needs Debian's Chromium.
"""

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

from loadtest.demo.running import asked, demo, until

IMAGES: Final = Path(__file__).resolve().parents[2] / "docs" / "images"
OPTIONS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
SHOTS: Final[dict[str, dict[str, Any]]] = {  # Any: Playwright's own options
    "desktop": {"viewport": {"width": 1200, "height": 800}},
    "dark": {"viewport": {"width": 1200, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True},
}
TALLEST: Final = {"desktop": 2600, "dark": 2600, "phone": 2000}
"""A picture shows the beginning of a page; nobody looks at a strip of ten thousand pixels."""
QUALITY: Final = 82
LIVE: Final = "#connection[data-state=live]"
FIRST_PAINT: Final = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


@dataclass(slots=True)
class Album:
    """Where the pictures go, and what was wrong with the pages."""

    address: str
    directory: Path
    browser: Browser
    wrong: list[str]

    def take(self, name: str, path: str, ready: str = LIVE) -> None:
        """One page in all its looks, once what `ready` selects is there."""
        for look, options in SHOTS.items():
            context = self.browser.new_context(**options)
            page = context.new_page()
            page.on(
                "console", lambda said: self.wrong.append(f"console: {said.text}") if said.type == "error" else None
            )
            page.on("request", lambda sent: self._check_origin(sent.url))
            page.goto(self.address + path)
            page.wait_for_selector(ready, timeout=15_000)
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
        until(address, "chat", "canary", "baking", "promoted", weight_bps=2500)
        album.take("canary", "/endpoints/chat")
        album.take("endpoints", "/")
        until(address, "support", "rolled_back")
        album.take("rolledback", "/endpoints/support")
        album.take("history", "/endpoints/chat/history")
        (latest, *_) = asked(address, "/admin/v1/endpoints/support/audit?limit=1")["entries"]
        album.take("decision", f"/endpoints/support/decisions/{latest['id']}")
        album.take("review", "/endpoints/support/review")
        album.take("signin", "/sign-in", "#key")
        browser.close()
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
