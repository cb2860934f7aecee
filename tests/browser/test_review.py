"""Side-by-side answers in a real browser: one key for each label, blind until it is given."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import anyio
import pytest
from playwright.sync_api import Browser, expect

from gateway.supervisor.places import holder_of
from gateway.valkey import address_of
from loadtest.rig.processes import Gateway
from routing.connecting import connect
from shadow.review import KeptAnswer, KeptPair, Review
from shadow.review_store import ReviewStore
from tests.browser.looking import PHONE, findings, opened

pytestmark = [
    pytest.mark.processes,
    # greenlet and the driver's pipes are closed by their own finalisers, after the test that is blamed for it
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

REVIEW: Final = Review(share=1.0, keep_seconds=600.0, most=100)
NASTY: Final = "<script>document.title='owned'</script> I cannot."


def kept(gateway: Gateway, endpoint: str, count: int) -> None:
    """Let pairs of the running rollout wait for a label, as the shadow worker does; the candidate refuses."""
    rollout = gateway.rollout(endpoint)
    holder = holder_of(gateway.processes.place / "state")
    assert holder is not None
    assert holder.run_dir is not None
    address = address_of(holder.run_dir)
    pairs = [
        KeptPair(
            f"{number:016x}",
            rollout["id"],
            rollout["epoch"],
            1_000.0,
            number / 100,
            f"Where is it, number {number}?",
            KeptAnswer("In Paris.", "answer", refused=False),
            KeptAnswer(NASTY, "unwilling", refused=True),
        )
        for number in range(1, count + 1)
    ]

    async def keep() -> None:
        link = connect(address, timeout_seconds=5.0)
        for pair in pairs:
            await ReviewStore(link, "dg").keep(endpoint, pair, REVIEW)
        await link.aclose()

    with ThreadPoolExecutor(1) as elsewhere:  # Playwright has a loop of its own in this thread
        elsewhere.submit(anyio.run, keep).result()


def test_a_key_labels_a_pair_and_shows_the_next(browser: Browser, gateway: Gateway, chat: str) -> None:
    """Blind before, told afterwards; what was said can be said again; the words of users stay text."""
    gateway.command(chat, "rollouts", {"candidate": "lumen-2"})
    kept(gateway, chat, 2)
    with opened(browser, gateway, f"/endpoints/{chat}/review") as (page, wrong):
        pair = page.locator("[data-pair]")
        expect(pair).to_contain_text("number 1?")
        expect(pair).to_contain_text("<script>")
        expect(pair).not_to_contain_text(re.compile("stable|candidate"))
        expect(page.locator("#connection")).to_contain_text("live")
        page.keyboard.press("1")
        expect(page.locator("#said")).to_contain_text("The first was candidate")
        expect(pair).to_contain_text("number 2?")
        page.keyboard.press("z")
        expect(pair).to_contain_text("number 1?")
        page.keyboard.press("0")
        expect(page.locator("#said")).to_contain_text("Refuses: neither")
        expect(pair).to_contain_text("number 2?")
        page.get_by_role("button", name="The second").click()
        expect(page.locator("#review")).to_contain_text("Nothing waits for a label")
        assert "owned" not in page.title()
        assert wrong == []
    labelled = gateway.http.get(f"/admin/v1/endpoints/{chat}/review").json()
    assert (labelled["labelled"], labelled["waiting"]) == (2, 0)


def test_what_was_gained_is_read_openly_on_a_phone_by_everybody(browser: Browser, gateway: Gateway, chat: str) -> None:
    """Whose answer is whose, nothing to press, nothing wider than the screen, nothing serious for axe-core."""
    gateway.command(chat, "rollouts", {"candidate": "lumen-2"})
    kept(gateway, chat, 1)
    with opened(browser, gateway, f"/endpoints/{chat}/review?show=gained", viewport=PHONE) as (page, _):
        expect(page.locator(".pair")).to_contain_text("candidate")
        assert page.locator("[data-refused]").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert findings(page) == []
    with opened(browser, gateway, f"/endpoints/{chat}/review") as (page, _):
        expect(page.locator("[data-pair]")).to_be_visible()
        assert findings(page) == []
