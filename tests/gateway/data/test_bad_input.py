"""Whatever comes in, the answer is an error in the API's shape, and nothing else is disturbed."""

import asyncio
import json
from contextlib import suppress

import anyio
import httpx
import pytest

from gateway.data.protocol import ConnectionLimits
from gateway.keys import stored_hash
from tests.gateway.data.harness import SECRET, DataPlane, data_plane
from tests.gateway.model_server import model_server, says

pytestmark = pytest.mark.anyio

ASK = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}
KEYS = f"""
keys:
  - {{name: shop, role: app, tenant: shop, endpoints: [chat], hash: "{stored_hash(SECRET, "k-shop")}"}}
  - {{name: lab, role: app, pin: true, hash: "{stored_hash(SECRET, "k-lab")}"}}
  - {{name: board, role: viewer, hash: "{stored_hash(SECRET, "k-board")}"}}
"""


async def post(plane: DataPlane, content: bytes, path: str = "/v1/chat/completions", **headers: str) -> httpx.Response:
    """A request with these very bytes."""
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        return await client.post(plane.url + path, content=content, headers=headers)


@pytest.mark.parametrize(
    ("body", "status", "param", "code"),
    [
        (b"", 400, None, "invalid_json"),
        (b"{", 400, None, "invalid_json"),
        (b"[1]", 400, None, "invalid_type"),
        (b"\xff\xfe", 400, None, "invalid_json"),
        (b"{}", 400, "model", "missing_required_parameter"),
        (b'{"model": null}', 400, "model", "invalid_type"),
        (b'{"model": "chat", "model": "chat"}', 400, "model", "duplicate_parameter"),
        (b'{"model": "nope"}', 404, "model", "model_not_found"),
        (b'{"model": "\xf0\x9f\x98\x80"}', 404, "model", "model_not_found"),
        (b'{"model": "old"}', 404, "model", "model_not_found"),
        (b'{"model": "' + b"x" * 100_000 + b'"}', 404, "model", "model_not_found"),
        (b'{"model": "chat", "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", 400, None, "invalid_json"),
    ],
)
async def test_bad_bodies_are_refused_in_the_apis_words(body: bytes, status: int, param: str | None, code: str) -> None:
    """Nothing reaches a model server, and the error says which parameter and what about it."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        answer = await post(plane, body)
        error = answer.json()["error"]
        assert (answer.status_code, error["param"], error["code"]) == (status, param, code)
        assert error["message"]
        assert error["type"] == "invalid_request_error"
        assert len(answer.content) < 2_000
        assert server.asked == []


async def test_anthropics_routes_have_anthropics_errors() -> None:
    """The same refusal, worded as that API words it."""
    async with data_plane("http://127.0.0.1:1/v1") as plane:
        answer = await post(plane, b'{"model": "nope"}', "/v1/messages")
    assert (answer.status_code, answer.json()["type"]) == (404, "error")
    assert answer.json()["error"]["type"] == "not_found_error"


async def test_a_body_of_20_mb_is_refused_and_the_client_reads_why() -> None:
    """413 in the API's shape although the client is still sending; the next request is served as usual."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        body = b'{"model": "chat", "x": "' + b"y" * 20_000_000 + b'"}'
        answer = await post(plane, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")

        async def in_pieces() -> object:
            for start in range(0, len(body), 1_000_000):
                yield body[start : start + 1_000_000]

        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            answer = await client.post(f"{plane.url}/v1/chat/completions", content=in_pieces())  # type: ignore[arg-type]
        assert answer.status_code == 413
        assert server.asked == []
        assert (await plane.ask(ASK)).status_code == 200


async def test_a_body_in_pieces_below_the_limit_passes() -> None:
    """A chunked request body is joined and sent on with its length."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        body = json.dumps({"model": "chat", "messages": [], "x": "y" * 500_000}).encode()

        async def in_pieces() -> object:
            for start in range(0, len(body), 10_000):
                yield body[start : start + 10_000]

        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{plane.url}/v1/chat/completions", content=in_pieces())  # type: ignore[arg-type]
        assert answer.status_code == 200
        assert server.asked[0].body == body.replace(b'"chat"', b'"old"', 1)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("POST", "/v1/models", 405, "method_not_allowed"),
        ("POST", "/v1/files", 404, "unknown_url"),
        ("GET", "/", 404, "unknown_url"),
        ("GET", "/v1/models/nope", 404, "model_not_found"),
    ],
)
async def test_unknown_paths_and_methods_say_what_is_served(method: str, path: str, status: int, code: str) -> None:
    """A 404 or 405 with a hint, never an empty page."""
    async with data_plane("http://127.0.0.1:1/v1") as plane, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.request(method, plane.url + path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


CHUNKED = b"transfer-encoding: chunked\r\n"
ASKED = b'{"model": "chat"}'
"""Nothing is wrong with the body: what is let through reaches a model server."""
IN_CHUNKS = b"11\r\n" + ASKED + b"\r\n0\r\n\r\n"
SMUGGLING = {
    "both lengths": b"host: x\r\ncontent-length: 28\r\n" + CHUNKED + b"\r\n" + IN_CHUNKS,
    "two lengths": b"host: x\r\ncontent-length: 17\r\ncontent-length: 18\r\n\r\n" + ASKED,
    "two equal lengths": b"host: x\r\ncontent-length: 17\r\ncontent-length: 17\r\n\r\n" + ASKED,
    "list of lengths": b"host: x\r\ncontent-length: 17, 17\r\n\r\n" + ASKED,
    "signed length": b"host: x\r\ncontent-length: +17\r\n\r\n" + ASKED,
    "no host": b"content-length: 17\r\n\r\n" + ASKED,
    "two hosts": b"host: x\r\nhost: y\r\ncontent-length: 17\r\n\r\n" + ASKED,
    "bare line feed": b"host: x\ncontent-length: 17\n\n" + ASKED,
    "space before colon": b"host: x\r\ncontent-length : 17\r\n\r\n" + ASKED,
    "folded header": b"host: x\r\nx-a: b\r\n c\r\ncontent-length: 17\r\n\r\n" + ASKED,
    "unknown coding": b"host: x\r\ntransfer-encoding: xchunked\r\n\r\n" + ASKED,
    "chunked not last": b"host: x\r\ntransfer-encoding: chunked, gzip\r\n\r\n" + IN_CHUNKS,
    "bad chunk size": b"host: x\r\n" + CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n",
    "NUL in a header": b"host: x\r\nx-a: \x00\r\ncontent-length: 17\r\n\r\n" + ASKED,
    "no HTTP at all": None,
}


async def test_what_is_not_ambiguous_is_answered() -> None:
    """The bodies that the ambiguous requests have, in requests that are well: they are not refused for their bodies."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        for rest in (b"content-length: 17\r\n\r\n" + ASKED, CHUNKED + b"\r\n" + IN_CHUNKS):
            said = await plane.raw(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n" + rest)
            assert said.startswith(b"HTTP/1.1 200 "), said
        assert len(server.asked) == 2


@pytest.mark.parametrize("name", SMUGGLING)
async def test_ambiguous_requests_are_refused(name: str) -> None:
    """Where two servers could disagree about a request's end or host, the answer is 400 and the connection closes."""
    rest = SMUGGLING[name]
    data = b"\x16\x03\x01\x02\x00\r\n\r\n" if rest is None else b"POST /v1/chat/completions HTTP/1.1\r\n" + rest
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        answer = await plane.raw(data)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert set(json.loads(body[: body.rfind(b"}") + 1])["error"]) == {"message", "type", "param", "code"}
        assert server.asked == []


@pytest.mark.parametrize("hosts", [b"", b"host: x\r\nhost: y\r\n"])
async def test_small_routes_want_one_host_too(hosts: bytes) -> None:
    """A health check without a key is a request like any other to the servers before us."""
    async with data_plane("http://127.0.0.1:1/v1") as plane:
        answer = await plane.raw(b"GET /healthz HTTP/1.1\r\n" + hosts + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_pipelined_requests_are_answered_in_order() -> None:
    """Two requests in one packet, two answers."""
    body = json.dumps(ASK).encode()
    one = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        answer = await plane.raw(one + one)
        assert answer.count(b"HTTP/1.1 200 OK") == 2
        assert len(server.asked) == 2


async def test_an_old_client_gets_a_stream_it_can_read() -> None:
    """HTTP/1.0 knows no chunks: the bytes come plain, and the connection's end is the stream's."""
    body = json.dumps(ASK | {"stream": True}).encode()
    async with model_server(says("a b")) as server, data_plane(server.base_url) as plane:
        answer = await plane.raw(
            b"POST /v1/chat/completions HTTP/1.0\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )
    head, _, stream = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert stream.startswith(b"data: {")
    assert stream.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"], ids=["unfinished", "whole"])
async def test_long_heads_are_refused(end: bytes) -> None:
    """Headers above the limit, also of a head that comes whole: 431, and the connection closes."""
    async with data_plane("http://127.0.0.1:1/v1") as plane:
        flood = b"x: " + b"y" * (ConnectionLimits().head_bytes + 10)
        answer = await plane.raw(b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + flood + end)
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_a_head_that_just_fits_is_served() -> None:
    """A large body behind it does not count."""
    body = json.dumps(ASK | {"user": "u" * 200_000}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n" % len(body)
    room = b"x: " + b"y" * (ConnectionLimits().head_bytes - 200)
    async with model_server(says("a b")) as server, data_plane(server.base_url) as plane:
        answer = await plane.raw(head + room + b"\r\n\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_slow_heads_are_refused() -> None:
    """A head that does not end in time: 408. The connection is not kept for it."""
    limits = ConnectionLimits(head_seconds=0.1)
    async with data_plane("http://127.0.0.1:1/v1", limits=limits) as plane:
        answer = await plane.raw(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert plane.server.connections == 0


async def test_a_body_that_stops_coming_ends_the_connection() -> None:
    """Half a body and silence: the connection is cut, and nothing reached a model server."""
    limits = ConnectionLimits(body_progress_seconds=0.1)
    async with model_server(says("x")) as server, data_plane(server.base_url, limits=limits) as plane:
        reader, writer = await asyncio.open_connection("127.0.0.1", plane.port)
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{")
        with anyio.fail_after(10), suppress(ConnectionResetError):
            assert await reader.read(100) == b""
        writer.close()
        assert server.asked == []


async def test_keys_open_what_they_are_for() -> None:
    """No key and a wrong one are 401; a key of another plane, or without the endpoint, sees no model there."""
    async with model_server(says("x")) as server, data_plane(server.base_url, more=KEYS) as plane:
        for authorization, status in (
            ({}, 401),
            ({"authorization": "Bearer wrong"}, 401),
            ({"authorization": "Basic k-shop"}, 401),
            ({"authorization": "Bearer k-shop"}, 200),
            ({"x-api-key": "k-shop"}, 200),
            ({"authorization": "Bearer k-board"}, 404),
        ):
            answer = await post(plane, json.dumps(ASK).encode(), **authorization)
            assert answer.status_code == status
        assert (await post(plane, b"{}")).json()["error"]["code"] == "invalid_api_key"
        assert all(asked.header("authorization") == "Bearer sk-old" for asked in server.asked)
        async with httpx.AsyncClient(trust_env=False, base_url=plane.url) as client:
            assert (await client.get("/v1/models")).status_code == 401
            models = await client.get("/v1/models", headers={"authorization": "Bearer k-shop"})
            assert [model["id"] for model in models.json()["data"]] == ["chat"]


async def test_pins_need_the_right() -> None:
    """`x-driftgate-arm` is heard from keys that may pin, and pinned traffic is never evidence."""
    async with model_server(says("x")) as server, data_plane(server.base_url, more=KEYS) as plane:
        plane.expose(0)
        content = json.dumps(ASK).encode()
        pin = {"x-driftgate-arm": "candidate"}
        answer = await post(plane, content, **pin, authorization="Bearer k-shop")
        assert answer.headers["x-driftgate-arm"] == "stable"
        assert len(await plane.handed_over(1)) == 1
        answer = await post(plane, content, **pin, authorization="Bearer k-lab")
        assert answer.headers["x-driftgate-arm"] == "candidate"
        assert plane.counted("assigned.candidate") == 0
        assert plane.handover.sent == 1
        answer = await post(plane, content, **{"x-driftgate-arm": "both"}, authorization="Bearer k-lab")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_arm")


async def test_health_and_readiness_say_what_is_missing() -> None:
    """Alive from the start; ready once the control process has answered; draining is not ready."""
    async with (
        data_plane("http://127.0.0.1:1/v1") as plane,
        httpx.AsyncClient(trust_env=False, base_url=plane.url) as client,
    ):
        assert (await client.get("/healthz")).json() == {"status": "alive"}
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        plane.health.checks["redis"] = lambda: "gone fishing"
        degraded = await client.get("/readyz")
        assert (degraded.status_code, degraded.json()["status"]) == (200, "degraded")
        assert degraded.json()["why"] == {"redis": "gone fishing"}
        plane.health.control_answered = False
        assert (await client.get("/readyz")).status_code == 503
        plane.health.draining = True
        assert (await client.get("/readyz")).json() == {"status": "draining"}
