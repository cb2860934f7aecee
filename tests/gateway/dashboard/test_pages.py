"""The pages over real sockets: whole without the script, for each role what it may do, and safe to look at."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
import httpx
import pytest

from gateway.keys import SECRET_VARIABLE, stored_hash
from gateway.roles import Role
from tests.gateway.control.gateways import Gateway, own_redis, running

pytestmark = pytest.mark.anyio

SECRET: Final = "a secret of these tests"
KEYS: Final = "keys:\n" + "".join(
    f"  - {{name: {role}, role: {role}, hash: '{stored_hash(SECRET, f'token-{role}')}'}}\n" for role in Role
)
ONLY_MAIL: Final = f"  - {{name: m, role: viewer, endpoints: [mail], hash: '{stored_hash(SECRET, 'token-mail')}'}}\n"
PAGES: Final = ("/", "/endpoints/chat", "/endpoints/chat/history")
NASTY: Final = "<script>alert(1)</script><img src=x onerror=alert(2)>'\""


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    """A control process without keys."""
    async with own_redis() as redis, running(tmp_path, redis) as found:
        yield found


@pytest.fixture
async def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    """A control process with a key for each role; its client is an admin."""
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    async with own_redis() as redis, running(tmp_path, redis, more=KEYS + ONLY_MAIL, key="token-admin") as found:
        yield found


@asynccontextmanager
async def signed_in(gateway: Gateway, token: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser with a session."""
    async with httpx.AsyncClient(base_url=gateway.address) as browser:
        answer = await browser.post("/sign-in", data={"key": token, "to": "/endpoints/chat"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/endpoints/chat")
        yield browser


async def test_a_page_is_whole_without_the_script(gateway: Gateway) -> None:
    """Arms, phase, reason, stages and decisions are in the page's own text."""
    await gateway.start(reason="try it")
    page = (await gateway.http.get("/endpoints/chat")).text
    for words in ("shadowing", "old", "new", "● now", "try it", "target share", "anybody"):
        assert words in page
    listed = (await gateway.http.get("/")).text
    assert 'href="/endpoints/chat"' in listed
    assert "Everything is on old" in listed


async def test_a_page_says_what_comes_next_and_what_it_waits_for(gateway: Gateway) -> None:
    """The same as the endpoint's document says; without any vote the next stage is not in sight."""
    await gateway.start()
    page = ""
    with anyio.fail_after(15):
        while "next: " not in page:
            page = (await gateway.http.get("/endpoints/chat")).text
    coming = (await gateway.http.get("/admin/v1/endpoints/chat")).json()["rollout"]["next"]
    assert (coming["stage"], coming["weight_bps"], coming["seconds"]) == (1, 1000, None)
    assert f"<dt>next: 10 %</dt><dd>not in sight (waits for {coming['waits_for']})</dd>" in page
    await gateway.post("rollback", {})
    assert "next: " not in (await gateway.http.get("/endpoints/chat")).text


async def test_everything_comes_from_here(gateway: Gateway) -> None:
    """The policy allows nothing else, no page names another host, and every file that a page names is there."""
    await gateway.start()
    for path in PAGES:
        answer = await gateway.http.get(path)
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")
        assert "://" not in answer.text
        assert "style=" not in answer.text
        for named in re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.text):
            found = await gateway.http.get(named)
            assert (found.status_code, "immutable" in found.headers["cache-control"]) == (200, True), named
    assert (await gateway.http.get("/static/dashboard.css")).headers["cache-control"] == "no-cache"
    assert (await gateway.http.get("/static/dashboard.css?v=older")).headers["cache-control"] == "no-cache"


async def test_what_anybody_typed_is_shown_as_text(gateway: Gateway) -> None:
    """A reason with markup is text on every page that shows it."""
    await gateway.start(reason=NASTY)
    await gateway.post("rollback", {"reason": NASTY})
    for path in PAGES:
        page = (await gateway.http.get(path)).text
        assert "<script>alert" not in page, path
        assert "<img" not in page, path
        assert "&lt;script&gt;alert(1)" in page, path


async def test_a_visitor_without_a_session_is_asked_to_sign_in_and_comes_back(guarded: Gateway) -> None:
    """Every page leads to the form, which leads back to it."""
    async with httpx.AsyncClient(base_url=guarded.address) as visitor:
        for path in PAGES:
            answer = await visitor.get(path)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/sign-in?to="), path
        form = await visitor.get((await visitor.get("/endpoints/chat/history")).headers["location"])
        assert 'value="/endpoints/chat/history"' in form.text


async def test_a_wrong_or_an_applications_key_does_not_sign_in(guarded: Gateway) -> None:
    """401 with a sentence, and no cookie."""
    async with httpx.AsyncClient(base_url=guarded.address) as visitor:
        for token in ("wrong", "token-app", ""):
            answer = await visitor.post("/sign-in", data={"key": token})
            assert (answer.status_code, "set-cookie" in answer.headers) == (401, False), token
            assert "needs the role viewer" in answer.text


async def test_scripts_cannot_read_a_session_nor_other_sites_use_it(guarded: Gateway) -> None:
    """The cookie's attributes, and a command that another origin sends along with it."""
    async with httpx.AsyncClient(base_url=guarded.address) as visitor:
        answer = await visitor.post("/sign-in", data={"key": "token-operator"}, headers={"x-forwarded-proto": "https"})
        cookie = answer.headers["set-cookie"].lower()
        assert all(word in cookie for word in ("httponly", "samesite=lax", "secure", "path=/", "max-age="))
    async with signed_in(guarded, "token-operator") as browser:
        forged = await browser.post("/admin/v1/endpoints/chat/rollback", headers={"origin": "https://evil.example"})
        assert forged.status_code == 403


@pytest.mark.parametrize(
    ("role", "shown", "hidden"),
    [
        (Role.VIEWER, (), ("do-rollback", "do-pause", "do-freeze", "do-step", "do-promote")),
        (Role.OPERATOR, ("do-rollback", "do-pause", "do-freeze"), ("do-step", "do-promote")),
        (Role.DEPLOYER, ("do-rollback", "do-pause", "do-freeze", "do-step", "do-promote"), ()),
    ],
)
async def test_a_role_sees_the_buttons_that_it_may_press(
    guarded: Gateway, role: Role, shown: tuple[str, ...], hidden: tuple[str, ...]
) -> None:
    """And the API refuses the others, whatever a page shows."""
    await guarded.start()
    async with signed_in(guarded, f"token-{role}") as browser:
        page = (await browser.get("/endpoints/chat")).text
        assert [name for name in (*shown, *hidden) if f'data-dialog="{name}"' in page] == list(shown)
        assert [name for name in (*shown, *hidden) if f'<dialog id="{name}"' in page] == list(shown)
        promoted = await browser.post("/admin/v1/endpoints/chat/promote", json={"step": True})
        assert promoted.status_code == (200 if role is Role.DEPLOYER else 403)


async def test_a_freeze_is_shown_with_who_and_why_and_can_be_ended(gateway: Gateway) -> None:
    """On the endpoint's page and in the list; the button is then the one that ends it."""
    await gateway.post("freeze", {"reason": "the fair", "for": "4h"})
    assert "frozen by anybody (the fair)" in (await gateway.http.get("/")).text
    page = (await gateway.http.get("/endpoints/chat")).text
    assert "frozen by anybody (the fair)" in page
    assert ('data-dialog="do-unfreeze"' in page, 'data-dialog="do-freeze"' in page) == (True, False)


async def test_after_a_rollback_the_way_back_is_another_try(gateway: Gateway) -> None:
    """Nothing is left to roll back or to widen."""
    await gateway.start()
    await gateway.post("rollback", {"reason": "tickets"})
    page = (await gateway.http.get("/endpoints/chat")).text
    assert [name for name in ("rollback", "pause", "step", "retry") if f'data-dialog="do-{name}"' in page] == ["retry"]


async def test_a_key_for_one_endpoint_sees_no_other(guarded: Gateway) -> None:
    """Neither listed nor by its address."""
    async with signed_in(guarded, "token-mail") as browser:
        assert "/endpoints/chat" not in (await browser.get("/")).text
        assert (await browser.get("/endpoints/chat")).status_code == 403
        assert (await browser.get("/endpoints/chat/charts")).status_code == 403


async def test_signing_out_ends_the_session(guarded: Gateway) -> None:
    """The cookie is gone, and the pages ask again."""
    async with signed_in(guarded, "token-viewer") as browser:
        assert (await browser.get("/")).status_code == 200
        await browser.post("/sign-out")
        assert (await browser.get("/")).status_code == 303


async def test_charts_have_the_whole_rollout_after_a_restart(tmp_path: Path) -> None:
    """Without this process's memory the audit tells what exposure was when."""
    async with own_redis() as redis:
        async with running(tmp_path, redis) as first:
            await first.start()
            await first.post("promote", {"step": True})
        async with running(tmp_path, redis) as again:
            numbers = (await again.http.get("/endpoints/chat/charts")).json()
    assert numbers["rollout"].startswith("chat-")
    assert numbers["target"][:2] == [0.0, 10.0]
    assert numbers["at"] == sorted(numbers["at"])


async def test_a_decision_has_a_page_of_its_own(gateway: Gateway) -> None:
    """By its id in the audit; an unknown one is a page that says where the ids are."""
    await gateway.start(reason="try it")
    (entry,) = (await gateway.http.get("/admin/v1/endpoints/chat/audit")).json()["entries"]
    page = await gateway.http.get(f"/endpoints/chat/decisions/{entry['id']}")
    assert page.status_code == 200
    assert "try it" in page.text
    missing = await gateway.http.get("/endpoints/chat/decisions/1-1")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "driftgate history chat" in missing.text


async def test_pages_answer_with_redis_gone_and_say_so(gateway: Gateway) -> None:
    """The last known state, the alarm, and the way to roll back; the history cannot be shown and says why."""
    await gateway.start(reason="try it")
    await gateway.until(lambda: gateway.worker.weight == 0)
    gateway.redis.stop()
    page = ""
    with anyio.fail_after(15):
        while "Redis is lost" not in page:
            page = (await gateway.http.get("/endpoints/chat")).text
    assert "shadowing" in page
    assert "The audit cannot be read now" in page
    history = await gateway.http.get("/endpoints/chat/history")
    assert (history.status_code, "store unavailable" in history.text) == (503, True)


async def test_an_earlier_rollout_has_its_page_with_charts_and_without_buttons(gateway: Gateway) -> None:
    """From the history; the latest one is the endpoint's own page; an unknown one says where the ids are."""
    await gateway.start(reason="the first")
    first = (await gateway.http.get("/admin/v1/endpoints/chat")).json()["rollout"]["id"]
    await gateway.post("rollback", {"reason": "tickets"})
    await gateway.post("retry", {"reason": "mended"}, 201)
    assert f'href="/endpoints/chat/rollouts/{first}"' in (await gateway.http.get("/endpoints/chat/history")).text
    page = (await gateway.http.get(f"/endpoints/chat/rollouts/{first}")).text
    assert ("tickets" in page, "An earlier rollout" in page, "data-dialog" in page) == (True, True, False)
    numbers = (await gateway.http.get("/endpoints/chat/charts", params={"rollout": first})).json()
    assert (numbers["rollout"], len(numbers["at"])) == (first, 2)
    latest = (await gateway.http.get("/admin/v1/endpoints/chat")).json()["rollout"]["id"]
    assert (await gateway.http.get(f"/endpoints/chat/rollouts/{latest}")).status_code == 303
    assert (await gateway.http.get("/endpoints/chat/rollouts/chat-x")).status_code == 404
