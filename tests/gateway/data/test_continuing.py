"""A conversation kept on a model server goes on there: `previous_response_id`."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.data.origins import Origins, response_id
from routing.arms import Arm
from tests.gateway.data.harness import DataPlane, data_plane
from tests.gateway.model_server import LAST_CHUNK, STREAM_HEAD, Asked, Line, ModelServer, chunk, model_server, whole

pytestmark = pytest.mark.anyio

NotFound = tuple[str, dict[str, object]]
NOT_FOUND: list[NotFound] = [
    ("404 Not Found", {"error": {"message": "Response with id 'x' not found.", "code": 404}}),
    ("400 Bad Request", {"error": {"message": "not found", "code": "previous_response_not_found"}}),
]


@pytest.fixture
def anyio_backend() -> str:
    """One loop is enough here."""
    return "asyncio"


@dataclass
class Keeper:
    """A Responses API that keeps what it said, and goes on with nothing else."""

    name: str
    not_found: NotFound = NOT_FOUND[0]
    kept: set[str] = field(default_factory=set)

    async def __call__(self, asked: Asked, line: Line) -> None:
        """Answer as the script of a `model_server`."""
        body = json.loads(asked.body)
        previous = body.get("previous_response_id")
        if previous is not None and previous not in self.kept:
            status, error = self.not_found
            await line.send(whole(json.dumps(error).encode(), status))
            return
        made = f"resp_{self.name}_{len(self.kept)}"
        self.kept.add(made)
        response = {"id": made, "object": "response", "model": self.name, "output": []}
        if body.get("stream"):
            await line.send(STREAM_HEAD)
            for kind in ("created", "completed"):
                said = json.dumps({"type": f"response.{kind}", "response": response})
                await line.send(chunk(f"event: response.{kind}\ndata: {said}\n\n".encode()))
            await line.send(LAST_CHUNK)
        else:
            await line.send(whole(json.dumps(response).encode()))


@asynccontextmanager
async def both(old: Keeper, new: Keeper) -> AsyncIterator[tuple[DataPlane, ModelServer, ModelServer]]:
    """A data plane between two servers that keep responses."""
    async with (
        model_server(old) as stable,
        model_server(new) as candidate,
        data_plane(stable.base_url, candidate.base_url) as plane,
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
        elsewhere.note("resp_7", "new")
        plane.origins.learn(elsewhere.take_news())
        assert (await ask(plane, "resp_7")).headers["x-driftgate-arm"] == "candidate"
        assert stable.asked == []


@given(ids=st.lists(st.text(min_size=1, max_size=8), max_size=60), most=st.integers(1, 20))
def test_memory_is_bounded_and_the_oldest_is_forgotten(ids: list[str], most: int) -> None:
    """The last ones are known, and no more than the bound is kept."""
    origins = Origins(most)
    for number, each in enumerate(ids):
        origins.note(each, f"m{number}")
    assert len(origins) == min(most, len(set(ids)))
    for each in dict.fromkeys(ids[-1:]):
        assert origins.of(each) == f"m{len(ids) - 1}"
    assert origins.of("never made") is None
