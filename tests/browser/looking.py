"""A page that is looked at, and everything that went wrong in it meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page

from loadtest.rig.processes import Gateway

AXE: Final = Path(__file__).parent / "axe" / "axe.min.js"
DESKTOP: Final = {"width": 1280, "height": 900}
PHONE: Final = {"width": 360, "height": 740}


@contextmanager
def opened(
    browser: Browser,
    gateway: Gateway,
    path: str = "/",
    **options: Any,  # Any: Playwright's own options
) -> Iterator[tuple[Page, list[str]]]:
    """A page of a gateway, and what went wrong in it: console errors, and requests to anywhere else."""
    wrong: list[str] = []
    origin = f"http://127.0.0.1:{gateway.admin_port}"
    context = browser.new_context(**{"viewport": DESKTOP, **options})
    page = context.new_page()
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda sent: None if sent.url.startswith(origin) else wrong.append(sent.url))
    page.goto(origin + path)
    yield page, wrong
    context.close()


def findings(page: Page) -> list[str]:
    """What axe-core finds serious or critical, with the places."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:120] for node in each['nodes'][:3]]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]
