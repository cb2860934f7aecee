"""A conversation kept on a model server goes on there: `previous_response_id`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.data.elsewhere import LOOK_SECONDS, Elsewhere
from gateway.data.origins import Made, Origins, response_id, short
from routing.arms import Arm
from routing.connecting import connect
from routing.made_store import MadeStore
from tests.gateway.data.harness import DataPlane, data_plane
from tests.gateway.data.keeping import NOT_FOUND, Keeper, NotFound
from tests.gateway.model_server import ModelServer, model_server
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """One loop is enough here."""
    return "asyncio"


@asynccontextmanager
async def both(
    old: Keeper, new: Keeper, made: MadeStore | None = None, look_seconds: float = 2.0
) -> AsyncIterator[tuple[DataPlane, ModelServer, ModelServer]]:
    """A data plane between two servers that keep responses; `made`: what it shares with other gateways."""

    def elsewhere(origins: Origins) -> Elsewhere | None:
        return None if made is None else Elsewhere(made, origins, look_seconds=look_seconds)

    async with (
        model_server(old) as stable,
        model_server(new) as candidate,
        data_plane(stable.base_url, candidate.base_url, elsewhere=elsewhere) as plane,
    ):
        yield plane, stable, candidate


async def ask(plane: DataPlane, previous: str | None = None, *, stream: bool = False, **headers: str) -> httpx.Response:
    """One turn."""
    more = {"previous_response_id": previous} if previous else {}
    return await plane.ask({"model": "chat", "input": "hi", "stream": stream, **more}, path="/v1/responses", **headers)


def made_by(answer: httpx.Response) -> str:
    """The id that the answer names."""
    found = response_id(answer.content)
    assert found is not None
    return found


@pytest.mark.parametrize("stream", [False, True])
async def test_a_conversation_stays_with_the_model_that_began_it(stream: bool) -> None:
    """Begun on stable before the rollout, or on the candidate during it, whatever the user's bucket says by now."""
    old, new = Keeper("old"), Keeper("new")
    async with both(old, new) as (plane, stable, candidate):
        before = made_by(await ask(plane, stream=stream))
        plane.expose(10_000)
        during = made_by(await ask(plane, stream=stream))
        on_stable = await ask(plane, before, stream=stream)
        plane.expose(1)
        on_candidate = await ask(plane, during, stream=stream)
        assert [len(server.asked) for server in (stable, candidate)] == [2, 2]
    assert (on_stable.headers["x-driftgate-arm"], on_candidate.headers["x-driftgate-arm"]) == ("stable", "candidate")
    assert "x-driftgate-fallback" not in {*on_stable.headers, *on_candidate.headers}


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_who_made_a_compressed_answer_is_known(coding: str) -> None:
    """The official clients take compressed answers, and providers give them."""
    packed = Keeper("new", packs=coding)
    async with both(Keeper("old"), packed) as (plane, stable, _):
        plane.expose(10_000)
        made = made_by(await ask(plane))
        plane.expose(1)
        assert (await ask(plane, made)).headers["x-driftgate-arm"] == "candidate"
        assert stable.asked == []


async def test_what_goes_on_is_no_evidence() -> None:
    """Which arm it has depends on when the conversation began: neither arm's requests would be a fair sample."""
    async with both(Keeper("old"), Keeper("new")) as (plane, _, _):
        plane.expose(10_000)
        await ask(plane, made_by(await ask(plane)))
        (first,) = await plane.handed_over(1)
        assert (first.assigned, plane.handover.sent, plane.counted("assigned.candidate")) == (Arm.CANDIDATE, 1, 1)
        assert plane.tally.values()['driftgate_undrawn_total{endpoint="chat",reason="continued"}'] == 1


@pytest.mark.parametrize("not_found", NOT_FOUND, ids=["404", "400"])
@pytest.mark.parametrize(("weight", "keeper"), [(1, "new"), (10_000, "old")])
async def test_on_a_miss_the_sticky_arm_is_asked_and_then_the_other(
    not_found: NotFound, weight: int, keeper: str
) -> None:
    """Another gateway began it: the arm that has it answers, and the other's "not found" is no failure of it."""
    models = {name: Keeper(name, not_found, {"resp_elsewhere"} if name == keeper else set()) for name in ("old", "new")}
    async with both(models["old"], models["new"]) as (plane, _, _):
        plane.expose(weight)
        answer = await ask(plane, "resp_elsewhere")
        again = await ask(plane, made_by(answer))
        assert plane.counted("hard_failure.candidate") == 0
    assert (answer.status_code, answer.json()["model"]) == (200, keeper)
    assert again.json()["model"] == keeper
    assert "x-driftgate-fallback" not in again.headers


async def test_a_response_that_nobody_has_is_stables_error() -> None:
    """As without the gateway; and without a rollout nobody else is asked."""
    async with both(Keeper("old"), Keeper("new")) as (plane, stable, candidate):
        for weight in (0, 1, 10_000):
            plane.expose(weight)
            answer = await ask(plane, "resp_nowhere")
            assert (answer.status_code, answer.headers["x-driftgate-arm"]) == (404, "stable")
        assert (len(stable.asked), len(candidate.asked)) == (3, 2)


async def test_after_a_rollback_stable_is_asked() -> None:
    """The candidate serves nobody any more, whatever it keeps."""
    async with both(Keeper("old"), Keeper("new")) as (plane, _, candidate):
        plane.expose(10_000)
        kept = made_by(await ask(plane))
        plane.table.roll_back("chat", "r1", plane.revision + 1)
        answer = await ask(plane, kept)
        assert (answer.status_code, len(candidate.asked)) == (404, 1)


async def test_what_another_worker_saw_is_known_here() -> None:
    """Told over the control channel: no question goes to the wrong model."""
    async with both(Keeper("old"), Keeper("new", kept={"resp_7"})) as (plane, stable, _):
        plane.expose(1)
        elsewhere = Origins()
        elsewhere.note("chat", "resp_7", Made("new"))
        plane.origins.learn(elsewhere.take_news())
        assert (await ask(plane, "resp_7")).headers["x-driftgate-arm"] == "candidate"
        assert stable.asked == []


@asynccontextmanager
async def made_store(server: RedisServer, most: int = 50_000) -> AsyncIterator[MadeStore]:
    """What a gateway has of Redis for this."""
    link = connect(server.url, timeout_seconds=2.0)
    yield MadeStore(link, "dg", most=most)
    await link.aclose()


@pytest.mark.parametrize(("weight", "keeper"), [(1, "new"), (10_000, "old")])
async def test_what_another_gateway_saw_is_read_from_redis(redis_server: RedisServer, weight: int, keeper: str) -> None:
    """Whatever the sticky arm is; asked once, since it is remembered."""
    models = {name: Keeper(name, kept={"resp_elsewhere"} if name == keeper else set()) for name in ("old", "new")}
    async with made_store(redis_server) as made, both(models["old"], models["new"], made) as (plane, *servers):
        await made.note("chat", [(short("resp_elsewhere"), keeper)], 2.0)
        plane.expose(weight)
        answers = [await ask(plane, "resp_elsewhere") for _ in range(3)]
        assert [answer.json()["model"] for answer in answers] == [keeper] * 3
        assert {len(server.asked) for server in servers} == {0, 3}
        assert _scripts_run(redis_server) == 2


async def test_redis_is_asked_by_nobody_else(redis_server: RedisServer) -> None:
    """Not where a conversation begins, nor where this gateway knows, nor where no candidate serves anybody."""
    async with made_store(redis_server) as made, both(Keeper("old"), Keeper("new"), made) as (plane, *_):
        plane.expose(10_000)
        first = made_by(await ask(plane))
        await ask(plane, first)
        await plane.ask({"model": "chat", "messages": [], "previous_response_id": "resp_nowhere"})
        plane.expose(0)
        await ask(plane, "resp_nowhere")
        assert _scripts_run(redis_server) == 0


async def test_a_redis_that_does_not_answer_costs_a_conversation_nothing_but_a_detour(
    redis_server: RedisServer,
) -> None:
    """The sticky arm is asked, and on its "not found" the other; this gateway knows from then on."""
    new = Keeper("new", kept={f"resp_{number}" for number in range(8)})
    async with made_store(redis_server) as made, both(Keeper("old"), new, made, LOOK_SECONDS) as (plane, *_):
        for number in range(8):
            await made.note("chat", [(short(f"resp_{number}"), "new")], 2.0)
        plane.expose(1)
        redis_server.freeze()
        try:
            answers = [await ask(plane, f"resp_{number}") for number in range(8)]
        finally:
            redis_server.thaw()
        assert [(answer.status_code, answer.json()["model"]) for answer in answers] == [(200, "new")] * 8


async def test_what_redis_keeps_of_responses_is_bounded(redis_server: RedisServer) -> None:
    """The last ones are known, at least as many as fit into one half; the oldest are not."""
    async with made_store(redis_server, most=10) as made:
        for number in range(45):
            await made.note("chat", [(number, f"m{number}")], 2.0)
            if number % 7 == 0:
                known = [at for at in range(45) if await made.find("chat", at, 2.0) is not None]
                assert known == list(range(known[0], number + 1))
                assert min(number + 1, 10) <= len(known) <= 20
        with redis_server.client() as client:
            for name in client.scan_iter("dg:*"):
                assert 0 < client.ttl(name) <= 7 * 86_400


def _scripts_run(server: RedisServer) -> int:
    with server.client() as client:
        stats = client.info("commandstats")
    return sum(int(stats.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in ("eval", "evalsha_ro", "eval_ro"))


@settings(deadline=None)
@given(ids=st.lists(st.text(min_size=1, max_size=8), max_size=60), most=st.integers(1, 20))
def test_memory_is_bounded_and_the_oldest_is_forgotten(ids: list[str], most: int) -> None:
    """The last ones are known, and no more than the bound is kept."""
    origins = Origins(most)
    for number, each in enumerate(ids):
        origins.note("chat", each, Made(f"m{number}", "" if number % 2 else f"h:{number}/v1"))
    assert len(origins) == min(most, len(set(ids)))
    for each in dict.fromkeys(ids[-1:]):
        number = len(ids) - 1
        assert origins.of("chat", each) == Made(f"m{number}", "" if number % 2 else f"h:{number}/v1")
    assert origins.of("chat", "never made") is None
