"""Several servers of one model, breakers and health checks, on real sockets."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest

from gateway.config.load import load_text
from gateway.upstream.asking import Asker
from gateway.upstream.breaker import FAILURES, FIRST_PAUSE_SECONDS
from gateway.upstream.checks import watch
from gateway.upstream.errors import LeftAlone, Saturated, UpstreamFailure
from gateway.upstream.outgoing import Outgoing
from gateway.upstream.target import Place
from loadtest.rig.ports import free_port
from tests.gateway.model_server import (
    Asked,
    Line,
    ModelServer,
    Script,
    answers,
    hangs,
    model_server,
    says,
    whole,
)

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
BODY = b'{"model":"chat","messages":[]}'


@pytest.fixture
def anyio_backend() -> str:
    """The standard loop."""
    return "asyncio"


@asynccontextmanager
async def asking(urls: Sequence[str], *, more: str = "", workers: int = 1) -> AsyncIterator[Asker]:
    """An asker of the model `m` on these servers."""
    text = f"models: {{m: {{base_url: [{', '.join(urls)}]{more}}}}}\nendpoints: {{chat: {{stable: m}}}}\n"
    asker = Asker(load_text(text, "test.yaml", {}), workers=workers)
    try:
        yield asker
    finally:
        asker.close()


async def ask(asker: Asker, *, insist: bool = True, seconds: float = 5.0) -> int:
    """One question; the status of its answer."""
    return (await asker.unary("m", CHAT, [], BODY, deadline_seconds=seconds, insist=insist)).status


async def test_requests_are_spread_over_the_servers() -> None:
    """Asked one after the other, three servers get as much each, and each by its own name."""
    async with model_server(says("a")) as a, model_server(says("b")) as b, model_server(says("c")) as c:
        async with asking([a.base_url, b.base_url, c.base_url]) as asker:
            for _ in range(12):
                assert await ask(asker) == 200
        assert [len(server.asked) for server in (a, b, c)] == [4, 4, 4]
        assert [server.asked[0].header("host") for server in (a, b, c)] == [f"127.0.0.1:{s.port}" for s in (a, b, c)]


async def test_a_slow_server_gets_less() -> None:
    """What it has under way counts against it."""
    async with model_server(hangs()) as slow, model_server(says("b")) as quick:
        async with asking([slow.base_url, quick.base_url]) as asker, anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(ask, asker)
            await _until(lambda: bool(slow.asked))
            for _ in range(10):
                assert await ask(asker) == 200
            tasks.cancel_scope.cancel()
        assert len(slow.asked) == 1


async def test_a_server_that_is_gone_costs_nobody_an_answer() -> None:
    """Nothing was sent to it, so the other one is asked; and after a few failures it is not tried each time."""
    async with model_server(says("b")) as there:
        async with asking([f"http://127.0.0.1:{free_port()}/v1", there.base_url]) as asker:
            for _ in range(4 * FAILURES):
                assert await ask(asker) == 200
            retries = [value for name, value in asker.series().items() if 'reason="connect"' in name]
        assert len(there.asked) == 4 * FAILURES
        assert retries == [float(FAILURES)]


async def test_without_budget_a_server_that_is_gone_is_an_error() -> None:
    """Retries are paid for: where hardly any was earned, the first failure stands."""
    gone = f"http://127.0.0.1:{free_port()}/v1"
    async with model_server(says("b")) as there, asking([gone, there.base_url]) as asker:
        asker._models["m"].budget.saved = -100.0
        assert sorted([await _any(asker), await _any(asker)]) == ["200", "refused"]


@pytest.mark.parametrize(
    "script", [answers(whole(b"no", "503 Service Unavailable")), answers(b"nonsense\r\n\r\n")], ids=["503", "nonsense"]
)
async def test_a_server_that_keeps_failing_is_left_alone_and_gets_one_trial(script: Script) -> None:
    """After the pause one request is let in; it is answered, and everybody is let in again."""
    failing = True

    async def changing(asked: Asked, line: Line) -> None:
        await (script if failing else says("well again"))(asked, line)

    async with model_server(changing) as server, asking([server.base_url]) as asker:
        for _ in range(FAILURES):
            await _any(asker)
        asked = len(server.asked)
        with pytest.raises(LeftAlone):
            await ask(asker, insist=False)
        assert len(server.asked) == asked
        failing = False
        await _until(lambda: asker._models["m"].all[0].breaker.admits(asyncio.get_running_loop().time()))
        for _ in range(3):
            assert await ask(asker, insist=False) == 200
        assert asker.series()[f'driftgate_upstream_breaker_opened_total{{model="m",server="{_name(server)}"}}'] == 1.0


async def test_who_has_nowhere_else_to_go_is_not_turned_away() -> None:
    """Stable is asked whatever happened before: the application sees stable's own failures and no others."""
    async with model_server(answers(whole(b"no", "500 Internal Server Error"))) as server:
        async with asking([server.base_url]) as asker:
            for _ in range(2 * FAILURES):
                assert await ask(asker, insist=True) == 500
        assert len(server.asked) == 2 * FAILURES


async def test_rejected_requests_open_no_breaker() -> None:
    """A 400 may be the application's own fault: it must not take a model away from everybody."""
    async with model_server(answers(whole(b"{}", "400 Bad Request"))) as server, asking([server.base_url]) as asker:
        for _ in range(2 * FAILURES):
            assert await ask(asker, insist=False) == 400
        assert len(server.asked) == 2 * FAILURES


async def test_a_models_bound_is_shared_out_among_the_workers() -> None:
    """Four at once, two workers: this one sends two, and who waits longer than it takes to connect is told."""
    bound = ", max_in_flight: 4"
    async with model_server(hangs()) as server, asking([server.base_url], more=bound, workers=2) as asker:
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(ask, asker)
            await _until(lambda: len(server.asked) == 2)
            with pytest.raises(Saturated):
                await ask(asker, seconds=0.1)
            tasks.cancel_scope.cancel()
        assert len(server.asked) == 2


async def test_a_server_that_fails_its_check_is_asked_last_and_comes_back() -> None:
    """It answers questions, badly perhaps; its operator says that it is not to be asked."""
    well = True

    async def script(asked: Asked, line: Line) -> None:
        if asked.path == "/health":
            await line.send(whole(b"", "200 OK" if well else "503 Service Unavailable"))
        else:
            await says("a")(asked, line)

    async with model_server(script) as server, asking([server.base_url], more=", health: /health") as asker:
        (only,) = asker._models["m"].all
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch, asker._models.values(), asker.client, 0.01)
            assert await ask(asker, insist=False) == 200
            well = False
            await _until(lambda: not only.passes_check)
            with pytest.raises(LeftAlone):
                await ask(asker, insist=False)
            well = True
            await _until(lambda: only.passes_check)
            assert await ask(asker, insist=False) == 200
            tasks.cancel_scope.cancel()


async def _any(asker: Asker) -> str:
    try:
        return str(await ask(asker))
    except UpstreamFailure as failure:
        return failure.kind


async def _until(met: object, seconds: float = 5.0 + FIRST_PAUSE_SECONDS) -> None:
    assert callable(met)
    with anyio.fail_after(seconds):
        while not met():  # noqa: ASYNC110 - polled with a deadline
            await anyio.sleep(0.005)


def _name(server: ModelServer) -> str:
    return f"127.0.0.1:{server.port}/v1"


@pytest.mark.parametrize("status", ["503 Service Unavailable", "429 Too Many Requests"])
async def test_a_server_without_room_costs_nobody_an_answer(status: str) -> None:
    """It says that it made nothing of the request, so another is asked: the same bytes, once, and within the budget."""
    async with model_server(refuses(status)) as full, model_server(says("b")) as free:
        async with asking([full.base_url, free.base_url]) as asker:
            for _ in range(6):
                assert await opened(asker) == 200
            assert asker.client.busy == 0
        assert len(full.asked) >= 3
        assert len(free.asked) == 6
        assert {asked.body for asked in (*full.asked, *free.asked)} == {BODY.replace(b"chat", b"m")}


async def test_where_no_server_has_room_the_last_refusal_is_the_answer() -> None:
    """Each was asked once; its own words reach the caller, and one that is gone meanwhile makes it no worse."""
    async with model_server(refuses("503 Service Unavailable")) as one, model_server(refuses("429 Busy")) as other:
        async with asking([one.base_url, other.base_url, f"http://127.0.0.1:{free_port()}/v1"]) as asker:
            assert await opened(asker) in (429, 503)
            assert asker.client.busy == 0
        assert (len(one.asked), len(other.asked)) == (1, 1)


async def test_without_budget_a_refusal_is_the_answer() -> None:
    """Retries multiply load just when there is too little room: most requests are sent once."""
    async with model_server(refuses("503 Service Unavailable")) as one, model_server(refuses("503 Full")) as other:
        async with asking([one.base_url, other.base_url]) as asker:
            for _ in range(40):
                assert await opened(asker) == 503
        assert len(one.asked) + len(other.asked) < 40 + 25


@pytest.mark.parametrize("status", ["500 Internal Server Error", "502 Bad Gateway", "504 Gateway Timeout", "400 Bad"])
async def test_what_a_server_may_have_worked_on_is_sent_to_no_other(status: str) -> None:
    """Nor is anything where the caller does not want it: mirrors, and what goes on with one server's own answers."""
    async with model_server(refuses(status)) as one, model_server(says("b")) as other:
        async with asking([one.base_url, other.base_url]) as asker:
            statuses = [await opened(asker) for _ in range(4)]
        assert statuses.count(200) == 2
    async with model_server(refuses("503 Full")) as one, model_server(says("b")) as other:
        async with asking([one.base_url, other.base_url]) as asker:
            statuses = [await opened(asker, moves_on=False) for _ in range(4)]
        assert statuses.count(503) == 2


async def test_whoever_leaves_between_two_servers_leaves_no_connection() -> None:
    """The first has refused, the second says nothing."""
    async with model_server(refuses("503 Full")) as full, model_server(hangs()) as silent:
        async with asking([full.base_url, silent.base_url]) as asker, anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(opened, asker)
            await _until(lambda: len(silent.asked) == 4)
            tasks.cancel_scope.cancel()
        assert asker.client.busy == 0


def refuses(status: str) -> Script:
    """A server that answers everything with this."""
    return answers(whole(b'{"error": {}}', status))


async def opened(asker: Asker, *, moves_on: bool = True) -> int:
    """One question as the data path asks it; the status of its answer."""
    target = asker.target("m")

    def write(place: Place) -> Outgoing:
        return asker.preparer.request(target, CHAT, [], BODY, model="chat", place=place)

    stream = await asker.open("m", write, asker.deadlines(target), insist=True, moves_on=moves_on)
    while await stream.read():
        pass
    stream.close()
    return stream.status
