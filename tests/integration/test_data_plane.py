"""A data worker as the supervisor starts it, with a real Redis, a control channel, and the official client."""

import json
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic

import anyio
import httpx
import openai
import pytest
from redis.asyncio import Redis

from gateway.channel.messages import RollBack, RouteUpdate
from gateway.channel.server import ControlServer
from gateway.config.load import load_text
from gateway.data import worker
from gateway.runtime import Runtime
from rollback.journal import GenerationNoted, Journal, RolledBackNoted
from routing.address import parse
from routing.exposure import Generation, Grant
from routing.names import EndpointKeys, exposure_channel
from tests.gateway.data.keeping import Keeper
from tests.gateway.model_server import ModelServer, hangs, model_server, says
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio

KEYS = EndpointKeys("dg", "chat")
TURNS = 12
GRANT = Grant("r1", "new", "salt", 10_000, 1, 3, 1)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """As in production."""
    return "asyncio", {"use_uvloop": True}


async def eventually(check: Callable[[], Awaitable[bool]], within_seconds: float = 3.0) -> None:
    """Wait until the check says yes."""
    with anyio.fail_after(within_seconds):
        while not await check():  # noqa: ASYNC110 - polled with a deadline
            await anyio.sleep(0.01)


@dataclass
class Gateway:
    """One running worker and the parts around it."""

    url: str
    control: ControlServer
    redis: "Redis"
    stop: anyio.Event
    stopped: anyio.Event

    async def arm(self) -> str:
        """The arm that answers a request now."""
        async with httpx.AsyncClient(trust_env=False) as client:
            body = {"model": "chat", "messages": [{"role": "user", "content": "hi"}], "user": "ann"}
            answer = await client.post(f"{self.url}/v1/chat/completions", json=body)
            assert answer.status_code == 200, answer.text
            return answer.headers["x-driftgate-arm"]

    async def until_arm(self, arm: str, within_seconds: float = 3.0) -> None:
        """Ask until `arm` answers."""

        async def answers() -> bool:
            return await self.arm() == arm

        await eventually(answers, within_seconds)

    async def readiness(self) -> tuple[int, dict[str, object]]:
        """What /readyz says."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"{self.url}/readyz")
            return answer.status_code, answer.json()

    async def until_ready(self) -> None:
        """Ask /readyz until it is 200."""

        async def ready() -> bool:
            return (await self.readiness())[0] == 200

        await eventually(ready)


@asynccontextmanager
async def gateway(
    redis_url: str, old: ModelServer, new: ModelServer, *, state_dir: Path | None = None, drain: str = "5s"
) -> AsyncIterator[Gateway]:
    """A worker on a free port, with its control server; stopped in order at the end."""
    config = load_text(
        f"""
models:
  old: {{base_url: "{old.base_url}", model: old}}
  new: {{base_url: "{new.base_url}", model: new}}
endpoints:
  chat: {{stable: old}}
limits: {{drain: {drain}}}
""",
        "test.yaml",
        {},
    )
    with tempfile.TemporaryDirectory(prefix="dg") as directory:
        runtime = Runtime(Path(directory), state_dir or Path(directory), parse(redis_url), "dg")
        present = RouteUpdate(0, "chat", None, None, 0, 0, monotonic())
        control = ControlServer(runtime.control_socket, state=lambda: [present], lease_seconds=lambda: 10.0)
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        ready, stop, stopped = anyio.Event(), anyio.Event(), anyio.Event()
        redis = Redis.from_url(redis_url)
        try:
            async with control.serving(), anyio.create_task_group() as tasks:

                async def serve() -> None:
                    await worker.serve(config, runtime, index=0, listener=listener, ready=ready.set, stop=stop)
                    stopped.set()

                tasks.start_soon(serve)
                with anyio.fail_after(5):
                    await ready.wait()
                yield Gateway(url, control, redis, stop, stopped)
                stop.set()
        finally:
            await redis.aclose()


@pytest.fixture
async def models() -> AsyncIterator[tuple[ModelServer, ModelServer]]:
    """Two model servers that answer with their names."""
    async with model_server(says("I am the old one")) as old, model_server(says("I am the new one")) as new:
        yield old, new


async def test_the_official_client_notices_nothing(
    redis_server: RedisServer, models: tuple[ModelServer, ModelServer]
) -> None:
    """Unary and streamed, its own models list, its own exceptions, as it has them from the API itself."""
    async with (
        gateway(redis_server.url, *models) as running,
        openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="sk-any", max_retries=0) as client,
    ):
        whole = await client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "hi"}])
        assert whole.choices[0].message.content == "I am the old one"
        assert whole._request_id
        pieces = [
            chunk.choices[0].delta.content or ""
            async for chunk in await client.chat.completions.create(
                model="chat", messages=[{"role": "user", "content": "hi"}], stream=True
            )
        ]
        assert "".join(pieces).strip() == "I am the old one"
        assert [model.id async for model in client.models.list()] == ["chat"]
        assert (await client.models.retrieve("chat")).id == "chat"
        with pytest.raises(openai.NotFoundError) as missing:
            await client.chat.completions.create(model="nope", messages=[])
        assert missing.value.code == "model_not_found"
        with pytest.raises(openai.APIStatusError) as large:
            await client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "x" * 20_000_000}])
        assert large.value.status_code == 413


async def test_a_grant_in_redis_reaches_the_worker_and_its_end_too(
    redis_server: RedisServer, models: tuple[ModelServer, ModelServer]
) -> None:
    """Published, it is in force at once; deleted, stable answers; counts arrive under the rollout's key."""
    async with gateway(redis_server.url, *models) as running:
        await running.until_ready()
        assert await running.arm() == "stable"
        await running.redis.set(KEYS.rollout, json.dumps({"revision": GRANT.revision, "version": 1}))
        await running.redis.set(KEYS.grant, json.dumps(_plain(GRANT)), px=60_000)
        await running.redis.publish(exposure_channel("dg"), "chat")
        await running.until_arm("candidate", 0.8)
        await running.redis.delete(KEYS.grant)
        await running.until_arm("stable", 2.0)

        async def counted() -> bool:
            return int(await running.redis.hget(KEYS.counts("r1"), "candidate") or 0) >= 1

        await eventually(counted)


async def test_a_conversation_that_began_at_another_gateway_goes_on_where_it_began(redis_server: RedisServer) -> None:
    """Two gateways on one Redis: a model is asked for what the other one has only where Redis was too slow to tell."""
    kept = Keeper("new"), Keeper("old")
    async with (
        model_server(kept[1]) as old,
        model_server(kept[0]) as new,
        gateway(redis_server.url, old, new) as one,
        gateway(redis_server.url, old, new) as other,
    ):
        await one.redis.set(KEYS.grant, json.dumps(_plain(GRANT)), px=60_000)
        begun = [await _respond_from(one, "candidate") for _ in range(TURNS)]

        async def told() -> bool:
            return int(await one.redis.hlen(KEYS.made_halves[0])) >= TURNS

        await eventually(told)
        await one.redis.set(KEYS.grant, json.dumps(_plain(replace(GRANT, weight_bps=1, revision=4))), px=60_000)
        await _respond_from(other, "stable")
        asked = len(old.asked)
        going_on = [await _respond(other, answer.json()["id"]) for answer in begun]
        assert {(answer.status_code, answer.headers["x-driftgate-arm"]) for answer in going_on} == {(200, "candidate")}
        assert len(old.asked) < asked + TURNS


async def _respond(at: Gateway, previous: str | None = None) -> httpx.Response:
    """One turn of a conversation that the model keeps."""
    async with httpx.AsyncClient(trust_env=False) as client:
        body = {
            "model": "chat",
            "input": "hi",
            "user": "ann",
            **({"previous_response_id": previous} if previous else {}),
        }
        return await client.post(f"{at.url}/v1/responses", json=body)


async def _respond_from(at: Gateway, arm: str) -> httpx.Response:
    """The first turn that `arm` answers."""
    with anyio.fail_after(5):
        while (answer := await _respond(at)).headers.get("x-driftgate-arm") != arm:  # noqa: ASYNC110 - polled with a deadline
            await anyio.sleep(0.02)
    return answer


async def test_a_lease_that_nobody_renews_runs_out(
    redis_server: RedisServer, models: tuple[ModelServer, ModelServer]
) -> None:
    """Redis stops while a grant is in force: no request fails, and after the lease everybody is on stable."""
    async with gateway(redis_server.url, *models) as running:
        await running.redis.set(KEYS.grant, json.dumps(_plain(GRANT)), px=1_500)
        await running.until_arm("candidate")
        redis_server.stop()
        began = monotonic()
        await running.until_arm("stable")
        assert monotonic() - began < 1.7

        async def degraded() -> bool:
            return "redis" in dict((await running.readiness())[1].get("why") or {})  # type: ignore[call-overload]

        await eventually(degraded)
        redis_server.start()
        await running.redis.set(KEYS.grant, json.dumps(_plain(GRANT)), px=60_000)
        await running.until_arm("candidate", 5.0)


async def test_a_rollback_by_the_control_channel_needs_no_redis(
    redis_server: RedisServer, models: tuple[ModelServer, ModelServer]
) -> None:
    """Acknowledged means in force: the next request is stable's, whatever Redis says later."""
    async with gateway(redis_server.url, *models) as running:
        await running.redis.set(KEYS.grant, json.dumps(_plain(GRANT)), px=60_000)
        await running.until_arm("candidate")
        seq = running.control.push(RollBack(0, "chat", "r1", 4))
        settled = await running.control.settle(seq, 1.0)
        assert (settled.acknowledged, settled.pending) == (1, ())
        assert await running.arm() == "stable"
        await running.redis.publish(exposure_channel("dg"), "chat")
        for _ in range(30):
            assert await running.arm() == "stable"


async def test_a_worker_remembers_by_the_journal(tmp_path: Path, models: tuple[ModelServer, ModelServer]) -> None:
    """With neither Redis nor the control process, the last generation serves, and a latched rollout stays out."""
    journal = Journal(tmp_path / "journal.jsonl")
    journal.note(GenerationNoted("chat", Generation(2, "new", 1.0, "driftgate")))
    journal.note(RolledBackNoted("chat", "r1", 5))
    journal.close()
    async with gateway(f"unix://{tmp_path}/none.sock", *models, state_dir=tmp_path) as running:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{running.url}/v1/chat/completions", json={"model": "chat", "messages": []})
        assert answer.json()["model"] == "new"
        await running.until_ready()
        seq = running.control.push(RouteUpdate(0, "chat", None, GRANT, 10_000, 6, monotonic()))
        await running.control.settle(seq, 1.0)
        status, said = await running.readiness()
        assert (status, said["status"]) == (200, "degraded")
        assert set(said["why"]) == {"redis", "shadow"}  # type: ignore[call-overload]


async def test_the_drain_deadline_ends_a_stop(redis_server: RedisServer) -> None:
    """A model server that hangs does not keep the worker: at the deadline its request is cut."""
    async with (
        model_server(hangs()) as stuck,
        gateway(redis_server.url, stuck, stuck, drain="200ms") as running,
        anyio.create_task_group() as tasks,
        httpx.AsyncClient(trust_env=False, timeout=30) as client,
    ):

        async def ask() -> None:
            with pytest.raises(httpx.HTTPError):
                await client.post(f"{running.url}/v1/chat/completions", json={"model": "chat"})

        tasks.start_soon(ask)
        with anyio.fail_after(10):
            while not stuck.asked:  # noqa: ASYNC110 - polled with a deadline
                await anyio.sleep(0.01)
            running.stop.set()
            await running.stopped.wait()
        await stuck.emptied()


def _plain(grant: Grant) -> dict[str, object]:
    return asdict(grant)
