"""What one server keeps is asked of that server: a model with several, and answers that are looked at or cancelled."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import openai
import pytest

from gateway.data.elsewhere import Elsewhere
from gateway.data.origins import Made, Origins, response_id, short
from loadtest.rig.ports import free_port
from routing.made_store import MadeStore
from tests.gateway.data.harness import DataPlane, data_plane
from tests.gateway.data.keeping import NOT_FOUND, Keeper, NotFound
from tests.gateway.data.test_continuing import made_store
from tests.gateway.model_server import ModelServer, hangs, model_server
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio

PASSED = "passthrough: {/v1/responses/*: chat}"
Scene = tuple[DataPlane, list[ModelServer]]


@pytest.fixture
def anyio_backend() -> str:
    """One loop is enough here."""
    return "asyncio"


@asynccontextmanager
async def two_servers(first: Keeper, second: Keeper, made: MadeStore | None = None) -> AsyncIterator[Scene]:
    """A data plane whose stable model has two servers, and whose candidate is asked at the first; `made` is shared."""

    def elsewhere(origins: Origins) -> Elsewhere | None:
        return None if made is None else Elsewhere(made, origins, look_seconds=2.0)

    async with model_server(first) as one, model_server(second) as two:
        models = f"  pair: {{base_url: [{one.base_url!r}, {two.base_url!r}], model: old, api_key: sk-old}}"
        more = f"  both: {{stable: pair}}\n{PASSED.replace('chat', 'both')}"
        async with data_plane(one.base_url, models=models, more=more, elsewhere=elsewhere) as plane:
            yield plane, [one, two]


async def ask(plane: DataPlane, previous: str | None = None, *, stream: bool = False) -> httpx.Response:
    """One turn."""
    more = {"previous_response_id": previous} if previous else {}
    return await plane.ask({"model": "both", "input": "hi", "stream": stream, **more}, path="/v1/responses")


async def look(plane: DataPlane, path: str, method: str = "GET") -> httpx.Response:
    """A request to what a kept response has below its path."""
    async with httpx.AsyncClient(base_url=plane.url, trust_env=False, timeout=10) as client:
        return await client.request(method, f"/v1/responses/{path}")


def made_by(answer: httpx.Response) -> str:
    """The id that the answer names."""
    found = response_id(answer.content)
    assert found is not None
    return found


@pytest.mark.parametrize("stream", [False, True])
async def test_a_conversation_stays_on_the_server_that_began_it(stream: bool) -> None:
    """Whichever of a model's servers began it, and however many turns it has; the other one is never asked."""
    async with two_servers(Keeper("one"), Keeper("two")) as (plane, servers):
        for _ in range(4):
            made = made_by(await ask(plane, stream=stream))
            for _ in range(3):
                answer = await ask(plane, made, stream=stream)
                made = made_by(answer)
                assert answer.status_code == 200
        assert [len(server.asked) for server in servers] == [8, 8]


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_which_of_several_servers_made_a_compressed_answer_is_known(coding: str) -> None:
    """The next turn must go to the server that made it, which the answer's id says; the client's wish passes."""
    async with two_servers(Keeper("one", packs=coding), Keeper("two", packs=coding)) as (plane, servers):
        said = {"model": "both", "input": "hi"}
        made = made_by(await plane.ask(said, path="/v1/responses", accept_encoding=coding))
        maker = next(server for server in servers if server.asked)
        for _ in range(3):
            assert (await ask(plane, made)).status_code == 200
        assert (len(maker.asked), maker.asked[0].header("accept-encoding")) == (4, coding)


@pytest.mark.parametrize("not_found", NOT_FOUND, ids=["404", "400"])
async def test_where_nobody_knows_who_has_it_one_server_after_another_is_asked(not_found: NotFound) -> None:
    """After a restart, say; from the next turn on it is known."""
    one, two = Keeper("one", not_found, {"resp_before"}), Keeper("two", not_found)
    async with two_servers(one, two) as (plane, servers):
        for _ in range(4):
            assert (await ask(plane, "resp_before")).json()["model"] == "one"
        made = made_by(await ask(plane, "resp_before"))
        asked = len(servers[1].asked)
        assert (await ask(plane, made)).json()["model"] == "one"
        assert len(servers[1].asked) == asked <= 5


async def test_what_no_server_has_is_an_error_as_it_was_said() -> None:
    """Each of them is asked once."""
    async with two_servers(Keeper("one"), Keeper("two")) as (plane, servers):
        answer = await ask(plane, "resp_nowhere")
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND[0][1])
        assert [len(server.asked) for server in servers] == [1, 1]


async def test_where_the_server_that_made_it_is_gone_the_others_are_asked() -> None:
    """Those may share what they keep; nobody waits for the one that is gone."""
    async with two_servers(Keeper("one"), Keeper("two", kept={"resp_7"})) as (plane, servers):
        plane.origins.note("both", "resp_7", Made("pair", f"127.0.0.1:{free_port()}/v1"))
        assert (await ask(plane, "resp_7")).json()["model"] == "two"
        assert (await look(plane, "resp_7")).status_code == 200
        assert len(servers[1].asked) == 2


async def test_a_server_that_has_no_room_is_not_passed_over_for_one_that_has_not_got_it() -> None:
    """The client is told to come again, instead of that there is no such response."""
    busy = Keeper("one", ("429 Too Many Requests", {"error": {"message": "busy"}}))
    async with two_servers(busy, Keeper("two")) as (plane, servers):
        plane.origins.note("both", "resp_7", Made("pair", f"127.0.0.1:{servers[0].port}/v1"))
        assert (await ask(plane, "resp_7")).status_code == 429
        assert servers[1].asked == []


async def test_which_server_made_it_is_read_from_redis(redis_server: RedisServer) -> None:
    """Told by one gateway and read by another, without a rollout, too."""
    two = Keeper("two", kept={"resp_7"})
    async with made_store(redis_server) as made, two_servers(Keeper("one"), two, made) as (plane, servers):
        await made.note("both", [(short("resp_7"), str(Made("pair", f"127.0.0.1:{servers[1].port}/v1")))], 2.0)
        assert [(await ask(plane, "resp_7")).json()["model"] for _ in range(4)] == ["two"] * 4
        assert servers[0].asked == []


@pytest.mark.parametrize("known", [True, False], ids=["known", "forgotten"])
@pytest.mark.parametrize("method", ["GET", "DELETE", "POST cancel"])
async def test_an_answer_of_the_candidate_is_looked_at_where_it_is(method: str, known: bool) -> None:
    """As its conversation goes on there; where nobody knows, stable is asked, and then the candidate."""
    verb, _, below = method.partition(" ")
    async with (
        model_server(Keeper("old")) as stable,
        model_server(Keeper("new", kept={"resp_7"})) as candidate,
        data_plane(stable.base_url, candidate.base_url, more=PASSED) as plane,
    ):
        plane.expose(1)
        if known:
            plane.origins.note("chat", "resp_7", Made("new"))
        answer = await look(plane, f"resp_7/{below}".rstrip("/"), verb)
        assert (answer.status_code, answer.headers["x-driftgate-arm"]) == (200, "candidate")
        assert [asked.method for asked in candidate.asked] == [verb]
        assert len(stable.asked) == (0 if known else 1)


@pytest.mark.parametrize("talk", ["conv_1", {"id": "conv_1"}], ids=["id", "object"])
@pytest.mark.parametrize(("weight", "keeper"), [(1, "new"), (10_000, "old")])
async def test_a_kept_conversation_goes_on_where_it_is(talk: object, weight: int, keeper: str) -> None:
    """Wherever the draw would have it; that the other arm does not have it is no failure, and is asked once."""
    models = {name: Keeper(name, kept={"conv_1"} if name == keeper else set()) for name in ("old", "new")}
    async with (
        model_server(models["old"]) as stable,
        model_server(models["new"]) as candidate,
        data_plane(stable.base_url, candidate.base_url) as plane,
    ):
        plane.expose(weight)
        body = {"model": "chat", "input": "hi", "conversation": talk}
        answers = [await plane.ask(body, path="/v1/responses") for _ in range(3)]
        assert [answer.json()["model"] for answer in answers] == [keeper] * 3
        assert (len(stable.asked), len(candidate.asked)) == ((3, 1) if keeper == "old" else (1, 3))
        assert plane.counted("hard_failure.candidate") == 0


@asynccontextmanager
async def rolled_back(old: Keeper, new: Keeper, more: str = PASSED) -> AsyncIterator[tuple[DataPlane, str]]:
    """A data plane whose candidate made a response, and was rolled back."""
    async with (
        model_server(old) as stable,
        model_server(new) as candidate,
        data_plane(stable.base_url, candidate.base_url, more=more, candidate_options="timeout: 1s") as plane,
    ):
        plane.expose(10_000)
        made = made_by(await plane.ask({"model": "chat", "input": "hi"}, path="/v1/responses"))
        plane.table.roll_back("chat", "r1", plane.revision + 1)
        yield plane, made


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST cancel"])
async def test_after_a_rollback_the_candidate_is_asked_for_what_it_made(method: str) -> None:
    """Whoever waits for an answer in the background gets it, or stops it; stable is asked first."""
    verb, _, below = method.partition(" ")
    old, new = Keeper("old"), Keeper("new")
    async with rolled_back(old, new) as (plane, made):
        answer = await look(plane, f"{made}/{below}".rstrip("/"), verb)
    assert (answer.status_code, answer.json()["model"], answer.headers["x-driftgate-arm"]) == (200, "new", "candidate")


async def test_after_a_rollback_the_candidate_is_asked_for_nothing_new() -> None:
    """Neither for the next turn, nor for a path that might make it say something, nor for what it did not make."""
    new = Keeper("new")
    async with rolled_back(Keeper("old"), new) as (plane, made):
        new.kept.add("resp_unknown")
        turn = {"model": "chat", "input": "hi", "previous_response_id": made}
        answers = [
            await plane.ask(turn, path="/v1/responses"),
            await look(plane, f"{made}/again", "POST"),
            await look(plane, "resp_unknown"),
        ]
    assert [(answer.status_code, answer.headers["x-driftgate-arm"]) for answer in answers] == [(404, "stable")] * 3


async def test_what_a_model_made_that_is_gone_is_not_found() -> None:
    """As stable says, and soon: it may have been rolled back because it hangs."""
    async with model_server(Keeper("old")) as stable, model_server(hangs()) as candidate:
        options = "timeout: 200ms"
        async with data_plane(stable.base_url, candidate.base_url, more=PASSED, candidate_options=options) as plane:
            plane.origins.note("chat", "resp_7", Made("new"))
            answer = await look(plane, "resp_7")
            assert len(candidate.asked) == 1
    assert (answer.status_code, answer.headers["x-driftgate-arm"]) == (404, "stable")


async def test_what_another_endpoints_model_made_is_asked_of_nobody_here() -> None:
    """Whose caller may ask this endpoint may have no right to that one."""
    async with rolled_back(
        Keeper("old"), Keeper("new"), f"  other: {{stable: old}}\n{PASSED.replace('chat', 'other')}"
    ) as (
        plane,
        made,
    ):
        assert (await look(plane, made)).status_code == 404


async def test_after_a_promotion_the_former_stable_is_asked_for_what_it_made(redis_server: RedisServer) -> None:
    """What it made before, as another gateway has noted; Redis is asked although no rollout runs."""
    async with (
        made_store(redis_server) as made,
        model_server(Keeper("old", kept={"resp_7"})) as former,
        model_server(Keeper("new")) as stable,
        data_plane(
            stable.base_url,
            more=PASSED,
            models=f"  before: {{base_url: {former.base_url!r}}}",
            elsewhere=lambda origins: Elsewhere(made, origins, look_seconds=2.0),
        ) as plane,
    ):
        await made.note("chat", [(short("resp_7"), "before")], 2.0)
        assert (await look(plane, "resp_7")).json()["model"] == "old"


async def test_the_official_client_waits_for_a_background_answer_of_the_candidate() -> None:
    """Made, asked for, and cancelled: all of it by one model, as without a rollout."""
    async with (
        model_server(Keeper("old")) as stable,
        model_server(Keeper("new")) as candidate,
        data_plane(stable.base_url, candidate.base_url, more=PASSED) as plane,
        openai.AsyncOpenAI(base_url=f"{plane.url}/v1", api_key="k", max_retries=0) as client,
    ):
        plane.expose(10_000)
        made = await client.responses.create(model="chat", input="hi", background=True)
        assert [(await client.responses.retrieve(made.id)).id, (await client.responses.cancel(made.id)).id] == [
            made.id
        ] * 2
        assert (len(stable.asked), len(candidate.asked)) == (0, 3)
