"""Who gets the candidate beside the draw, and which data goes where."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import httpx
import pytest

from gateway.data.origins import Made
from gateway.keys import stored_hash
from routing.arms import Arm
from routing.bucketing import bucket
from routing.exposure import Observation
from tests.gateway.data.harness import FOREVER, SECRET, DataPlane, data_plane
from tests.gateway.model_server import ModelServer, answers, completion, model_server, whole

pytestmark = pytest.mark.anyio

ASK = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def anyio_backend() -> str:
    """One loop is enough here."""
    return "asyncio"


def key(name: str, **options: str) -> str:
    """One key of the file, whose token is its name."""
    written = "".join(f", {option}: {value}" for option, value in options.items())
    return f'  - {{name: {name}, role: app, hash: "{stored_hash(SECRET, name)}"{written}}}\n'


@dataclass
class Scene:
    """A data plane between two models."""

    plane: DataPlane
    stable: ModelServer
    candidate: ModelServer

    async def ask(self, caller: str, path: str = "/v1/chat/completions", **headers: str) -> httpx.Response:
        """One request of a caller."""
        return await self.plane.ask(ASK, path=path, authorization=f"Bearer {caller}", **headers)

    def expose(self, weight_bps: int, *, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> None:
        """A grant with rings."""
        self.plane.expose(weight_bps)
        route = self.plane.table.get("chat")
        assert route is not None
        assert route.grant is not None
        grant = replace(route.grant, include=include, exclude=exclude)
        self.plane.table.observe("chat", Observation(None, grant, FOREVER, grant.revision), 0.0)

    def undrawn(self, reason: str) -> float:
        """What /metrics will say."""
        return self.plane.tally.values().get(f'driftgate_undrawn_total{{endpoint="chat",reason="{reason}"}}', 0.0)


@asynccontextmanager
async def scene(keys: str, *, stable: str = "", candidate: str = "") -> AsyncIterator[Scene]:
    """A scene; `stable` and `candidate` are options of the two models."""
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(model_server(answers(whole(completion("x"))))) for _ in range(2)]
        plane = await stack.enter_async_context(
            data_plane(
                servers[0].base_url,
                servers[1].base_url,
                more=f"  other: {{stable: new}}\npassthrough: {{/v1/files: chat, /v1/responses/*: chat}}\nkeys:\n{keys}"
                if keys
                else "",
                stable_options=stable,
                candidate_options=candidate,
            )
        )
        yield Scene(plane, *servers)


async def test_a_ring_is_served_by_the_candidate_before_any_percentage() -> None:
    """At 0 %, only its keys; the exchange says that nobody drew it, and is handed over for pairs."""
    async with scene(key("dev", ring="internal") + key("shop")) as it:
        it.expose(0, include=("ring:internal",))
        assert (await it.ask("dev")).headers["x-driftgate-arm"] == "candidate"
        assert (await it.ask("shop")).headers["x-driftgate-arm"] == "stable"
        dev, shop = await it.plane.handed_over(2)
        assert (dev.assigned, dev.drawn, dev.pinned) == (Arm.CANDIDATE, False, False)
        assert (shop.assigned, shop.drawn) == (Arm.STABLE, True)
        assert (it.undrawn("ring"), it.plane.counted("undrawn.ring"), it.plane.counted("candidate")) == (1, 1, 1)


async def test_a_tenant_that_is_left_out_is_left_out_of_everything() -> None:
    """At 100 %, with the ring's attribute beside: stable answers, no rollout is named, nothing is handed over."""
    async with scene(key("teller", tenant="bank", ring="internal") + key("shop")) as it:
        it.expose(10_000, include=("ring:internal",), exclude=("tenant:bank",))
        answer = await it.ask("teller")
        assert answer.headers["x-driftgate-arm"] == "stable"
        assert "x-driftgate-rollout" not in answer.headers
        await it.ask("shop")
        (only,) = await it.plane.handed_over(1)
        assert only.assigned is Arm.CANDIDATE
        assert it.undrawn("excluded") == 1


async def test_one_huge_key_does_not_become_the_canary() -> None:
    """A key in the candidate's bucket at 1 %: after 40 requests stable serves it, counted and out of the split."""
    huge = next(name for n in range(3_000) if bucket("salt", name := f"u{n}") < 100)
    async with scene("") as it:
        it.expose(100)
        async with httpx.AsyncClient(base_url=it.plane.url, trust_env=False, headers={"x-user-id": huge}) as client:
            arms = [(await client.post("/v1/chat/completions", json=ASK)).headers["x-driftgate-arm"] for _ in range(60)]
        assert arms == ["candidate"] * 40 + ["stable"] * 20
        exchanges = await it.plane.handed_over(60)
        assert [exchange.drawn for exchange in exchanges] == [True] * 40 + [False] * 20
        assert (it.undrawn("crowded"), it.plane.counted("undrawn.crowded")) == (20, 20)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/chat/completions", ("error", "code", "data_class_not_accepted")),
        ("/v1/messages", ("error", "type", "permission_error")),
        ("/v1/embeddings", ("error", "code", "data_class_not_accepted")),
        ("/v1/files", ("error", "code", "data_class_not_accepted")),
    ],
)
async def test_data_that_stable_may_not_get_is_refused(path: str, shape: tuple[str, str, str]) -> None:
    """Of another class, or without one: 403 in the API's shape, on every way to the model, and nothing reaches it."""
    keys = key("clinic", **{"class": "health"}) + key("shop") + key("lab", **{"class": "finance"})
    async with scene(keys, stable="accepts: [health, test]", candidate="accepts: [finance]") as it:
        for caller in ("shop", "lab"):
            answer = await it.ask(caller, path)
            assert answer.status_code == 403
            assert answer.json()[shape[0]][shape[1]] == shape[2]
        assert it.stable.asked == []
        assert (await it.ask("clinic", path)).status_code == 200


async def test_data_with_a_class_does_not_go_to_a_model_without_one() -> None:
    """What has no label fails closed on the model's side, too."""
    async with scene(key("shop") + key("clinic", **{"class": "health"}), candidate="accepts: [health]") as it:
        assert (await it.ask("clinic")).status_code == 403
        assert (await it.ask("shop")).status_code == 200


async def test_a_candidate_that_may_not_get_the_data_never_sees_it() -> None:
    """At 100 % and by a pin: stable serves, and nothing goes to the shadow worker that could mirror it."""
    keys = key("clinic", pin="true", **{"class": "health"}) + key("lab", **{"class": "finance"})
    async with scene(keys, stable="accepts: [health]", candidate="accepts: [finance]") as it:
        it.expose(10_000, include=("key:clinic",))
        for more in ({}, {"x_driftgate_arm": "candidate"}):
            assert (await it.ask("clinic", **more)).headers["x-driftgate-arm"] == "stable"
        assert it.candidate.asked == []
        assert (it.undrawn("excluded"), it.plane.handover.sent) == (2, 0)


@pytest.mark.parametrize(("may", "asked"), [("health", 1), ("law", 0)])
async def test_what_a_former_model_made_is_asked_of_it_only_where_it_may_have_the_data(may: str, asked: int) -> None:
    """Its own answer, and still a request that says who asks for what."""
    keys = key("clinic", **{"class": "health"}) + key("lab", **{"class": "finance"})
    async with scene(keys, stable="accepts: [health]", candidate=f"accepts: [finance, {may}]") as it:
        it.stable.script = answers(whole(b"{}", "404 Not Found"))
        it.plane.origins.note("chat", "resp_7", Made("new"))
        async with httpx.AsyncClient(base_url=it.plane.url, trust_env=False) as client:
            await client.get("/v1/responses/resp_7", headers={"authorization": "Bearer clinic"})
        assert (len(it.stable.asked), len(it.candidate.asked)) == (1, asked)


async def test_the_exchange_names_the_class_of_its_data() -> None:
    """Whoever passes it on can check."""
    async with scene(
        key("clinic", **{"class": "health"}), stable="accepts: [health]", candidate="accepts: [health]"
    ) as it:
        it.expose(10_000)
        assert (await it.ask("clinic")).headers["x-driftgate-arm"] == "candidate"
        (exchange,) = await it.plane.handed_over(1)
        assert exchange.data_class == "health"
