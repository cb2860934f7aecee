"""The upstream client against servers that do what servers do."""

import asyncio

import anyio
import anyio.lowlevel
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.upstream.errors import BrokenAnswer, ConnectFailed, Saturated, TimedOut, UpstreamFailure
from gateway.upstream.exchange import Deadlines
from gateway.upstream.outgoing import Outgoing
from gateway.upstream.target import Origin
from loadtest.rig.ports import free_port
from tests.gateway.model_server import (
    LAST_CHUNK,
    STREAM_HEAD,
    Asked,
    Line,
    answers,
    breaks_after,
    chunk,
    hangs,
    hangs_after,
    model_server,
    whole,
)
from tests.gateway.upstream.clients import PATIENT, QUICK, running_client

pytestmark = pytest.mark.anyio


def request(port: int, body: bytes = b"{}", model: str = "") -> Outgoing:
    """A request to the server on `port`."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    return Outgoing(Origin(tls=False, host="127.0.0.1", port=port), head, body, model=model)


async def test_a_whole_answer_is_returned_and_its_connection_used_again() -> None:
    """Three requests, one after the other, one connection."""
    async with model_server(answers(whole(b"hello"))) as server:
        with running_client() as client:
            for _ in range(3):
                answer = await client.unary(request(server.port), PATIENT, max_bytes=100)
                assert (answer.status, answer.body) == (200, b"hello")
        assert server.seen == 1


async def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    """HTTP/1.0's way is still an answer; the connection is not used again."""
    data = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nhello"
    async with model_server(breaks_after(data, reset=False)) as server:
        with running_client() as client:
            for _ in range(2):
                assert (await client.unary(request(server.port), PATIENT, max_bytes=100)).body == b"hello"
        assert server.seen == 2


async def test_chunks_arrive_when_they_are_sent() -> None:
    """The first chunk is there before the server has sent the second."""
    go_on = anyio.Event()

    async def script(asked: Asked, line: Line) -> None:
        await line.send(STREAM_HEAD + chunk(b"one"))
        await go_on.wait()
        await line.send(chunk(b"two") + LAST_CHUNK)

    async with model_server(script) as server:
        with running_client() as client:
            stream = await client.open_stream(request(server.port), PATIENT)
            assert await stream.read() == b"one"
            early = stream.complete
            go_on.set()
            assert await stream.read() == b"two"
            assert await stream.read() == b""
            assert (early, stream.complete) == (False, True)
            stream.close()
            assert client.busy == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.binary(min_size=1, max_size=40), max_size=6), cuts=st.lists(st.integers(1, 30), max_size=8))
def test_any_bytes_cut_anywhere_come_out_identical(pieces: list[bytes], cuts: list[int]) -> None:
    """The answer's bytes are the server's, however TCP cuts them, split chunk headers included."""
    wire = STREAM_HEAD + b"".join(map(chunk, pieces)) + LAST_CHUNK

    async def script(asked: Asked, line: Line) -> None:
        rest = wire
        for cut in cuts:
            await line.send(rest[:cut])
            await anyio.lowlevel.checkpoint()
            rest = rest[cut:]
        await line.send(rest)

    async def ask() -> bytes:
        async with model_server(script) as server:
            with running_client() as client:
                return (await client.unary(request(server.port), PATIENT, max_bytes=10_000)).body

    assert anyio.run(ask) == b"".join(pieces)


@pytest.mark.parametrize(
    ("script", "error", "kind"),
    [
        (hangs(), TimedOut, "timeout"),
        (hangs_after(STREAM_HEAD), TimedOut, "timeout"),
        (hangs_after(STREAM_HEAD + chunk(b"x")), TimedOut, "stalled"),
        (breaks_after(b""), BrokenAnswer, "reset"),
        (breaks_after(b"", reset=False), BrokenAnswer, "reset"),
        (breaks_after(STREAM_HEAD + chunk(b"x")), BrokenAnswer, "reset"),
        (breaks_after(STREAM_HEAD + chunk(b"x"), reset=False), BrokenAnswer, "truncated"),
        (breaks_after(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx", reset=False), BrokenAnswer, "truncated"),
        (answers(b"SSH-2.0-OpenSSH_9\r\n"), BrokenAnswer, "malformed"),
        (answers(b"HTTP/1.1 777 No\r\ncontent-length: 0\r\n\r\n"), BrokenAnswer, "malformed"),
        (answers(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"), BrokenAnswer, "malformed"),
        (answers(b"HTTP/1.1 100 Continue\r\n\r\n" * 50), BrokenAnswer, "malformed"),
        (answers(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000), BrokenAnswer, "oversized"),
        (
            answers(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
            BrokenAnswer,
            "malformed",
        ),
        (answers(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n" + b"x" * 300), BrokenAnswer, "oversized"),
    ],
)
async def test_every_way_to_fail_has_its_kind_and_leaves_no_connection(
    script: object, error: type[UpstreamFailure], kind: str
) -> None:
    """Whatever the server does, the caller gets one error with a short code, and the connection is gone."""
    async with model_server(script) as server:  # type: ignore[arg-type] # parametrised
        with running_client() as client:
            with pytest.raises(error) as failed:
                await client.unary(request(server.port), QUICK, max_bytes=200)
            assert failed.value.kind == kind
            assert client.busy == 0
            await server.emptied()


async def test_informational_answers_are_passed_over() -> None:
    """A 100 and a 103 before the answer are not the answer."""
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    async with model_server(answers(early + whole(b"real"))) as server:
        with running_client() as client:
            answer = await client.unary(request(server.port), PATIENT, max_bytes=100)
    assert (answer.status, answer.body) == (200, b"real")
    assert b"link" not in dict(answer.headers)


async def test_bytes_after_an_answer_do_not_reach_the_next_request() -> None:
    """A wrong content-length leaves bytes behind: the answer stands, the connection is not used again."""
    async with model_server(answers(whole(b"one") + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")) as server:
        with running_client() as client:
            for _ in range(3):
                assert (await client.unary(request(server.port), PATIENT, max_bytes=100)).body == b"one"
        assert server.seen == 3


async def test_a_refused_connection_says_so() -> None:
    """Nobody listens."""
    with running_client() as client, pytest.raises(ConnectFailed) as failed:
        await client.unary(request(free_port()), QUICK, max_bytes=100)
    assert failed.value.kind == "refused"


async def test_a_name_without_an_address_says_so() -> None:
    """DNS has no answer."""
    outgoing = Outgoing(Origin(tls=False, host="no-such-host.invalid", port=80), b"", b"")
    with running_client() as client, pytest.raises(ConnectFailed) as failed:
        await client.unary(outgoing, PATIENT, max_bytes=100)
    assert failed.value.kind == "dns"


async def test_a_stale_connection_is_replaced_without_anybody_noticing() -> None:
    """The server closes an idle connection as the next request goes out: nothing was received, so it is sent again."""
    requests = 0

    async def script(asked: Asked, line: Line) -> None:
        nonlocal requests
        requests += 1
        if requests == 2:
            line.reset()
        else:
            await line.send(whole(b"ok"))

    async with model_server(script) as server:
        with running_client() as client:
            for _ in range(2):
                assert (await client.unary(request(server.port), PATIENT, max_bytes=100)).body == b"ok"
    assert requests == 3


async def test_a_fresh_connection_that_breaks_is_not_tried_again() -> None:
    """The server may have begun to work: a second request could be billed, or act, twice."""
    async with model_server(breaks_after(b"")) as server:
        with running_client() as client, pytest.raises(BrokenAnswer):
            await client.unary(request(server.port), PATIENT, max_bytes=100)
        assert len(server.asked) == 1


async def test_connections_are_bounded_and_waiters_are_served_in_turn() -> None:
    """Twenty requests over two connections all get their answer."""
    async with model_server(answers(whole(b"ok"))) as server:
        with running_client(max_connections=2) as client:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(client.unary(request(server.port), PATIENT, max_bytes=9)) for _ in range(20)]
            assert [task.result().body for task in tasks] == [b"ok"] * 20
        assert server.seen <= 2


async def test_who_finds_every_connection_busy_is_told_in_time() -> None:
    """The wait in line ends with the connect deadline."""
    async with model_server(hangs()) as server:
        with running_client(max_connections=1) as client:
            busy = asyncio.ensure_future(client.unary(request(server.port), PATIENT, max_bytes=9))
            with anyio.fail_after(10):
                while not server.asked:  # noqa: ASYNC110 - polled with a deadline
                    await anyio.sleep(0.005)
            with pytest.raises(Saturated):
                await client.unary(request(server.port), Deadlines(connect=0.1), max_bytes=9)
            busy.cancel()
            await asyncio.gather(busy, return_exceptions=True)


@pytest.mark.parametrize("script", [hangs(), hangs_after(STREAM_HEAD + chunk(b"x"))], ids=["head", "stream"])
async def test_cancelled_requests_leave_no_connection_behind(script: object) -> None:
    """Two hundred requests, cancelled before the head or in mid-stream: the server sees all of them end at once."""
    async with model_server(script) as server:  # type: ignore[arg-type] # parametrised
        with running_client(max_connections=500) as client:
            tasks = [
                asyncio.ensure_future(client.unary(request(server.port), PATIENT, max_bytes=99)) for _ in range(200)
            ]
            with anyio.fail_after(30):
                while len(server.asked) < 200:  # noqa: ASYNC110 - polled with a deadline
                    await anyio.sleep(0.005)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(end, asyncio.CancelledError) for end in ended)
            await server.emptied(within_seconds=1.0)
            assert client.busy == 0
            assert client.pool(request(server.port).origin).connections == 0


async def test_cancelling_while_connecting_or_waiting_frees_the_place() -> None:
    """Cancelled at once, at any point of connecting or waiting in line, nobody keeps a slot."""
    async with model_server(answers(whole(b"ok"))) as server:
        with running_client(max_connections=2) as client:
            for rounds in range(30):
                tasks = [
                    asyncio.ensure_future(client.unary(request(server.port), PATIENT, max_bytes=9)) for _ in range(6)
                ]
                for _ in range(rounds % 7):
                    await anyio.lowlevel.checkpoint()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            assert (await client.unary(request(server.port), PATIENT, max_bytes=9)).body == b"ok"
            assert client.busy == 0


async def test_a_slow_reader_holds_the_server_back() -> None:
    """What nobody takes is not read: the buffer stays near its mark while the server has much more to say."""
    total = 64 * 1024 * 1024
    sent = 0

    async def script(asked: Asked, line: Line) -> None:
        nonlocal sent
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
        while sent < total:
            await line.send(b"x" * 65_536)
            sent += 65_536

    async with model_server(script) as server:
        with running_client() as client:
            stream = await client.open_stream(request(server.port), QUICK)
            await anyio.sleep(0.4)  # longer than QUICK's silence: the reader is slow, the server is not to blame
            assert sent < total // 2
            received = 0
            while data := await stream.read():
                assert len(data) < 8 * 1024 * 1024
                received += len(data)
            stream.close()
    assert received == total


async def test_two_models_on_one_server_share_no_connections() -> None:
    """A model that holds all its connections leaves the other model's alone."""

    async def script(asked: Asked, line: Line) -> None:
        if asked.body == b"slow":
            await anyio.sleep_forever()
        await line.send(whole(b"ok"))

    async with model_server(script) as server:
        slow, quick = (request(server.port, body, model=body.decode()) for body in (b"slow", b"quick"))
        with running_client(max_connections=1) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.open_stream, slow, PATIENT)
                with anyio.fail_after(10):
                    while not server.asked:  # noqa: ASYNC110 - polled with a deadline
                        await anyio.sleep(0.005)
                assert (await client.unary(quick, PATIENT, max_bytes=10)).body == b"ok"
                tasks.cancel_scope.cancel()
