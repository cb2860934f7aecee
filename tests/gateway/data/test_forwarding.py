"""What passes through the data plane: everything but what must not."""

import json

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.data.harness import data_plane
from tests.gateway.model_server import (
    DONE,
    LAST_CHUNK,
    STREAM_HEAD,
    Asked,
    Line,
    answers,
    breaks_after,
    chunk,
    completion,
    event,
    hangs,
    hangs_after,
    model_server,
    says,
    whole,
)
from tests.gateway.packing import PACKS

pytestmark = pytest.mark.anyio

ASK = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """Both loops: the gateway runs on uvloop where there is one."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


async def test_the_body_passes_but_for_the_model() -> None:
    """Unknown fields, odd spacing and number spellings reach the server as they were written."""
    body = b'{ "model" : "chat",\n "top_p":1.00, "x_unknown":{"model":"chat"}, "messages":[] }'
    async with model_server(answers(whole(b"{}"))) as server, data_plane(server.base_url) as plane:
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.post(f"{plane.url}/v1/chat/completions?a=b", content=body)
        asked = server.asked[0]
    assert asked.body == body.replace(b'"model" : "chat"', b'"model" : "old"', 1)
    assert asked.path == "/v1/chat/completions?a=b"


async def test_end_to_end_headers_pass_and_the_others_do_not() -> None:
    """Credentials, cookies, hop-by-hop headers, those that Connection names, and forged ones of ours stop here."""
    async with model_server(answers(whole(b"{}"))) as server, data_plane(server.base_url) as plane:
        await plane.ask(
            ASK,
            authorization="Bearer mine",
            cookie="c=1",
            traceparent="00-abc-def-01",
            x_request_id="req-7",
            x_custom="kept",
            connection="keep-alive, x-hop",
            x_hop="gone",
            te="trailers",
            x_driftgate_shadow="1",
            x_driftgate_nonsense="1",
        )
        asked = server.asked[0]
    assert asked.header("authorization") == "Bearer sk-old"
    assert asked.header("traceparent") == "00-abc-def-01"
    assert asked.header("x-request-id") == "req-7"
    assert asked.header("x-custom") == "kept"
    assert asked.header("host") == f"127.0.0.1:{server.port}"
    assert (asked.header("te"), asked.header("connection")) == ("trailers", "te")  # our own words, for our connection
    names = {name for name, _ in asked.headers}
    assert not names & {"cookie", "x-hop", "x-driftgate-shadow", "x-driftgate-nonsense"}


async def test_an_underscore_is_no_way_around_a_dropped_header() -> None:
    """Servers that read `_` as `-` must not hear what was stopped; other names with underscores pass."""
    body = json.dumps(ASK).encode()
    async with model_server(answers(whole(b"{}"))) as server, data_plane(server.base_url) as plane:
        await plane.raw(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nX_API_KEY: evil\r\nx_driftgate_shadow: 1\r\n"
            b"my_own: ok\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )
        names = {name for name, _ in server.asked[0].headers}
    assert "my_own" in names
    assert not names & {"x_api_key", "x_driftgate_shadow"}


async def test_the_answer_passes_with_its_headers_and_ours() -> None:
    """Status, body and end-to-end headers are the server's; cookies and forged x-driftgate headers are not passed."""
    headers = (
        "content-type: application/json",
        "x-custom: a",
        "retry-after: 7",
        "set-cookie: c=1",
        "x-driftgate-arm: z",
    )
    async with (
        model_server(answers(whole(b'{"error":{"message":"slow down"}}', "429 Too Many Requests", headers))) as server,
        data_plane(server.base_url) as plane,
    ):
        answer = await plane.ask(ASK)
    assert (answer.status_code, answer.content) == (429, b'{"error":{"message":"slow down"}}')
    assert (answer.headers["x-custom"], answer.headers["retry-after"]) == ("a", "7")
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-driftgate-arm"] == "stable"
    assert answer.headers["x-driftgate-endpoint"] == "chat"
    assert answer.headers["x-request-id"] == answer.headers["x-driftgate-request-id"]
    assert "x-driftgate-rollout" not in answer.headers


async def test_a_streams_first_event_does_not_wait_for_the_second() -> None:
    """Each event is passed on when it comes, and its bytes are the server's."""
    go_on = anyio.Event()

    async def script(asked: Asked, line: Line) -> None:
        await line.send(STREAM_HEAD + chunk(event("one")))
        await go_on.wait()
        await line.send(chunk(event("two") + DONE) + LAST_CHUNK)

    async with (
        model_server(script) as server,
        data_plane(server.base_url) as plane,
        httpx.AsyncClient(trust_env=False) as client,
        client.stream("POST", f"{plane.url}/v1/chat/completions", json=ASK | {"stream": True}) as answer,
    ):
        pieces = answer.aiter_raw()
        assert await anext(pieces) == event("one")
        go_on.set()
        rest = b"".join([piece async for piece in pieces])
    assert rest == event("two") + DONE


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.binary(min_size=1, max_size=200), max_size=8), stream=st.booleans(), weight=st.booleans())
def test_any_bytes_come_out_identical(pieces: list[bytes], stream: bool, weight: bool) -> None:
    """Whatever a server says, in whatever pieces, from either arm, the client gets those bytes."""

    async def script(asked: Asked, line: Line) -> None:
        if stream:
            await line.send(STREAM_HEAD)
            for piece in pieces:
                await line.send(chunk(piece))
            await line.send(LAST_CHUNK)
        else:
            await line.send(whole(b"".join(pieces)))

    async def ask() -> bytes:
        async with model_server(script) as server, data_plane(server.base_url) as plane:
            plane.expose(10_000 if weight else 0)
            return (await plane.ask(ASK | {"stream": stream})).content

    assert anyio.run(ask) == b"".join(pieces)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/chat/completions", b'data: {"error":{"message":"The answer was cut off'),
        ("/v1/completions", b'data: {"error":{"message":"The answer was cut off'),
        ("/v1/responses", b'event: response.failed\ndata: {"type":"response.failed"'),
        ("/v1/messages", b'event: error\ndata: {"type":"error","error":{"type":"api_error"'),
    ],
)
async def test_a_stream_that_breaks_ends_in_an_error_event(path: str, shape: bytes) -> None:
    """The event has the API's own shape, the stream ends properly, and no [DONE] is invented."""
    async with (
        model_server(breaks_after(STREAM_HEAD + chunk(event("one")))) as server,
        data_plane(server.base_url) as plane,
    ):
        answer = await plane.ask(ASK | {"stream": True}, path=path)
    assert answer.content.startswith(event("one"))
    assert answer.content.removeprefix(event("one")).lstrip(b"\n").startswith(shape)
    assert b"[DONE]" not in answer.content


async def test_half_a_whole_answer_never_looks_whole() -> None:
    """A broken answer that is no stream ends the connection, so that the client's own parser finds it short."""
    half = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{"
    async with model_server(breaks_after(half)) as server, data_plane(server.base_url) as plane:
        with pytest.raises(httpx.RemoteProtocolError):
            await plane.ask(ASK)


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [(breaks_after(b""), 502, "upstream_error"), (hangs(), 504, "upstream_timeout")],
)
async def test_a_stable_that_fails_is_an_error_in_the_apis_shape(script: object, status: int, code: str) -> None:
    """502 where it broke, 504 where it was too slow, on every API in its own words."""
    async with (
        model_server(script) as server,  # type: ignore[arg-type] # parametrised
        data_plane(server.base_url, more="limits: {first_byte: 200ms}") as plane,
    ):
        answer = await plane.ask(ASK)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        answer = await plane.ask(ASK, path="/v1/messages")
        assert (answer.status_code, answer.json()["type"]) == (status, "error")


@pytest.mark.parametrize(
    "script", [hangs(), hangs_after(STREAM_HEAD + chunk(event("x")))], ids=["before", "mid-stream"]
)
async def test_a_client_that_leaves_takes_its_upstream_request_along(script: object) -> None:
    """A hundred clients leave before the first byte or in mid-stream: within a second the model server is idle."""
    async with model_server(script) as server, data_plane(server.base_url) as plane:  # type: ignore[arg-type]
        plane.expose(5_000)
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(trust_env=False, limits=limits) as client:
            async with anyio.create_task_group() as tasks:
                for user in range(100):
                    tasks.start_soon(_ask_until_cancelled, client, plane.url, user)
                with anyio.fail_after(8):
                    while len(server.asked) < 100:  # noqa: ASYNC110 - polled with a deadline
                        await anyio.sleep(0.01)
                tasks.cancel_scope.cancel()
            await server.emptied(within_seconds=1.0)
            with anyio.fail_after(1):
                while plane.counted("cancelled") < 100:  # noqa: ASYNC110 - polled with a deadline
                    await anyio.sleep(0.01)
        assert plane.asker.client.busy == 0
        assert plane.counted("hard_failure.candidate") == plane.counted("hard_failure.stable") == 0


async def _ask_until_cancelled(client: httpx.AsyncClient, url: str, user: int) -> None:
    body = ASK | {"stream": True, "user": f"u{user}"}
    async with client.stream("POST", f"{url}/v1/chat/completions", json=body) as answer:
        async for _ in answer.aiter_raw():
            pass


async def test_a_reader_who_stops_holds_the_server_back() -> None:
    """Bytes that the client does not take stay with the model server; the worker's memory does not grow with them."""
    total = 256 * 1024 * 1024
    sent = 0

    async def script(asked: Asked, line: Line) -> None:
        nonlocal sent
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % total)
        while sent < total:
            await line.send(b"x" * 65_536)
            sent += 65_536

    async with model_server(script) as server, data_plane(server.base_url) as plane:
        async with (
            httpx.AsyncClient(trust_env=False) as client,
            client.stream("POST", f"{plane.url}/v1/chat/completions", json=ASK) as answer,
        ):
            pieces = answer.aiter_raw()
            await anext(pieces)
            before = -1
            while before != sent:
                before = sent
                await anyio.sleep(0.1)
        assert sent < total // 4
        await server.emptied()


async def test_draining_lets_answers_end_and_then_accepts_nobody() -> None:
    """A stream under way is finished; a connection afterwards is refused."""
    go_on = anyio.Event()

    async def script(asked: Asked, line: Line) -> None:
        await line.send(STREAM_HEAD + chunk(event("one")))
        await go_on.wait()
        await line.send(chunk(DONE) + LAST_CHUNK)

    async with model_server(script) as server, data_plane(server.base_url) as plane:
        async with (
            httpx.AsyncClient(trust_env=False) as client,
            client.stream("POST", f"{plane.url}/v1/chat/completions", json=ASK | {"stream": True}) as answer,
            anyio.create_task_group() as tasks,
        ):
            pieces = answer.aiter_raw()
            await anext(pieces)
            tasks.start_soon(plane.server.drain, 5.0)
            await anyio.sleep(0.05)
            go_on.set()
            assert b"".join([piece async for piece in pieces]) == DONE
        with pytest.raises(httpx.ConnectError):
            await plane.ask(ASK)


async def test_the_drain_deadline_cuts_what_hangs() -> None:
    """An answer that never ends does not keep the worker."""
    async with (
        model_server(hangs_after(STREAM_HEAD + chunk(event("one")))) as server,
        data_plane(server.base_url) as plane,
        httpx.AsyncClient(trust_env=False) as client,
        client.stream("POST", f"{plane.url}/v1/chat/completions", json=ASK | {"stream": True}) as answer,
    ):
        pieces = answer.aiter_raw()
        await anext(pieces)
        assert not await plane.server.drain(0.1)
        assert plane.server.connections == 0
        await server.emptied()


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_a_compressed_answer_passes_as_it_is(coding: str) -> None:
    """No decompression on the way: encoding and bytes are what the client negotiated. What it says is evidence."""
    packed = PACKS[coding](completion("hello"))
    headers = ("content-type: application/json", f"content-encoding: {coding}")
    async with model_server(answers(whole(packed, headers=headers))) as server, data_plane(server.base_url) as plane:
        plane.expose(0)
        async with (
            httpx.AsyncClient(trust_env=False) as client,
            client.stream("POST", f"{plane.url}/v1/chat/completions", json=ASK) as answer,
        ):
            raw = b"".join([piece async for piece in answer.aiter_raw()])
        exchange = (await plane.handed_over(1))[0]
    assert raw == packed
    assert answer.headers["content-encoding"] == coding
    assert (exchange.answer_body, exchange.complete) == (completion("hello"), True)


@pytest.mark.parametrize("weight_bps", [None, 0, 10_000], ids=["no-rollout", "stable", "candidate"])
async def test_the_model_server_is_asked_for_the_compression_that_the_client_asks_for(weight_bps: int | None) -> None:
    """Byte for byte, with a rollout or without; what comes can be read or not."""
    accepted = "zstd, br;q=0.9,GZIP ; q=0.5, x-own, *;q=0"
    async with (
        model_server(says("hello")) as old,
        model_server(says("hello")) as new,
        data_plane(old.base_url, new.base_url) as plane,
    ):
        if weight_bps is not None:
            plane.expose(weight_bps)
        for path in ("/v1/chat/completions", "/v1/responses"):
            await plane.ask(ASK, path=path, accept_encoding=accepted)
        assert {asked.header("accept-encoding") for asked in (*old.asked, *new.asked)} == {accepted}
        assert len(new.asked if weight_bps else old.asked) == 2


async def test_the_models_own_words_reach_the_client() -> None:
    """A plain request and a streamed one through the whole path."""
    async with model_server(says("hello there")) as server, data_plane(server.base_url) as plane:
        answer = await plane.ask(ASK)
        assert answer.json()["choices"][0]["message"]["content"] == "hello there"
        assert answer.json()["model"] == "old"
