"""Who may call what: every route, every role, default deny, and no help for other web pages."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.access import ANYBODY, NEEDS, Forbidden, Unauthenticated, permitted, same_origin
from gateway.control.admin import ROUTES
from gateway.keys import SECRET_VARIABLE, Caller, stored_hash
from gateway.roles import Role
from tests.gateway.control.gateways import Gateway, own_redis, running

pytestmark = pytest.mark.anyio

SECRET: Final = "a secret of these tests"
MORE: Final = "keys:\n" + "".join(
    f"  - {{name: {role}, role: {role}, hash: '{stored_hash(SECRET, f'token-{role}')}'}}\n" for role in Role
)
ONLY_MAIL: Final = f"  - {{name: mail, role: admin, endpoints: [mail], hash: '{stored_hash(SECRET, 'token-mail')}'}}\n"

# the least role that each route is for; None: anybody at all
NEEDED: Final = {
    ("GET", "/admin/v1/endpoints"): Role.VIEWER,
    ("GET", "/admin/v1/endpoints/chat"): Role.VIEWER,
    ("POST", "/admin/v1/endpoints/chat/rollouts"): Role.DEPLOYER,
    ("GET", "/admin/v1/rollouts/x"): Role.VIEWER,
    ("POST", "/admin/v1/endpoints/chat/pause"): Role.OPERATOR,
    ("POST", "/admin/v1/endpoints/chat/resume"): Role.DEPLOYER,
    ("POST", "/admin/v1/endpoints/chat/promote"): Role.DEPLOYER,
    ("POST", "/admin/v1/endpoints/chat/approve"): Role.DEPLOYER,
    ("POST", "/admin/v1/endpoints/chat/retry"): Role.DEPLOYER,
    ("POST", "/admin/v1/endpoints/chat/rollback"): Role.OPERATOR,
    ("POST", "/admin/v1/endpoints/chat/freeze"): Role.OPERATOR,
    ("POST", "/admin/v1/endpoints/chat/unfreeze"): Role.DEPLOYER,
    ("GET", "/admin/v1/endpoints/chat/audit"): Role.VIEWER,
    ("GET", "/admin/v1/endpoints/chat/review"): Role.OPERATOR,
    ("POST", "/admin/v1/endpoints/chat/review/x"): Role.OPERATOR,
    ("GET", "/metrics"): Role.VIEWER,
    ("GET", "/schema"): Role.VIEWER,
    ("GET", "/healthz"): None,
    ("GET", "/readyz"): None,
    ("GET", "/sign-in"): None,
    ("GET", "/endpoints/chat/charts"): Role.VIEWER,
}
RANK: Final = [Role.VIEWER, Role.OPERATOR, Role.DEPLOYER, Role.ADMIN]


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that the keys are checked with."""
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)


@pytest.fixture
async def gateway(tmp_path: Path, secret: None) -> AsyncIterator[Gateway]:
    """A control process with a key for each role."""
    async with own_redis() as redis, running(tmp_path, redis, more=MORE + ONLY_MAIL, key="token-viewer") as found:
        yield found


async def test_every_route_for_every_role(gateway: Gateway) -> None:
    """A role gets through exactly where it, or a lesser one, is enough; without a right key nobody does."""
    async with httpx.AsyncClient(base_url=gateway.address) as http:
        for (method, path), needed in NEEDED.items():
            for role in (None, "wrong", *Role):
                headers = {"authorization": f"Bearer token-{role}"} if role is not None else {}
                status = (await http.request(method, path, headers=headers)).status_code
                if needed is None:
                    assert status == 200, (path, role)
                elif not isinstance(role, Role):
                    assert status == 401, (path, role)
                elif role is Role.APP or RANK.index(role) < RANK.index(needed):
                    assert status == 403, (path, role)
                else:
                    assert status not in (401, 403), (path, role)


async def test_a_wrong_key_is_told_from_none(gateway: Gateway) -> None:
    """Who sent one must not be told to send one."""
    async with httpx.AsyncClient(base_url=gateway.address) as http:
        for headers, title in (({}, "key needed"), ({"authorization": "Bearer nobodys"}, "wrong key")):
            answer = await http.get("/admin/v1/endpoints", headers=headers)
            assert (answer.json()["title"], answer.headers["www-authenticate"]) == (title, "Bearer")


async def test_a_key_for_one_endpoint_reaches_no_other(gateway: Gateway) -> None:
    """Neither by name nor in lists."""
    headers = {"authorization": "Bearer token-mail"}
    listed = (await gateway.http.get("/admin/v1/endpoints", headers=headers)).json()["endpoints"]
    assert [endpoint["name"] for endpoint in listed] == ["mail"]
    refused = await gateway.http.post("/admin/v1/endpoints/chat/rollback", headers=headers)
    assert refused.status_code == 403


def test_every_route_says_who_it_is_for() -> None:
    """A route without a need would be closed; there is none, so that nobody finds out in production."""
    for route in ROUTES:
        need = route.opt.get(NEEDS)
        assert need == ANYBODY or need in set(Role), route


def test_a_route_without_a_need_is_closed_to_admins() -> None:
    """Default deny."""
    with pytest.raises(Forbidden):
        permitted(None, Caller("root", Role.ADMIN))
    with pytest.raises(Unauthenticated):
        permitted(Role.VIEWER.value, None)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:8081", "origin": "https://evil.example"},
        {"host": "127.0.0.1:8081", "origin": "null"},
        {"host": "127.0.0.1:8081", "sec-fetch-site": "cross-site"},
        {"host": "evil.example:8081"},
        {"host": "evil.example:8081", "origin": "http://evil.example:8081"},
        {"host": "127.0.0.1.evil.example"},
        {},
    ],
)
def test_another_page_cannot_command_an_open_gateway(headers: dict[str, str]) -> None:
    """Neither by a cross-site request nor by pointing its own name at loopback."""
    with pytest.raises(Forbidden):
        same_origin(headers, is_open=True)


def test_a_link_from_another_page_opens_a_page_and_nothing_more() -> None:
    """An alert's link leads to the dashboard; its site cannot call the API, nor point a name at an open gateway."""
    same_origin({"host": "127.0.0.1:8081", "sec-fetch-site": "cross-site"}, is_open=True, follows_link=True)
    with pytest.raises(Forbidden):
        same_origin({"host": "evil.example", "sec-fetch-site": "cross-site"}, is_open=True, follows_link=True)


@pytest.mark.parametrize("host", ["127.0.0.1:8081", "localhost:8081", "[::1]:8081", "127.8.0.1"])
def test_the_dashboard_itself_may(host: str) -> None:
    """Its own origin, by any loopback name."""
    same_origin({"host": host, "origin": f"http://{host}", "sec-fetch-site": "same-origin"}, is_open=True)


@given(st.text())
def test_no_strange_host_is_taken_for_loopback(host: str) -> None:
    """Whatever is sent as a host, only loopback names pass."""
    try:
        same_origin({"host": host}, is_open=True)
    except Forbidden:
        return
    assert host.startswith(("127.", "localhost", "[::1]", "[::ffff:127.", "[0"))
