"""Every route of the data plane, for every role: generated from the table of routes, so that a new one is asked too."""

import httpx
import pytest

from gateway.data.api import ROUTES
from gateway.keys import stored_hash
from gateway.roles import Role
from tests.gateway.data.harness import SECRET, DataPlane, data_plane
from tests.gateway.model_server import answers, completion, model_server, whole

pytestmark = pytest.mark.anyio

KEYS = "passthrough: {/v1/files/*: chat}\nkeys:\n" + "".join(
    f'  - {{name: a-{role}, role: {role}, hash: "{stored_hash(SECRET, f"token-{role}")}"}}\n' for role in Role
)
ASKED = [("POST", path) for path in ROUTES] + [("GET", "/v1/files/f-1"), ("POST", "/v1/files/new")]
SERVED = (Role.APP, Role.ADMIN)


async def _status(plane: DataPlane, method: str, path: str, token: str | None) -> int:
    headers = {"authorization": f"Bearer {token}"} if token is not None else {}
    body = {"model": "chat", "messages": [{"role": "user", "content": "hi"}], "input": "hi"}
    async with httpx.AsyncClient(base_url=plane.url, trust_env=False, timeout=20, headers=headers) as client:
        return (await client.request(method, path, json=body if method == "POST" else None)).status_code


async def test_every_route_asks_for_a_key_of_its_plane() -> None:
    """No key and a wrong one are 401 everywhere; the admin plane's roles find no model; others are served."""
    async with model_server(answers(whole(completion("x")))) as server, data_plane(server.base_url, more=KEYS) as plane:
        for method, path in ASKED:
            assert await _status(plane, method, path, None) == 401, path
            assert await _status(plane, method, path, "token-of-nobody") == 401, path
            for role in Role:
                asked_before = len(server.asked)
                status = await _status(plane, method, path, f"token-{role}")
                assert status == (200 if role in SERVED else 404), (path, role)
                assert len(server.asked) - asked_before == (role in SERVED), (path, role)


async def test_only_health_is_told_to_strangers() -> None:
    """Whatever else is asked for without a key says nothing: neither which models there are, nor which paths."""
    async with model_server(answers(whole(completion("x")))) as server, data_plane(server.base_url, more=KEYS) as plane:
        for path in ("/healthz", "/readyz"):
            assert await _status(plane, "GET", path, None) == 200, path
        assert await _status(plane, "GET", "/v1/models", None) == 401
        for path in ("/", "/v1", "/v1/nothing", "/admin/v1/endpoints", "/metrics", "/schema"):
            assert await _status(plane, "GET", path, None) in (401, 404), path
        assert server.asked == []
