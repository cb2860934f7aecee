"""The upstream client over HTTP/2: the same promises as over HTTP/1.1, on connections that are shared."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
import trustme
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.upstream.errors import BrokenAnswer, ConnectFailed, Saturated, TimedOut, UpstreamFailure
from gateway.upstream.exchange import Deadlines
from gateway.upstream.outgoing import Outgoing
from gateway.upstream.target import Http, Origin
from tests.gateway.data.harness import data_plane
from tests.gateway.h2_server import OK, STREAM, Asked2, Reply, hangs2, http2_server, says2
from tests.gateway.model_server import completion, event, model_server, says
from tests.gateway.upstream.clients import PATIENT, QUICK, running_client

pytestmark = pytest.mark.anyio


def request(port: int, body: bytes = b"{}", origin: Origin | None = None) -> Outgoing:
    """A request to the server on `port`, which speaks HTTP/2 without TLS."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: m:1\r\nx-a: 1\r\ncontent-length: %d\r\n\r\n" % len(body)
    return Outgoing(origin or Origin(tls=False, host="127.0.0.1", port=port, http=Http.TWO), head, body)


async def test_a_request_goes_out_as_http2_has_it_and_connections_are_shared() -> None:
    """Pseudo headers instead of a first line and Host; twenty requests at once on one connection."""

    async def script(asked: Asked2, reply: Reply) -> None:
        reply.head([*OK, ("x-b", "1"), ("x-b", "2")])
        reply.send(asked.body, ends=True)

    async with http2_server(script) as server:
        with running_client() as client:
            bodies = [b'{"n": %d}' % number for number in range(20)]
            asking = [client.unary(request(server.port, body), PATIENT, max_bytes=99) for body in bodies]
            answers = await asyncio.gather(*asking)
        assert [answer.body for answer in answers] == bodies
        assert answers[0].headers.count((b"x-b", b"2")) == 1
        assert server.seen == 1
        names = [":method", ":scheme", ":authority", ":path", "x-a", "content-length"]
        assert [name for name, _ in server.asked[0].headers] == names
        assert server.asked[0].header(":authority") == "m:1"


async def test_bodies_wait_for_the_servers_window_and_come_whole() -> None:
    """A megabyte through windows of 64 KB."""

    async def script(asked: Asked2, reply: Reply) -> None:
        reply.head(OK)
        reply.send(b"%d" % len(asked.body), ends=True)

    async with http2_server(script) as server:
        with running_client() as client:
            whole = await client.unary(request(server.port, b"x" * 1_000_000), PATIENT, max_bytes=99)
        assert whole.body == b"1000000"
        assert server.asked[0].body == b"x" * 1_000_000


async def test_chunks_arrive_when_they_are_sent() -> None:
    """The first does not wait for the second, and the end is known with the last."""
    go_on = anyio.Event()

    async def script(asked: Asked2, reply: Reply) -> None:
        reply.head(STREAM)
        reply.send(b"one")
        await go_on.wait()
        reply.send(b"two")
        reply.head([("x-trailer", "t")], ends=True)

    async with http2_server(script) as server:
        with running_client() as client:
            stream = await client.open_stream(request(server.port), PATIENT)
            assert await stream.read() == b"one"
            go_on.set()
            assert await stream.read() == b"two"
            assert await stream.read() == b""
            assert stream.trailers == [(b"x-trailer", b"t")]
            stream.close()
            assert client.busy == 0
    assert server.ended == {"answered": 1}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_in_any_frames_come_out_identical(pieces: list[bytes]) -> None:
    """Empty frames and all."""

    async def script(asked: Asked2, reply: Reply) -> None:
        reply.head(OK)
        for piece in pieces:
            reply.send(piece)
        reply.send(b"", ends=True)

    async def ask() -> bytes:
        async with http2_server(script) as server:
            with running_client() as client:
                return (await client.unary(request(server.port), PATIENT, max_bytes=10_000)).body

    assert anyio.run(ask) == b"".join(pieces)


async def resets(asked: Asked2, reply: Reply) -> None:
    """In mid-stream."""
    reply.head(STREAM)
    reply.send(b"x")
    reply.reset()


async def cuts(asked: Asked2, reply: Reply) -> None:
    """The whole connection."""
    reply.head(STREAM)
    reply.send(b"x")
    await anyio.sleep(0.02)
    reply.cut()


async def babbles(asked: Asked2, reply: Reply) -> None:
    """Something else than HTTP/2."""
    reply.raw(b"HTTP/1.1 200 OK\r\n\r\n" * 20)


async def floods(asked: Asked2, reply: Reply) -> None:
    """Interim answers without end."""
    for _ in range(50):
        reply.head([(":status", "103")])
    await anyio.sleep_forever()


async def swells(asked: Asked2, reply: Reply) -> None:
    """Headers above all measure."""
    reply.head([*OK, *((f"x-{number}", "y" * 500) for number in range(200))])
    await anyio.sleep_forever()


@pytest.mark.parametrize(
    ("script", "error", "kinds"),
    [
        (hangs2(), TimedOut, ("timeout",)),
        (hangs2(b"x"), TimedOut, ("stalled",)),
        (resets, BrokenAnswer, ("reset",)),
        (cuts, BrokenAnswer, ("reset",)),
        (babbles, BrokenAnswer, ("malformed",)),
        (floods, BrokenAnswer, ("malformed",)),
        (swells, BrokenAnswer, ("malformed",)),
    ],
    ids=["hangs", "stalls", "reset", "cut", "babble", "1xx flood", "header bomb"],
)
async def test_every_way_to_fail_has_its_kind_and_leaves_nothing(
    script: object, error: type[UpstreamFailure], kinds: tuple[str, ...]
) -> None:
    """As over HTTP/1.1: one error with a short code, and the stream is gone from both sides."""
    async with http2_server(script) as server:  # type: ignore[arg-type] # parametrised
        with running_client() as client:
            with pytest.raises(error) as failed:
                await client.unary(request(server.port), QUICK, max_bytes=200)
            assert failed.value.kind in kinds
            assert client.busy == 0
            await server.emptied()


@pytest.mark.parametrize("script", [hangs2(), hangs2(b"x")], ids=["head", "stream"])
async def test_cancelled_requests_are_reset_at_once_and_leave_the_others_alone(script: object) -> None:
    """Two hundred streams, cancelled in either phase: the server sees each reset within a second."""
    go_on = anyio.Event()

    async def mixed(asked: Asked2, reply: Reply) -> None:
        if asked.body == b"kept":
            await go_on.wait()
            await says2(b"ok")(asked, reply)
        else:
            await script(asked, reply)  # type: ignore[operator] # parametrised

    async with http2_server(mixed) as server:
        with running_client(max_connections=500) as client:
            kept = asyncio.ensure_future(client.unary(request(server.port, b"kept"), PATIENT, max_bytes=9))
            tasks = [
                asyncio.ensure_future(client.unary(request(server.port), PATIENT, max_bytes=9)) for _ in range(200)
            ]
            with anyio.fail_after(5):
                while len(server.asked) < 201:  # noqa: ASYNC110 - polled with a deadline
                    await anyio.sleep(0.005)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with anyio.fail_after(1):
                while server.open > 1:  # noqa: ASYNC110 - polled with a deadline
                    await anyio.sleep(0.005)
            assert server.ended == {"CANCEL": 200}
            go_on.set()
            assert (await kept).body == b"ok"
            assert client.busy == 0


async def test_many_cancelled_streams_do_not_use_up_the_connection() -> None:
    """Bytes that nobody took are given back to the connection's window: it serves on, the very same one."""
    async with http2_server(hangs2(b"x" * 60_000)) as server:
        with running_client() as client:
            for _ in range(50):
                stream = await client.open_stream(request(server.port), PATIENT)
                stream.close()
            server.script = says2(b"ok")
            assert (await client.unary(request(server.port), PATIENT, max_bytes=9)).body == b"ok"
        assert server.seen == 1


async def test_a_slow_reader_holds_back_its_own_stream_and_no_other() -> None:
    """The server may send a window's worth ahead; another stream of the same connection flows."""
    sent = 0

    async def script(asked: Asked2, reply: Reply) -> None:
        nonlocal sent
        reply.head(STREAM)
        if asked.body == b"quick":
            reply.send(b"ok", ends=True)
            return
        while True:
            size = min(16_384, reply.window())
            if size:
                reply.send(b"x" * size)
                sent += size
            await anyio.lowlevel.checkpoint()

    async with http2_server(script) as server:
        with running_client() as client:
            slow = await client.open_stream(request(server.port, b"slow"), PATIENT)
            before = -1
            with anyio.fail_after(5):
                while before != sent or not sent:
                    before = sent
                    await anyio.sleep(0.05)
            assert sent < 1_000_000
            assert (await client.unary(request(server.port, b"quick"), PATIENT, max_bytes=9)).body == b"ok"
            await slow.read()
            with anyio.fail_after(5):
                while sent == before:  # noqa: ASYNC110 - polled with a deadline
                    await anyio.sleep(0.005)
            slow.close()
        assert server.seen == 1


async def test_a_server_that_refuses_a_stream_is_asked_once_more() -> None:
    """REFUSED_STREAM means that nothing was done; but only once, and only within the budget."""

    async def script(asked: Asked2, reply: Reply) -> None:
        if len(server.asked) in (1, 3):
            reply.reset(ErrorCodes.REFUSED_STREAM)
        else:
            await says2(b"ok")(asked, reply)

    async with http2_server(script) as server:
        with running_client() as client:
            assert (await client.unary(request(server.port), PATIENT, max_bytes=9)).body == b"ok"
            with pytest.raises(BrokenAnswer):
                await client.open_stream(request(server.port), PATIENT, lambda: False)


async def test_a_server_that_goes_away_gets_no_new_streams() -> None:
    """GOAWAY: the next request opens another connection."""

    async def script(asked: Asked2, reply: Reply) -> None:
        await says2(b"ok")(asked, reply)
        if len(server.asked) == 1:
            reply.go_away(last=reply.number)

    async with http2_server(script) as server:
        with running_client() as client:
            for _ in range(3):
                assert (await client.unary(request(server.port), PATIENT, max_bytes=9)).body == b"ok"
        assert server.seen == 2


async def test_streams_under_way_end_well_on_a_connection_that_goes_away() -> None:
    """A server that is being replaced finishes what it began; what it has not seen is asked on another connection."""
    seen = anyio.Event()

    async def script(asked: Asked2, reply: Reply) -> None:
        if asked.body == b"first":
            reply.head(STREAM)
            reply.send(b"one")
            await seen.wait()
            reply.go_away(last=reply.number)
            reply.send(b"two", ends=True)
        elif asked.connection == 1:
            seen.set()
            await anyio.sleep_forever()
        else:
            await says2(b"ok")(asked, reply)

    async with http2_server(script) as server:
        with running_client() as client:
            stream = await client.open_stream(request(server.port, b"first"), PATIENT)
            other = asyncio.ensure_future(client.unary(request(server.port), PATIENT, max_bytes=9))
            received = b""
            while data := await stream.read():
                received += data
            stream.close()
            assert received == b"onetwo"
            assert (await other).body == b"ok"
        assert server.seen == 2


async def test_streams_are_bounded_by_the_server_and_by_us() -> None:
    """A server that allows three at once gets three on each connection; our own bound holds over all of them."""
    allowed = {SettingCodes.MAX_CONCURRENT_STREAMS: 3}
    async with http2_server(hangs2(), settings=allowed) as server:
        with running_client(max_connections=6) as client:
            first = asyncio.ensure_future(client.unary(request(server.port), PATIENT, max_bytes=9))
            with anyio.fail_after(10):
                while not server.asked:  # noqa: ASYNC110 - polled with a deadline
                    await anyio.sleep(0.005)
            tasks = [asyncio.ensure_future(client.unary(request(server.port), PATIENT, max_bytes=9)) for _ in range(5)]
            with anyio.fail_after(10):
                while len(server.asked) < 6:  # noqa: ASYNC110 - polled with a deadline
                    await anyio.sleep(0.005)
            assert server.seen >= 2
            with pytest.raises(Saturated):
                await client.unary(request(server.port), Deadlines(connect=0.1), max_bytes=9)
            for task in (first, *tasks):
                task.cancel()
            await asyncio.gather(first, *tasks, return_exceptions=True)
            assert client.busy == 0


async def test_an_upload_goes_out_as_it_comes() -> None:
    """Pieces of a body whose length nobody knows beforehand."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"y" * 10_000

    async def script(asked: Asked2, reply: Reply) -> None:
        reply.head(OK)
        reply.send(b"%d" % len(asked.body), ends=True)

    async with http2_server(script) as server:
        with running_client() as client:
            head = b"POST /v1/files HTTP/1.1\r\nhost: m\r\ntransfer-encoding: chunked\r\n\r\n"
            outgoing = Outgoing(request(server.port).origin, head, b"", chunked=True)
            stream = await client.open_upload(outgoing, pieces(), PATIENT)
            assert await stream.read() == b"1000000"
            stream.close()
        assert server.asked[0].header("transfer-encoding") is None


# ── over TLS, and through the gateway ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """The operator's own authority."""
    return trustme.CA()


def certificate(authority: trustme.CA, *protocols: str) -> ssl.SSLContext:
    """A server's side of TLS that speaks these protocols."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(list(protocols))
    return context


def trusted(authority: trustme.CA, place: Path) -> str:
    """A file with the authority's certificate."""
    path = place / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


async def test_auto_speaks_what_the_server_prefers(authority: trustme.CA, tmp_path: Path) -> None:
    """HTTP/2 where TLS offers it, HTTP/1.1 where it does not; a model that insists on 2 says what is missing."""
    ca_file = trusted(authority, tmp_path)
    async with (
        http2_server(says2(b"two"), certificate(authority, "h2", "http/1.1")) as both,
        model_server(says("one"), certificate(authority, "http/1.1")) as old,
    ):
        with running_client() as client:
            auto = Origin(tls=True, host="127.0.0.1", port=both.port, ca_file=ca_file, http=Http.AUTO)
            assert (await client.unary(request(0, origin=auto), PATIENT, max_bytes=99)).body == b"two"
            auto = Origin(tls=True, host="127.0.0.1", port=old.port, ca_file=ca_file, http=Http.AUTO)
            assert b"one" in (await client.unary(request(0, b'{"model": "m"}', auto), PATIENT, max_bytes=999)).body
            two = Origin(tls=True, host="127.0.0.1", port=old.port, ca_file=ca_file, http=Http.TWO)
            with pytest.raises(ConnectFailed, match="does not offer HTTP/2"):
                await client.unary(request(0, origin=two), PATIENT, max_bytes=99)


async def test_an_application_notices_nothing_of_it() -> None:
    """A streamed answer of a candidate over HTTP/2, and a client that leaves."""
    async with model_server(says("from stable")) as stable, http2_server(hangs2(event("from new"))) as new:
        models = f'  two: {{base_url: "{new.url()}", http: "2", model: two}}'
        async with data_plane(stable.base_url, models=models) as plane:
            plane.expose(10_000, candidate="two")
            ask = {"model": "chat", "messages": [], "stream": True}
            with pytest.raises(TimeoutError), anyio.fail_after(0.5):
                await plane.ask(ask)
            await new.emptied()
            assert new.ended == {"CANCEL": 1}
            new.script = says2(completion("whole"))
            answer = await plane.ask(ask | {"stream": False})
            assert (answer.headers["x-driftgate-arm"], answer.content) == ("candidate", completion("whole"))
            assert new.asked[-1].header(":path") == "/v1/chat/completions"
