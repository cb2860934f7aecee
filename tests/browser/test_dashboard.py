"""The dashboard in a real browser: live, usable by keyboard, readable by everybody, harmless whatever it shows."""

from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from loadtest.rig.processes import Gateway
from tests.browser.looking import PHONE, findings, opened

pytestmark = [
    pytest.mark.processes,
    # greenlet and the driver's pipes are closed by their own finalisers, after the test that is blamed for it
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

NASTY: Final = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
"""What an operator's reason may hold, by accident or not."""


def is_live(page: Page) -> None:
    """The page is connected."""
    expect(page.locator("#connection")).to_contain_text("live")


def test_a_rollout_is_shown_live_from_start_to_rollback(
    browser: Browser, gateway: Gateway, chat: str, tmp_path: Path
) -> None:
    """Idle, then a canary with its weight and reason, then rolled back, without a reload or a console error."""
    with opened(browser, gateway, f"/endpoints/{chat}") as (page, wrong):
        is_live(page)
        now = page.locator("#now")
        expect(now).to_contain_text("Everything is on lumen-1")
        gateway.command(chat, "rollouts", {"candidate": "lumen-2", "reason": "try it"})
        page.reload()  # an idle page has no charts
        expect(now.locator(".pill")).to_contain_text("canary")
        expect(now).to_contain_text("lumen-2")
        expect(now.locator(".track .now")).to_contain_text("50 %")
        expect(page.locator("#chart-exposure canvas")).to_be_visible()
        gateway.command(chat, "rollback", {"reason": "support tickets"})
        expect(now.locator(".pill")).to_contain_text("rolled back")
        expect(now.locator(".reason")).to_contain_text("support tickets")
        expect(page.locator("#announce")).to_contain_text("rolled back")
        expect(page.get_by_role("button", name="Try again")).to_be_visible()
        expect(page.get_by_role("button", name="Roll back")).to_have_count(0)
        page.screenshot(path=tmp_path / "dashboard.png", full_page=True)
        assert wrong == []


def test_the_list_of_endpoints_is_live(browser: Browser, gateway: Gateway, chat: str) -> None:
    """A rollout that begins and ends elsewhere is seen without a reload, and leads to its page."""
    with opened(browser, gateway) as (page, wrong):
        card = page.locator("article").filter(has=page.get_by_role("link", name=chat, exact=True))
        expect(card).to_contain_text("idle")
        gateway.command(chat, "rollouts", {"candidate": "lumen-2"})
        expect(card.locator(".pill")).to_contain_text("canary")
        page.get_by_role("link", name=chat, exact=True).click()
        expect(page.get_by_role("heading", name=chat, exact=True)).to_be_visible()
        assert wrong == []


def test_markup_in_a_reason_is_shown_as_text(browser: Browser, gateway: Gateway, chat: str) -> None:
    """Nothing that anybody types runs in the browser of the one who reads it."""
    gateway.command(chat, "rollouts", {"candidate": "lumen-2", "reason": NASTY})
    gateway.command(chat, "rollback", {"reason": NASTY})
    for path in ("/", f"/endpoints/{chat}", f"/endpoints/{chat}/history"):
        with opened(browser, gateway, path) as (page, wrong):
            is_live(page)
            expect(page.locator("main")).to_contain_text("<script>document.title")
            assert "owned" not in page.title()
            assert page.locator("main img, main script").count() == 0
            assert wrong == []


def test_the_page_follows_a_gateway_that_restarts(browser: Browser, gateway: Gateway) -> None:
    """It says that it lost the connection, and is live again by itself."""
    with opened(browser, gateway) as (page, _):
        is_live(page)
        gateway.processes.stop("gateway")
        expect(page.locator("#connection")).to_contain_text("trying again", timeout=15_000)
        gateway.start()
        gateway.wait_ready()
        expect(page.locator("#connection")).to_have_attribute("data-state", "live", timeout=20_000)


def test_with_a_dead_event_stream_it_looks_by_itself_and_says_so(browser: Browser, gateway: Gateway, chat: str) -> None:
    """A proxy that swallows event streams costs seconds, not the truth."""
    with opened(browser, gateway, "/sign-in") as (page, _):
        page.route("**/admin/v1/events", lambda route: route.abort())
        page.goto(f"http://127.0.0.1:{gateway.admin_port}/")
        expect(page.locator("#connection")).to_contain_text("event stream lost", timeout=15_000)
        card = page.locator("article").filter(has=page.get_by_role("link", name=chat, exact=True))
        gateway.command(chat, "rollouts", {"candidate": "lumen-2"})
        expect(card.locator(".pill")).to_contain_text("canary", timeout=15_000)


def test_a_rollback_takes_one_confirmation_and_no_mouse(browser: Browser, gateway: Gateway, chat: str) -> None:
    """Tab to the button, Enter, type why, Enter: all traffic is on stable, and the page says how durable that is."""
    gateway.command(chat, "rollouts", {"candidate": "lumen-2"})
    with opened(browser, gateway, f"/endpoints/{chat}") as (page, wrong):
        is_live(page)
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.dataset.dialog") == "do-rollback":
                break
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.type("tickets")
        page.keyboard.press("Enter")
        expect(page.locator("#said")).to_contain_text("Rolled back: durable")
        expect(page.locator("#now .pill")).to_contain_text("rolled back")
        assert wrong == []
    assert gateway.rollout(chat)["reason"] == "tickets"


def test_a_promotion_wants_the_endpoints_name(browser: Browser, gateway: Gateway, chat: str) -> None:
    """A wrong name promotes nothing and says what is wanted; the right one does, with the reason in the audit."""
    gateway.command(chat, "rollouts", {"candidate": "lumen-2"})
    with opened(browser, gateway, f"/endpoints/{chat}") as (page, wrong):
        is_live(page)
        page.get_by_role("button", name="Promote now").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Reason").fill("the sales demo is at ten")
        dialog.get_by_label("to confirm").fill("chat")
        dialog.get_by_role("button", name=f"Promote {chat} now").click()
        expect(dialog.get_by_role("alert")).to_contain_text(f"Type {chat} to confirm")
        assert gateway.rollout(chat)["phase"] == "canary"
        dialog.get_by_label("to confirm").fill(chat)
        dialog.get_by_role("button", name=f"Promote {chat} now").click()
        expect(page.locator("#now .pill")).to_contain_text("promoted")
        assert wrong == []


def test_a_refused_command_says_why_where_it_was_given(browser: Browser, gateway: Gateway, chat: str) -> None:
    """What somebody else did meanwhile is an answer, not a silent nothing."""
    gateway.command(chat, "rollouts", {"candidate": "lumen-2"})
    with opened(browser, gateway, f"/endpoints/{chat}") as (page, _):
        page.get_by_role("button", name="Widen by one stage").click()
        gateway.command(chat, "rollback", {"reason": "first"})
        page.get_by_role("button", name=f"Widen {chat} by one stage").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).not_to_be_empty()
        expect(page.get_by_role("dialog")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_left_out(browser: Browser, gateway: Gateway, chat: str, scheme: str) -> None:
    """axe-core finds nothing serious on any page, in either scheme, nor in an open dialog."""
    gateway.command(chat, "rollouts", {"candidate": "lumen-2", "reason": "try it"})
    gateway.command(chat, "promote", {"step": True, "reason": "further"})
    (latest, *_) = gateway.http.get(f"/admin/v1/endpoints/{chat}/audit").json()["entries"]
    for path in (
        "/",
        f"/endpoints/{chat}",
        f"/endpoints/{chat}/history",
        f"/endpoints/{chat}/decisions/{latest['id']}",
        "/sign-in",
        "/endpoints/nowhere",
    ):
        with opened(browser, gateway, path, color_scheme=scheme) as (page, _):
            page.wait_for_load_state("load")
            assert findings(page) == [], path
    with opened(browser, gateway, f"/endpoints/{chat}", color_scheme=scheme) as (page, _):
        is_live(page)
        page.get_by_role("button", name="Promote now").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert findings(page) == []


def test_a_phone_shows_everything_without_scrolling_sideways(browser: Browser, gateway: Gateway, chat: str) -> None:
    """At 360 pixels nothing is wider than the screen, and the button that matters is large enough to hit."""
    gateway.command(chat, "rollouts", {"candidate": "lumen-2", "reason": "try it " * 20})
    for path in ("/", f"/endpoints/{chat}", f"/endpoints/{chat}/history"):
        with opened(browser, gateway, path, viewport=PHONE, has_touch=True) as (page, wrong):
            is_live(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
            assert wrong == []
    with opened(browser, gateway, f"/endpoints/{chat}", viewport=PHONE, has_touch=True) as (page, _):
        box = page.get_by_role("button", name="Roll back").bounding_box()
        assert box is not None
        assert box["height"] >= 40
