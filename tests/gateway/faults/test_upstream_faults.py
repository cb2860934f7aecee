"""What model servers do wrong (U1 to U6), seen from the application: real servers on raw sockets behind a data plane.

Rows that are tested elsewhere are listed in docs/faults.md.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest

from gateway.data.draft import CAPTURE_BYTES
from shadow.exchange import Outcome
from tests.gateway.data.harness import DataPlane, data_plane
from tests.gateway.model_server import (
    DONE,
    LAST_CHUNK,
    STREAM_HEAD,
    Asked,
    Line,
    ModelServer,
    Script,
    answers,
    chunk,
    completion,
    event,
    hangs,
    hangs_after,
    model_server,
    says,
    whole,
)

pytestmark = pytest.mark.anyio

ASK = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}
QUICK = "limits: {first_byte: 300ms, idle: 300ms}"


@asynccontextmanager
async def arms(
    stable: Script, candidate: Script, weight_bps: int = 10_000
) -> AsyncIterator[tuple[DataPlane, ModelServer]]:
    """A data plane between two model servers; yields it and the candidate's."""
    async with (
        model_server(stable) as old,
        model_server(candidate) as new,
        data_plane(old.base_url, new.base_url, more=QUICK) as plane,
    ):
        plane.expose(weight_bps)
        yield plane, new


async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server of another protocol: it speaks first, and no TLS."""
    writer.write(b"220 mail.example ready\r\n")
    await reader.read()
    writer.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [("http://no-such-host.invalid/v1", "dns"), ("https://127.0.0.1:{port}/v1", "tls")],
    ids=["no address", "no TLS there"],
)
async def test_u1_a_candidate_that_cannot_be_connected_to_is_replaced_by_stable(url: str, reason: str) -> None:
    """A name without an address, a server that speaks no TLS: stable's 200, and the reason in a header."""
    async with await asyncio.start_server(greets, "127.0.0.1", 0) as other, model_server(says("from stable")) as old:
        there = url.format(port=other.sockets[0].getsockname()[1])
        async with data_plane(old.base_url, there) as plane:
            plane.expose(10_000)
            answer = await plane.ask(ASK)
            assert (answer.status_code, answer.headers["x-driftgate-fallback"]) == (200, reason)
            assert plane.counted("hard_failure.candidate") == 1


@pytest.mark.parametrize("arm", ["stable", "candidate"])
async def test_u3_a_stream_that_stalls_ends_in_an_error_event_and_frees_its_slot(arm: str) -> None:
    """Half a stream and silence: an error event, no [DONE], the server's connection closed, never a success."""
    stalling = hangs_after(STREAM_HEAD + chunk(event("half")))
    async with arms(stalling, stalling, 10_000 if arm == "candidate" else 0) as (plane, _):
        answer = await plane.ask(ASK | {"stream": True})
        assert answer.headers["x-driftgate-arm"] == arm
        assert answer.content.startswith(event("half"))
        assert b'"code":"upstream_stream_error"' in answer.content
        assert b"[DONE]" not in answer.content
        assert plane.asker.client.busy == 0
        exchange = (await plane.handed_over(1))[0]
        assert (exchange.outcome, exchange.complete) == (Outcome.FAILED, False)
        assert plane.counted(f"hard_failure.{arm}") == 1


ODD_STREAMS = {
    "not UTF-8": b"data: \xff\xfe\x80\n\n",
    "a character cut in two": b'data: {"x": "\xc3',
    "no JSON": b"data: {{{\n\ndata: ]\n\n",
    "lone line ends": b"\r\r\n\n\r",
    "NUL bytes": b"data: \x00\x00\n\n",
    "no event at all": b"hello",
    "a comment without end": b": " + b"x" * 100_000,
    "nothing after the end": DONE + b"data: more\n\n",
}


@pytest.mark.parametrize("name", ODD_STREAMS)
@pytest.mark.parametrize("weight_bps", [0, 10_000], ids=["stable", "candidate"])
async def test_u5_whatever_a_stream_says_its_bytes_are_relayed(name: str, weight_bps: int) -> None:
    """Not one byte is mended: the application gets what the model server sent."""
    said = ODD_STREAMS[name]
    script = answers(STREAM_HEAD + chunk(said) + LAST_CHUNK)
    async with arms(script, script, weight_bps) as (plane, _):
        answer = await plane.ask(ASK | {"stream": True})
        assert (answer.status_code, answer.content) == (200, said)
        assert "x-driftgate-fallback" not in answer.headers
        (exchange,) = await plane.handed_over(1)
        assert exchange.answer_body == said


@pytest.mark.parametrize("weight_bps", [0, 10_000], ids=["stable", "candidate"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "unary"])
async def test_u5_an_endless_answer_is_relayed_in_bounded_memory(weight_bps: int, stream: bool) -> None:
    """Sixteen megabytes without a line end: the client reads them all, the capture keeps none of them."""
    size, piece = 16, b"x" * 1024 * 1024

    async def endless(asked: Asked, line: Line) -> None:
        head = STREAM_HEAD if stream else STREAM_HEAD.replace(b"text/event-stream", b"application/json")
        await line.send(head)
        for _ in range(size):
            await line.send(chunk(piece))
        await line.send(LAST_CHUNK)

    async with arms(endless, endless, weight_bps) as (plane, _):
        received = 0
        async with (
            httpx.AsyncClient(trust_env=False, timeout=20) as client,
            client.stream("POST", f"{plane.url}/v1/chat/completions", json=ASK | {"stream": stream}) as answer,
        ):
            async for data in answer.aiter_raw():
                received += len(data)
        assert received == size * len(piece) > 4 * CAPTURE_BYTES
        (exchange,) = await plane.handed_over(1)
        assert (exchange.answer_body, exchange.complete) == (b"", False)


SHORT = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\n"
CHUNKS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"
BROKEN = {
    "a thousand 1xx": answers(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000),
    "endless headers": answers(b"HTTP/1.1 200 OK\r\n" + b"x-a: y\r\n" * 20_000),
    "one huge header": answers(b"HTTP/1.1 200 OK\r\nx-a: " + b"y" * 200_000),
    "two lengths": answers(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}"),
    "length and chunks": answers(CHUNKS + b"content-length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    "no such protocol": answers(b"ICY 200 OK\r\n\r\n"),
    "upgrade": answers(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_u6_an_answer_that_is_no_http_is_a_502_from_stable_and_a_fallback_from_the_candidate(name: str) -> None:
    """Bounded, closed, and never handed on."""
    async with arms(BROKEN[name], says("unused"), 0) as (plane, _):
        answer = await plane.ask(ASK)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
        assert plane.asker.client.busy == 0
    async with arms(says("from stable"), BROKEN[name]) as (plane, new):
        answer = await plane.ask(ASK)
        assert (answer.status_code, answer.headers["x-driftgate-arm"]) == (200, "stable")
        await new.emptied()


async def test_u6_bytes_beyond_the_declared_length_reach_nobody() -> None:
    """A second answer hidden behind the first is not the next request's: the connection is not used again."""
    smuggled = whole(b'{"stolen": true}')
    async with arms(answers(SHORT + b"hello" + smuggled), says("unused"), 0) as (plane, _):
        for _ in range(3):
            assert (await plane.ask(ASK)).content == b"hello"


async def test_u6_a_redirect_is_handed_on_and_not_followed() -> None:
    """Stable's 302 is the application's to follow; the gateway goes only where its own file says."""
    async with model_server(says("elsewhere")) as elsewhere:
        moved = answers(whole(b"", "302 Found", (f"location: {elsewhere.base_url}",)))
        async with arms(moved, says("unused"), 0) as (plane, _):
            answer = await plane.ask(ASK)
            assert (answer.status_code, answer.headers["location"]) == (302, elsewhere.base_url)
        assert elsewhere.asked == []


async def test_u4_a_slow_first_byte_falls_back_at_the_deadline() -> None:
    """The candidate says nothing: at the limit for the first byte stable answers, and the candidate is let go."""
    async with arms(says("from stable"), hangs()) as (plane, new):
        with anyio.fail_after(5):
            answer = await plane.ask(ASK)
        assert (answer.status_code, answer.headers["x-driftgate-fallback"]) == (200, "timeout")
        await new.emptied()


async def test_u2_a_stable_that_fails_sends_nobody_to_the_candidate() -> None:
    """500 from stable under a rollout at 0 %: the application gets it, in stable's own words."""
    broken = json.dumps({"error": {"message": "out of memory"}}).encode()
    script = answers(whole(broken, "500 Internal Server Error"))
    async with arms(script, answers(whole(completion("x"))), 0) as (plane, new):
        for _ in range(10):
            answer = await plane.ask(ASK)
            assert (answer.status_code, answer.content) == (500, broken)
        assert new.asked == []
