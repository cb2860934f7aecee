"""Paths that are passed through: to stable, untouched, unbuffered, and no other path."""

import asyncio
from collections.abc import AsyncIterator, Callable

import anyio
import httpx
import openai
import pytest

from tests.gateway.data.harness import DataPlane, data_plane
from tests.gateway.model_server import (
    LAST_CHUNK,
    Asked,
    Line,
    answers,
    breaks_after,
    chunk,
    hangs,
    model_server,
    whole,
)

pytestmark = pytest.mark.anyio

PASSED = "passthrough: {/v1/files/*: chat, /v1/files: chat, /v1/audio/speech: chat}"
BINARY = bytes(range(256)) * 300


HIDDEN = ["/v1/files/%252e%252e/x", "/v1/files/%25252e./x", "/v1/files/..;a=b/x", "/v1/files/%" + "25" * 40 + "2e/x"]
"""Dot segments for a server that unescapes twice, or that cuts parameters off."""


@pytest.fixture
def anyio_backend() -> str:
    """One loop is enough here."""
    return "asyncio"


async def send(plane: DataPlane, method: str, path: str, **more: object) -> httpx.Response:
    """One request of any method."""
    async with httpx.AsyncClient(base_url=plane.url, trust_env=False, timeout=10) as client:
        return await client.request(method, path, **more)  # type: ignore[arg-type] # httpx's own options


async def test_bytes_pass_both_ways_as_they_are() -> None:
    """Method, query, content type, range and binary bodies arrive as they were sent; credentials are the model's."""
    head = ("content-type: audio/mpeg", "content-range: bytes 0-9/99", "etag: w")
    async with (
        model_server(answers(whole(BINARY, "206 Partial Content", head))) as server,
        data_plane(server.base_url, more=PASSED) as plane,
    ):
        sent = {"range": "bytes=0-9", "content-type": "application/octet-stream", "authorization": "Bearer mine"}
        answer = await send(plane, "PUT", "/v1/files/a%20b/content?x=1", content=BINARY, headers=sent)
        asked = server.asked[0]
    assert (asked.method, asked.path, asked.body) == ("PUT", "/v1/files/a%20b/content?x=1", BINARY)
    assert (asked.header("range"), asked.header("content-type")) == ("bytes=0-9", "application/octet-stream")
    assert asked.header("authorization") == "Bearer sk-old"
    assert (answer.status_code, answer.content) == (206, BINARY)
    assert (answer.headers["content-range"], answer.headers["etag"]) == ("bytes 0-9/99", "w")
    assert answer.headers["x-driftgate-arm"] == "stable"


async def test_all_of_it_goes_to_stable_under_a_rollout() -> None:
    """A file lives on one server: no weight moves it, and nothing of it is counted as evidence."""
    async with (
        model_server(answers(whole(b"{}"))) as stable,
        model_server(answers(whole(b"{}"))) as candidate,
        data_plane(stable.base_url, candidate.base_url, more=PASSED) as plane,
    ):
        plane.expose(10_000)
        await send(plane, "GET", "/v1/files")
        await send(plane, "DELETE", "/v1/files/f1")
        assert [asked.method for asked in stable.asked] == ["GET", "DELETE"]
        assert candidate.asked == []
        assert plane.exchanges == []


@pytest.mark.parametrize(
    "path", ["/v1/files/../admin", "/v1/files/%2e%2e/x", "/v1/files/a%2f..%2fx", "/v1/filesystem", *HIDDEN]
)
async def test_a_path_that_was_not_named_is_not_passed(path: str) -> None:
    """Neither a neighbour's name nor dot segments, however they are written, reach the model server."""
    async with model_server(hangs()) as server, data_plane(server.base_url, more=PASSED) as plane:
        answer = await plane.raw(b"GET %b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n" % path.encode())
        assert server.asked == []
    assert answer.startswith(b"HTTP/1.1 404 ")


async def test_an_upload_is_not_held() -> None:
    """The first piece reaches the model server while the client still has more to send, above every body limit."""
    arrived = asyncio.Event()
    got = bytearray()

    async def reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not got.endswith(b"0\r\n\r\n"):
            got.extend(await reader.read(65_536))
            if b"first" in got:
                arrived.set()
        writer.write(whole(b"{}"))
        await writer.drain()
        writer.close()

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        with anyio.fail_after(10):
            await arrived.wait()
        yield b"x" * 100_000

    server = await asyncio.start_server(reads, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    more = f"{PASSED}\nlimits: {{max_body: 2KiB}}"
    async with data_plane(f"http://127.0.0.1:{port}/v1", more=more) as plane:
        answer = await send(plane, "POST", "/v1/files", content=body())
    server.close()
    assert answer.status_code == 200
    assert b"transfer-encoding: chunked" in got
    assert got.count(b"x" * 1000) > 0


async def test_head_has_the_answers_head_only() -> None:
    """The length is that of the answer to GET, and nothing is waited for."""
    head_only = answers(b"HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n")
    async with model_server(head_only) as server, data_plane(server.base_url, more=PASSED) as plane:
        answer = await send(plane, "HEAD", "/v1/files/f")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "1234", b"")


async def test_a_broken_answer_is_a_broken_connection() -> None:
    """Half a file must not look whole."""
    half = breaks_after(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf")
    async with model_server(half) as server, data_plane(server.base_url, more=PASSED) as plane:
        with pytest.raises(httpx.RemoteProtocolError):
            await send(plane, "GET", "/v1/files/f")


async def test_a_model_server_that_is_gone_is_a_502_and_a_client_that_leaves_frees_it() -> None:
    """Errors are in the API's shape; cancellation reaches the other end."""
    async with data_plane("http://127.0.0.1:1/v1", more=PASSED) as plane:
        answer = await send(plane, "POST", "/v1/audio/speech", json={"model": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
    async with model_server(hangs()) as server, data_plane(server.base_url, more=PASSED) as plane:
        with anyio.move_on_after(0.3):
            await send(plane, "POST", "/v1/audio/speech", json={"model": "x"})
        assert len(server.asked) == 1
        await server.emptied(1.0)


async def test_the_official_client_uploads_and_downloads() -> None:
    """Multipart in, binary out, with the client's own methods."""
    described = b'{"id": "f1", "object": "file", "bytes": 3, "created_at": 1, "filename": "a", "purpose": "batch"}'

    async def script(asked: Asked, line: Line) -> None:
        await line.send(whole(described if asked.method == "POST" else BINARY))

    async with (
        model_server(script) as server,
        data_plane(server.base_url, more=PASSED) as plane,
        openai.AsyncOpenAI(base_url=f"{plane.url}/v1", api_key="k", max_retries=0) as client,
    ):
        made = await client.files.create(file=("a", BINARY), purpose="batch")
        content = await client.files.content("f1")
        uploaded = server.asked[0]
    assert made.id == "f1"
    assert content.content == BINARY
    assert BINARY in uploaded.body


async def test_the_official_client_streams_speech_and_sends_speech() -> None:
    """Binary audio out, chunk by chunk, and a recording in."""

    async def script(asked: Asked, line: Line) -> None:
        if asked.path.endswith("/speech"):
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n")
            for start in range(0, len(BINARY), 10_000):
                await line.send(chunk(BINARY[start : start + 10_000]))
            await line.send(LAST_CHUNK)
        else:
            await line.send(whole(b'{"text": "hello"}'))

    more = "passthrough: {/v1/audio/*: chat}"
    async with (
        model_server(script) as server,
        data_plane(server.base_url, more=more) as plane,
        openai.AsyncOpenAI(base_url=f"{plane.url}/v1", api_key="k", max_retries=0) as client,
    ):
        async with client.audio.speech.with_streaming_response.create(model="t", voice="alloy", input="hi") as spoken:
            heard = b"".join([piece async for piece in spoken.iter_bytes()])
        written = await client.audio.transcriptions.create(model="w", file=("a.wav", BINARY))
        recording = server.asked[1]
    assert heard == BINARY
    assert written.text == "hello"
    assert BINARY in recording.body
    assert (recording.header("content-type") or "").startswith("multipart/form-data; boundary=")


PIECE = b"x" * 65_536
MANY = 1_024
"""64 MiB in all: far more than sockets and our own buffers hold."""


async def until_it_stands_still(moved: Callable[[], int]) -> int:
    """The count once it has not risen for a while."""
    with anyio.fail_after(20):
        before = -1
        while moved() != before:
            before = moved()
            await anyio.sleep(0.3)
    return before


async def test_an_upload_waits_for_a_server_that_does_not_read() -> None:
    """The client is held back, and all of it arrives once the server goes on."""
    go_on, sent, got = asyncio.Event(), 0, 0

    async def reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        await reader.readuntil(b"\r\n\r\n")
        await go_on.wait()
        while got < MANY * len(PIECE):
            got += len(await reader.read(1 << 20))
        writer.write(whole(b"{}"))
        await writer.drain()
        writer.close()

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(MANY):
            yield PIECE
            sent += 1

    server = await asyncio.start_server(reads, "127.0.0.1", 0, limit=65_536)
    port = server.sockets[0].getsockname()[1]
    async with data_plane(f"http://127.0.0.1:{port}/v1", more=PASSED) as plane, anyio.create_task_group() as tasks:
        answers_: list[httpx.Response] = []

        async def upload() -> None:
            length = {"content-length": str(MANY * len(PIECE))}
            answers_.append(await send(plane, "POST", "/v1/files", content=body(), headers=length))

        tasks.start_soon(upload)
        assert await until_it_stands_still(lambda: sent) < MANY // 2
        go_on.set()
    server.close()
    assert (answers_[0].status_code, got) == (200, MANY * len(PIECE))


async def test_a_download_waits_for_a_client_that_does_not_read() -> None:
    """The server is held back, and every byte arrives once the client goes on."""
    sent = 0

    async def script(asked: Asked, line: Line) -> None:
        nonlocal sent
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (MANY * len(PIECE)))
        for _ in range(MANY):
            await line.send(PIECE)
            sent += 1

    async with (
        model_server(script) as server,
        data_plane(server.base_url, more=PASSED) as plane,
        httpx.AsyncClient(base_url=plane.url, trust_env=False, timeout=30) as client,
        client.stream("GET", "/v1/files/f") as answer,
    ):
        assert await until_it_stands_still(lambda: sent) < MANY // 2
        read = 0
        async for piece in answer.aiter_raw():
            read += len(piece)
    assert read == MANY * len(PIECE)


async def test_an_answer_before_the_upload_is_complete_reaches_the_client() -> None:
    """A server that refuses early is heard, and its connection is not used again."""

    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(whole(b'{"error": {"message": "too large"}}', "413 Payload Too Large"))
        await writer.drain()
        while await reader.read(65_536):
            pass
        writer.close()

    server = await asyncio.start_server(refuses, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with data_plane(f"http://127.0.0.1:{port}/v1", more=PASSED) as plane:
        reader, writer = await asyncio.open_connection("127.0.0.1", plane.port)
        writer.write(b"POST /v1/files HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nfirst")
        with anyio.fail_after(10):
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(35)
            writer.close()
        with anyio.fail_after(10):
            while plane.asker.client.busy:  # noqa: ASYNC110 - polled with a deadline
                await anyio.sleep(0.01)
    server.close()
    assert head.startswith(b"HTTP/1.1 413 ")
    assert body == b'{"error": {"message": "too large"}}'
