"""Fields that come after an answer's body: for clients that take them, and only harmless ones."""

import json

import pytest

from tests.gateway.data.harness import DataPlane, data_plane
from tests.gateway.model_server import DONE, STREAM_HEAD, answers, chunk, event, model_server

pytestmark = pytest.mark.anyio

TRAILERS = b"X-Checksum: abc\r\nx-status: fine\r\nset-cookie: c=1\r\ncontent-type: a/b\r\nx-driftgate-arm: z\r\n"
ANSWER = STREAM_HEAD + chunk(event("one")) + chunk(DONE) + b"0\r\n" + TRAILERS + b"\r\n"
PASSED = "passthrough: {/v1/files/*: chat}"


@pytest.fixture
def anyio_backend() -> str:
    """One loop is enough here."""
    return "asyncio"


async def ask(
    plane: DataPlane, *headers: bytes, path: bytes = b"/v1/chat/completions", version: bytes = b"1.1"
) -> bytes:
    """A request on a raw socket, and all that comes back."""
    body = json.dumps({"model": "chat", "messages": [], "stream": True}).encode()
    lines = (b"POST %b HTTP/%b" % (path, version), b"host: x", b"content-length: %d" % len(body), *headers)
    return await plane.raw(b"\r\n".join(lines) + b"\r\nconnection: close\r\n\r\n" + body)


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/files/f"])
@pytest.mark.parametrize("weight", [0, 10_000])
async def test_trailers_reach_a_client_that_takes_them(path: bytes, weight: int) -> None:
    """As they came, behind the unchanged body; what could reframe the answer, or forge our words, does not pass."""
    async with model_server(answers(ANSWER)) as server, data_plane(server.base_url, more=PASSED) as plane:
        plane.expose(weight)
        answer = await ask(plane, b"te: trailers", path=path)
        assert server.asked[0].header("te") == "trailers"
    assert answer.endswith(b"\r\n0\r\nx-checksum: abc\r\nx-status: fine\r\n\r\n")
    assert event("one") in answer
    assert DONE in answer


@pytest.mark.parametrize(("header", "version"), [(b"te: gzip", b"1.1"), (b"x: y", b"1.1"), (b"te: trailers", b"1.0")])
async def test_no_other_client_sees_any(header: bytes, version: bytes) -> None:
    """Who did not ask, or cannot, gets the body and its plain end."""
    async with model_server(answers(ANSWER)) as server, data_plane(server.base_url) as plane:
        answer = await ask(plane, header, version=version)
        assert server.asked[0].header("te") is None
    assert b"x-checksum" not in answer
    assert answer.endswith(b"\r\n0\r\n\r\n" if version == b"1.1" else DONE)


async def test_the_next_answer_on_the_connection_has_its_own() -> None:
    """Trailers of one answer are not those of the next, and an endless trailer is cut off, not kept."""
    for said in (
        ANSWER,
        STREAM_HEAD + b"0\r\n\r\n",
        STREAM_HEAD + b"0\r\n" + b"x-more: %b\r\n" % (b"z" * 99) * 500 + b"\r\n",
    ):
        async with model_server(answers(said)) as server, data_plane(server.base_url) as plane:
            first, second = [await ask(plane, b"te: trailers") for _ in range(2)]
            assert server.seen == 1
        assert first.partition(b"\r\n\r\n")[2] == second.partition(b"\r\n\r\n")[2]
        assert first.count(b"x-more") < 100
