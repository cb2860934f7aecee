"""What clients do wrong, or on purpose (C2 to C4): raw bytes into a data plane, and what reached the model server.

Rows that are tested elsewhere are listed in docs/faults.md.
"""

import asyncio
import json
import socket
from contextlib import suppress

import anyio
import httpx
import pytest

from gateway.data.protocol import ConnectionLimits
from gateway.keys import stored_hash
from tests.gateway.data.harness import SECRET, DataPlane, data_plane
from tests.gateway.model_server import ModelServer, answers, completion, model_server, says, whole

pytestmark = pytest.mark.anyio

BODY = b'{"model": "chat", "messages": [{"role": "user", "content": "hi"}]}'
POST = b"POST /v1/chat/completions HTTP/1.1\r\n"


def post(*lines: bytes, body: bytes = BODY, first: bytes = POST) -> bytes:
    """A request of these header lines."""
    return first + b"\r\n".join((*lines, b"content-length: %d" % len(body), b"", b"")) + body


def status(answer: bytes) -> int:
    """The status of a raw answer, 0 where there is none."""
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.") else 0


# ── C2: slow and idle ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_c2_a_body_that_trickles_is_cut() -> None:
    """A byte now and then keeps no connection: beyond the grace, a body needs a least speed."""
    limits = ConnectionLimits(body_progress_seconds=0.3, body_bytes_per_second=1000)
    async with model_server(says("x")) as server, data_plane(server.base_url, limits=limits) as plane:
        reader, writer = await asyncio.open_connection("127.0.0.1", plane.port)
        writer.write(POST + b"host: x\r\ncontent-length: 100000\r\n\r\n")
        with anyio.fail_after(5), suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b" ")
                await writer.drain()
                with anyio.move_on_after(0.05):
                    await reader.read(1)
        writer.close()
        assert server.asked == []
        assert plane.server.connections == 0


async def test_c2_a_head_that_trickles_is_refused() -> None:
    """A header byte now and then does not move the head's deadline."""
    limits = ConnectionLimits(head_seconds=0.3)
    async with data_plane("http://127.0.0.1:1/v1", limits=limits) as plane:
        reader, writer = await asyncio.open_connection("127.0.0.1", plane.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: ")
        received = b""
        with anyio.fail_after(5), suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b"y")
                await writer.drain()
                with anyio.move_on_after(0.05):
                    received += await reader.read(4096)
        writer.close()
        assert status(received) == 408


async def test_c2_two_thousand_idle_connections_cost_little_and_block_nobody() -> None:
    """They are kept, and a request beside them is answered as ever; `loadtest.load.leaving` plays it with 10,000."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        idle = [socket.socket() for _ in range(2_000)]
        loop = asyncio.get_running_loop()
        try:
            for each in idle:
                each.setblocking(False)
                await loop.sock_connect(each, ("127.0.0.1", plane.port))
            with anyio.fail_after(10):
                while plane.server.connections < len(idle):  # noqa: ASYNC110 - polled with a deadline
                    await anyio.sleep(0.01)
            assert status(await plane.raw(post(b"host: x", b"connection: close"))) == 200
        finally:
            for each in idle:
                each.close()
        with anyio.fail_after(10):
            while plane.server.connections:  # noqa: ASYNC110 - polled with a deadline
                await anyio.sleep(0.01)


# ── C3: bodies ────────────────────────────────────────────────────────────────────────────────────────────────────────

ODD_BODIES = {
    "NaN": b'{"model": "chat", "temperature": NaN}',
    "infinity": b'{"model": "chat", "temperature": -Infinity}',
    "1e999": b'{"model": "chat", "temperature": 1e999}',
    "a huge integer": b'{"model": "chat", "seed": ' + b"9" * 5_000 + b"}",
    "a member twice": b'{"model": "chat", "user": "a", "user": "b"}',
    "a lone surrogate": rb'{"model": "chat", "user": "\ud800", "messages": [{"role": "user", "content": "\udfff"}]}',
    "a surrogate pair the wrong way round": rb'{"model": "chat", "x": "\udc00\ud800"}',
    "an escaped NUL": rb'{"model": "chat", "user": "\u0000"}',
    "a byte order mark": b'\xef\xbb\xbf{"model": "chat"}',
    "a raw control character": b'{"model": "chat", "user": "\x01"}',
    "bytes that are no UTF-8": b'{"model": "chat", "user": "\xff"}',
    "an escaped name": rb'{"mod\u0065l": "chat"}',
    "a comment": b'{"model": "chat" /* x */}',
    "something behind it": b'{"model": "chat"} {}',
    "deep arrays": b'{"model": "chat", "x": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "deep objects": b'{"model": "chat", "x": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}",
    "deep messages": b'{"model": "chat", "messages": ' + b"[" * 500 + b"]" * 500 + b"}",
    "a number as user": b'{"model": "chat", "user": 1e400}',
    "an object as stream": b'{"model": "chat", "stream": {}}',
}


@pytest.mark.parametrize("name", ODD_BODIES)
@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/responses", b"/v1/messages"])
async def test_c3_an_odd_body_is_refused_or_passed_byte_for_byte(name: str, path: bytes) -> None:
    """A 400 in the API's shape, or the same bytes with another model's name: never a 500, never mended."""
    body = ODD_BODIES[name]
    async with model_server(answers(whole(completion("x")))) as server, data_plane(server.base_url) as plane:
        plane.expose(5_000)
        request = post(b"host: x", b"connection: close", body=body, first=b"POST " + path + b" HTTP/1.1\r\n")
        answer = await plane.raw(request)
        if status(answer) == 200:
            (asked,) = server.asked
            assert asked.body in (body.replace(b'"chat"', b'"old"', 1), body.replace(b'"chat"', b'"new"', 1))
        else:
            assert status(answer) == 400
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]
            assert server.asked == []


async def test_c3_a_body_of_100_mb_is_refused_by_its_length_alone() -> None:
    """413 in the API's shape before a byte of it was sent."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        answer = await plane.raw(POST + b"host: x\r\nconnection: close\r\ncontent-length: 104857600\r\n\r\n")
        assert status(answer) == 413
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "request_too_large"
        assert server.asked == []


# ── C4: smuggling ─────────────────────────────────────────────────────────────────────────────────────────────────────

REFUSED = {
    "chunked twice": [b"host: x", b"transfer-encoding: chunked", b"transfer-encoding: identity"],
    "chunked beside a length": [b"host: x", b"transfer-encoding: chunked"],
    "chunked with a tab beside a length": [b"host: x", b"transfer-encoding:\tchunked"],
    "negative length": [b"host: x", b"content-length: -1"],
    "length beyond all numbers": [b"host: x", b"content-length: " + b"9" * 40],
    "hexadecimal length": [b"host: x", b"content-length: 0x10"],
    "no colon": [b"host: x", b"not a header"],
    "empty name": [b"host: x", b": y"],
    "carriage return in a value": [b"host: x", b"x-a: b\rx-c: d"],
    "name of other bytes": [b"host: x", b"x-\xe9: b"],
    "host twice in other letters": [b"Host: x", b"hOST: y"],
}


@pytest.mark.parametrize("name", REFUSED)
async def test_c4_what_two_servers_could_read_differently_is_refused(name: str) -> None:
    """A 400 in the API's shape, the connection closed, and nothing reached a model server."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        reader, writer = await asyncio.open_connection("127.0.0.1", plane.port)
        writer.write(post(*REFUSED[name]))
        with anyio.fail_after(5):
            answer = await reader.read()  # to the end: it is the gateway that closes
        writer.close()
        assert status(answer) == 400
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]
        assert server.asked == []


FIRST_LINES = {
    "another protocol": b"PRI * HTTP/2.0\r\n",
    "no version": b"POST /v1/chat/completions\r\n",
    "a version that is not there": b"POST /v1/chat/completions HTTP/3.7\r\n",
    "a method of our own making": b"P\xc3\x96ST /v1/chat/completions HTTP/1.1\r\n",
    "a space in the path": b"POST /v1/chat completions HTTP/1.1\r\n",
}


@pytest.mark.parametrize("name", FIRST_LINES)
async def test_c4_a_first_line_that_is_no_http_is_refused(name: str) -> None:
    """The same, whatever stands in the first line."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        assert status(await plane.raw(post(b"host: x", first=FIRST_LINES[name]))) == 400
        assert server.asked == []


async def ask(plane: DataPlane, server: ModelServer, *lines: bytes) -> dict[str, str]:
    """The headers that reached the model server with a request that is accepted."""
    answer = await plane.raw(post(b"host: x", b"connection: close", *lines))
    assert status(answer) == 200, answer
    return dict(server.asked[-1].headers)


async def test_c4_connection_cannot_take_our_headers_away() -> None:
    """`Connection` may drop what the client itself sent; what the gateway writes it cannot name away."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        names = b"connection: host, content-length, authorization, x-user-id, x-driftgate-shadow"
        reached = await ask(plane, server, names, b"x-user-id: ann", b"x-kept: yes")
        assert reached["host"] == f"127.0.0.1:{server.port}"
        assert reached["content-length"] == str(len(server.asked[-1].body))
        assert reached["authorization"] == "Bearer sk-old"
        assert "x-user-id" not in reached
        assert reached["x-kept"] == "yes"


async def test_c4_what_only_the_gateway_may_say_is_stripped() -> None:
    """Forged `x-driftgate-*`, in any letters, with `_` for `-`, pass neither upstream nor into a decision."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        plane.expose(0)
        forged = [b"X-DriftGate-Shadow: 1", b"x_driftgate_shadow: 1", b"x-driftgate_arm: candidate"]
        reached = await ask(plane, server, *forged, b"x-driftgate-request-id: 1", b"x-driftgate-fallback: x")
        assert not [name for name in reached if "driftgate" in name.replace("_", "-")]
        (exchange,) = await plane.handed_over(1)
        assert (exchange.assigned, exchange.pinned) == ("stable", False)


async def test_c4_a_whole_address_as_target_goes_nowhere_else() -> None:
    """`POST http://elsewhere/v1/… HTTP/1.1` is served as its path: the gateway is no open proxy."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        first = b"POST http://169.254.169.254/v1/chat/completions HTTP/1.1\r\n"
        assert status(await plane.raw(post(b"host: x", b"connection: close", first=first))) == 200
        assert server.asked[-1].header("host") == f"127.0.0.1:{server.port}"
        tunnel = b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nhost: 169.254.169.254:80\r\nconnection: close\r\n\r\n"
        assert status(await plane.raw(tunnel)) in (400, 404, 405)


async def test_c4_a_request_hidden_in_a_body_stays_a_body() -> None:
    """What follows a refused head is not taken for the next request."""
    hidden = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        chunked = POST + b"host: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + hidden
        assert (await plane.raw(chunked)).count(b"HTTP/1.1 ") == 1
        body = b'{"model": "chat", "x": "' + hidden.replace(b"\r\n", b" ") + b'"}'
        assert (await plane.raw(post(b"host: x", b"connection: close", body=body))).count(b"HTTP/1.1 200") == 1
        assert [asked.path for asked in server.asked] == ["/v1/chat/completions"]


async def test_c4_an_offer_to_switch_protocols_is_ignored() -> None:
    """`Upgrade: h2c` and websockets are answered in HTTP/1.1, and not handed on."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        lines = [b"connection: upgrade, http2-settings", b"upgrade: h2c", b"http2-settings: AAMAAABkAARAAAAAAAIAAAAA"]
        answer = await plane.raw(post(b"host: x", *lines))
        assert status(answer) in (200, 400)
        reached = [name for asked in server.asked for name, _ in asked.headers]
        assert not {"upgrade", "http2-settings", "connection"} & set(reached)


CHUNKED = b"host: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n"
WHOLE_CHUNK = b"%x\r\n%b\r\n0\r\n" % (len(BODY), BODY)
KEY = f'keys: [{{name: app, role: app, pin: true, hash: "{stored_hash(SECRET, "good")}"}}]'


@pytest.mark.parametrize("pieces", [1, 2])
async def test_c4_trailers_of_a_request_are_dropped(pieces: int) -> None:
    """A trailer cannot add a header after the checks, be it in one packet with the head or in one of its own."""
    trailers = (
        b"x-driftgate-shadow: 1\r\nauthorization: Bearer forged\r\nx-innocent: 1\r\nopenai-organization: o\r\n\r\n"
    )
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        reader, writer = await asyncio.open_connection("127.0.0.1", plane.port)
        request = POST + CHUNKED + b"\r\n" + WHOLE_CHUNK
        writer.write(request if pieces > 1 else request + trailers)
        if pieces > 1:
            await anyio.sleep(0.05)
            writer.write(trailers)
        answer = await reader.read()
        writer.close()
        assert status(answer) == 200
        (asked,) = server.asked
        assert asked.header("authorization") == "Bearer sk-old"
        for name in ("x-driftgate-shadow", "x-innocent", "openai-organization"):
            assert asked.header(name) is None


@pytest.mark.parametrize(
    ("head", "trailer", "expected"),
    [
        (b"", b"authorization: Bearer good", 401),
        (b"authorization: Bearer wrong\r\n", b"authorization: Bearer good", 401),
        (b"authorization: Bearer good\r\n", b"x-driftgate-arm: candidate", 200),
        (b"authorization: Bearer good\r\n", b"host: evil", 200),
    ],
)
async def test_c4_a_trailer_is_neither_a_key_nor_a_pin(head: bytes, trailer: bytes, expected: int) -> None:
    """Who asks, and for what, stands in the head."""
    async with model_server(says("x")) as server, data_plane(server.base_url, more=KEY) as plane:
        plane.expose(1)
        answer = await plane.raw(POST + CHUNKED + head + b"\r\n" + WHOLE_CHUNK + trailer + b"\r\n\r\n")
        assert status(answer) == expected
        assert (b"x-driftgate-arm: stable" in answer) == (expected == 200)


@pytest.mark.parametrize(
    "line", [b"x-t: " + b"v" * 8000 + b"\r\n", b"v" * 8000], ids=["many trailers", "one without an end"]
)
@pytest.mark.parametrize("after", [WHOLE_CHUNK, WHOLE_CHUNK[:-3] + b"1;"], ids=["after the body", "in a chunk's size"])
async def test_c4_what_comes_beside_a_body_is_bounded(line: bytes, after: bytes) -> None:
    """As much as a head may have, and no more is kept of it: then the connection is closed."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        reader, writer = await asyncio.open_connection("127.0.0.1", plane.port)
        writer.write(POST + CHUNKED + b"\r\n" + after + (b"x: " if line.startswith(b"v") else b""))
        sent = 0
        with anyio.fail_after(10), suppress(ConnectionError):
            while not reader.at_eof() and sent < 100 * 1024 * 1024:
                writer.write(line)
                await writer.drain()
                sent += len(line)
                with anyio.move_on_after(0.001):
                    await reader.read(65_536)
        writer.close()
        assert sent < 8 * 1024 * 1024
        assert server.asked == []


async def test_c4_a_transfer_coding_that_nobody_undoes_is_refused() -> None:
    """Otherwise a compressed body would be taken for a plain one."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        answer = await plane.raw(
            POST + CHUNKED.replace(b": chunked", b": gzip, chunked") + b"\r\n" + WHOLE_CHUNK + b"\r\n"
        )
        assert status(answer) == 501
        assert server.asked == []


async def test_a_client_of_many_requests_keeps_its_connection() -> None:
    """The bounds above are no reason to close a connection that behaves."""
    async with (
        model_server(says("x")) as server,
        data_plane(server.base_url) as plane,
        httpx.AsyncClient(base_url=plane.url, trust_env=False) as client,
    ):
        for _ in range(20):
            answer = await client.post("/v1/chat/completions", content=BODY)
            assert answer.status_code == 200
        assert plane.server.connections == 1
