"""The shadow role as a gateway runs it: a real socket, a real model server, a real Valkey."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from msgspec import structs
from redis.asyncio import Redis

from gateway.config.load import load_text
from gateway.runtime import Runtime
from gateway.shadowing import serve
from loadtest.rig.ports import free_port
from routing.address import parse
from routing.names import EndpointKeys
from shadow.exchange import Exchange, encode
from tests.gateway.model_server import ModelServer, Script, model_server, says
from tests.redis_server import RedisServer, binary_of
from tests.shadow.making import chunks, exchange, on_candidate, request

pytestmark = pytest.mark.anyio

KEYS = EndpointKeys("dg", "chat")


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """Both loops: the gateway runs on uvloop where there is one."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@dataclass
class Role:
    """A running shadow role, and what it writes to."""

    runtime: Runtime
    valkey: RedisServer
    redis: "Redis"
    candidate: ModelServer

    async def hand_over(self, *exchanges: Exchange) -> None:
        """As a data worker does."""
        async with await anyio.connect_unix(self.runtime.shadow_socket) as stream:
            for each in exchanges:
                payload = encode(each)
                await stream.send(len(payload).to_bytes(4, "big") + payload)

    async def hash(self, name: str) -> dict[bytes | str, bytes | str]:
        """What a Redis hash holds."""
        return dict(await self.redis.hgetall(name))

    async def until(self, name: str, field: bytes, value: bytes) -> None:
        """Wait until the counter has the value."""
        with anyio.fail_after(10):
            while (await self.hash(name)).get(field) != value:  # noqa: ASYNC110 - polled with a deadline
                await anyio.sleep(0.02)


@asynccontextmanager
async def shadow_role(
    script: Script,
    *,
    candidate_port: int | None = None,
    endpoint: str = "shadow: {sample: 100%, noise_floor: 0%}",
    more: str = "",
    models: str = "",
) -> AsyncIterator[Role]:
    """The role with `old` and `new` behind it, mirroring everything, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="dg") as directory:
        run_dir = Path(directory)
        valkey = RedisServer(binary_of("valkey"), run_dir)
        valkey.start()
        runtime = Runtime(run_dir, run_dir, parse(valkey.url), "dg")
        async with model_server(script) as candidate:
            base = f"http://127.0.0.1:{candidate_port or candidate.port}/v1"
            config = load_text(
                f"""
models:
  old: {{base_url: "{candidate.base_url}", model: old}}
  new: {{base_url: "{base}", model: new-7b, api_key: sk-new}}
{models}
endpoints:
  chat: {{stable: old, {endpoint}}}
{more}
""",
                "test.yaml",
                {},
            )
            redis = Redis.from_url(valkey.url, socket_timeout=2.0)
            try:
                async with anyio.create_task_group() as tasks:
                    ready, stop = anyio.Event(), anyio.Event()

                    async def run() -> None:
                        await serve(config, runtime, ready=ready.set, stop=stop)

                    tasks.start_soon(run)
                    with anyio.fail_after(5):
                        await ready.wait()
                    yield Role(runtime, valkey, redis, candidate)
                    stop.set()
            finally:
                await redis.aclose()
                valkey.stop()


async def test_exchanges_become_cells_in_redis() -> None:
    """Handed over, mirrored with the model's own name and key, compared, flushed."""
    async with shadow_role(says("Paris is the capital.")) as role:
        await role.hand_over(*(exchange(f"user-{i}") for i in range(30)))
        await role.until(KEYS.counts("chat-1"), b"shadowed", b"30")
        cells = await role.hash(KEYS.cells(1))
        assert cells[b"p/refusal/*/0/0"] == cells[b"p/length/*/0/0"] == cells[b"k/0/paired/stable"] == b"30"
        asked = role.candidate.asked[0]
        assert b'"new-7b"' in asked.body
        assert asked.header("authorization") == "Bearer sk-new"
        assert asked.header("x-driftgate-shadow") == "1"


async def test_a_streamed_exchange_is_mirrored_as_a_stream() -> None:
    """Both sides are events, and read as the same text."""
    async with shadow_role(says("Paris is the capital.")) as role:
        body = request(stream=True)
        answer = chunks({"content": "Paris is "}, {"content": "the capital. "})
        await role.hand_over(exchange(stream=True, request_body=body, answer_body=answer))
        await role.until(KEYS.counts("chat-1"), b"shadowed", b"1")
        assert b'"stream": true' in role.candidate.asked[0].body
        assert (await role.hash(KEYS.cells(1)))[b"p/length/*/0/0"] == b"1"


async def test_a_candidate_that_is_not_there_fails_every_mirror() -> None:
    """A refused connection is the candidate's error at weight 0."""
    async with shadow_role(says("x"), candidate_port=free_port()) as role:
        await role.hand_over(exchange())
        await role.until(KEYS.cells(1), b"p/errors/*/0/20", b"1")
        assert (await role.hash(KEYS.cells(1)))[b"n/refusal/*/0/paired/candidate/refused"] == b"1"


async def test_counters_wait_while_valkey_hangs() -> None:
    """And are added once when it goes on."""
    async with shadow_role(says("Paris.")) as role:
        role.valkey.freeze()
        try:
            await role.hand_over(*(on_candidate(f"user-{i}") for i in range(20)))
            await anyio.sleep(1.5)  # longer than a write's deadline: at least one has failed when it goes on
        finally:
            role.valkey.thaw()
        await role.until(KEYS.counts("chat-1"), b"shadowed", b"20")
        assert (await role.hash(KEYS.cells(1)))[b"k/2/split/candidate"] == b"20"


async def test_two_epochs_of_one_endpoint_do_not_mix() -> None:
    """Each has its own hash, and a key may vote in both."""
    async with shadow_role(says("Paris.")) as role:
        await role.hand_over(exchange("a"), structs.replace(exchange("a"), epoch=2))
        await role.until(KEYS.counts("chat-1"), b"shadowed", b"2")
        for epoch in (1, 2):
            assert (await role.hash(KEYS.cells(epoch)))[b"k/0/paired/stable"] == b"1"


async def test_pairs_are_kept_for_review_where_the_configuration_says_so() -> None:
    """Redacted, with an expiry; the labels' routes read them from there."""
    consent = "shadow: {sample: 100%, noise_floor: 0%}, review: {sample: 100%, keep: 1h}"
    async with shadow_role(says("Ask jo@mail.example.")) as role:
        await role.hand_over(exchange())
        await role.until(KEYS.counts("chat-1"), b"shadowed", b"1")
        assert await role.redis.keys("*pair:*") == []
    async with shadow_role(says("Ask jo@mail.example."), endpoint=consent) as role:
        await role.hand_over(exchange())
        with anyio.fail_after(10):
            while not (kept := await role.redis.keys("*pair:*")):  # noqa: ASYNC110 - polled with a deadline
                await anyio.sleep(0.02)
        assert "Ask [email]." in str(await role.redis.get(kept[0]))
        assert 0 < await role.redis.ttl(kept[0]) <= 3_600


async def test_the_configured_judge_settles_what_words_leave_open() -> None:
    """It is asked over the same client as the mirrors; here all models say SAME, which tells the words nothing."""
    triples = "shadow: {sample: 0%, noise_floor: 100%}"
    async with shadow_role(says("SAME"), endpoint=triples, more="judge: {model: new, grey: [10%, 90%]}") as role:
        await role.hand_over(exchange())
        await role.until(KEYS.counts("chat-1"), b"shadowed", b"1")
        assert (await role.hash(KEYS.counts("chat-1")))[b"judge.settled"] == b"1"
        assert (await role.hash(KEYS.cells(1)))[b"p/agreement/*/0/0"] == b"1"


@pytest.mark.parametrize(("judges", "labelled"), [("true", b"1"), ("false", None)])
async def test_the_judge_labels_kept_pairs_where_the_configuration_says_so(judges: str, labelled: bytes | None) -> None:
    """Over HTTP, in either order, within its calls; the pair waits for a person as before."""
    endpoint = f"shadow: {{sample: 100%, noise_floor: 0%}}, review: {{sample: 100%, keep: 1h, judge: {judges}}}"
    async with (
        model_server(says("NEITHER")) as referee,
        shadow_role(
            says("Paris."),
            endpoint=endpoint,
            more="judge: {model: referee}",
            models=f'  referee: {{base_url: "{referee.base_url}", model: referee}}',
        ) as role,
    ):
        await role.hand_over(exchange())
        with anyio.fail_after(10):
            while not await role.redis.keys("*pair:*"):  # noqa: ASYNC110 - polled with a deadline
                await anyio.sleep(0.02)
        if labelled is not None:
            await role.until(KEYS.counts("chat-1"), b"judged.1.0.neither", labelled)
        counts = await role.hash(KEYS.counts("chat-1"))
        assert (counts.get(b"judged.1.0.neither"), len(referee.asked)) == (labelled, 2 if labelled else 0)
        assert not any(str(name).startswith("b'label.") for name in counts)
