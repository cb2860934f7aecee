"""Canary secrets: words that nobody else says, put into all that a caller or an operator keeps secret, and then looked
for wherever this gateway writes.

They are in keys, prompts, answers, headers, query strings, bodies that are no JSON, the upstream's errors, and the
webhook's address. The rollout goes to its end, so that mirrors, comparisons, decisions and alerts have all been made.
"""

import json
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import httpx
import pytest

from gateway.keys import SECRET_VARIABLE, stored_hash
from loadtest.rig.processes import Gateway, Processes
from tests.gateway.model_server import (
    STREAM_HEAD,
    Asked,
    Line,
    ModelServer,
    Script,
    breaks_after,
    chunk,
    completion,
    event,
    model_server,
    says,
    whole,
)

pytestmark = [pytest.mark.anyio, pytest.mark.processes, pytest.mark.timeout(120)]

SECRET: Final = "a secret of the operator's, long enough"
VOTERS: Final = 160

CONFIG: Final = """\
listen: {{data: "127.0.0.1:{data}", admin: "127.0.0.1:{admin}"}}
state_dir: {state}
workers: 1
models:
  old: {{base_url: "{old}", api_key: {upstream_key}, headers: {{x-team: {upstream_header}}}}}
  new: {{base_url: "{new}", api_key: {upstream_key}}}
endpoints:
  chat: {{stable: old, plan: quick, sticky_by: [header:x-user-id], slices: [task], shadow: {{sample: 100%}}}}
plans:
  quick:
    lease: 2s
    stages: [{{weight: 0%, min_keys: 50, bake: 1s}}, {{weight: 50%, bake: 60s}}, {{weight: 100%, bake: 1s}}]
    budgets: {{refusal: {{max_increase: 20pp}}, length: off, agreement: off, schema: off, ttft: off}}
keys:
  - {{name: shop, role: app, hash: "{app}"}}
  - {{name: ops, role: admin, hash: "{admin_key}"}}
alerts: [{{url: "{hook}", on: [rolled_back, holding, promoted]}}]
"""


@dataclass(frozen=True, slots=True)
class Canaries:
    """One word for each place, and the places' names for the message of a failure."""

    words: Mapping[str, str]

    def __getitem__(self, place: str) -> str:
        return self.words[place]

    def found_in(self, text: bytes) -> set[str]:
        """The places whose word is in `text`."""
        return {place for place, word in self.words.items() if word.encode() in text}


PLACES: Final = (
    "app key", "admin key", "wrong key", "upstream key", "upstream header", "prompt", "answer", "user header",
    "own header", "cookie", "query", "path", "broken body", "metadata", "upstream error", "cut stream", "webhook",
)  # fmt: skip


@pytest.fixture
def anyio_backend() -> str:
    """Where the model servers of this test run."""
    return "asyncio"


@pytest.fixture
def canaries() -> Canaries:
    """Fresh words."""
    return Canaries({place: f"canary{secrets.token_hex(8)}" for place in PLACES})


@dataclass(frozen=True, slots=True)
class Scene:
    """What runs: the gateway, its two models, and a receiver of webhooks."""

    gateway: Gateway
    old: ModelServer
    new: ModelServer
    hook: ModelServer
    canaries: Canaries

    def client(self) -> httpx.AsyncClient:
        """An application with its key."""
        headers = {"authorization": f"Bearer {self.canaries['app key']}"}
        base = f"http://127.0.0.1:{self.gateway.data_port}"
        return httpx.AsyncClient(base_url=base, headers=headers, trust_env=False, timeout=20.0)

    def admin(self) -> httpx.AsyncClient:
        """An operator with a key."""
        headers = {"authorization": f"Bearer {self.canaries['admin key']}"}
        base = f"http://127.0.0.1:{self.gateway.admin_port}"
        return httpx.AsyncClient(base_url=base, headers=headers, trust_env=False, timeout=20.0)

    async def sinks(self) -> AsyncIterator[tuple[str, bytes]]:
        """Everything that was written: name and content."""
        for name, content in _files(self.gateway.config.parent):
            yield name, content
        async with self.admin() as admin:
            for path in ("/metrics", "/admin/v1/endpoints", "/admin/v1/endpoints/chat",
                         "/admin/v1/endpoints/chat/audit?limit=1000", "/schema/openapi.json", "/"):  # fmt: skip
                answer = await admin.get(path)
                assert answer.is_success, (path, answer.text)
                yield path, answer.content
            entries = (await admin.get("/admin/v1/endpoints/chat/audit")).json()["entries"]
            for entry in entries:
                answer = await admin.get(f"/admin/v1/endpoints/chat/audit/{entry['id']}/export")
                yield f"export {entry['id']}", answer.content
        for asked in self.hook.asked:
            yield "webhook body", asked.body


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """What keys are hashed with, in the environment of the gateway's processes."""
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)


@pytest.fixture
async def scene(processes: Processes, canaries: Canaries, secret: None) -> AsyncIterator[Scene]:
    """A gateway whose candidate refuses everything, so that its rollout ends by itself."""
    async with (
        model_server(says(f"Certainly: {canaries['answer']} is the answer to that.")) as old,
        model_server(says(f"I'm sorry, but I can't help with {canaries['answer']}.")) as new,
        model_server(_takes_all()) as hook,
    ):
        values = {
            "old": old.base_url,
            "new": new.base_url,
            "upstream_key": canaries["upstream key"],
            "upstream_header": canaries["upstream header"],
            "app": stored_hash(SECRET, canaries["app key"]),
            "admin_key": stored_hash(SECRET, canaries["admin key"]),
            "hook": f"http://127.0.0.1:{hook.port}/hook?token={canaries['webhook']}",
        }
        gateway = Gateway.configured(processes, CONFIG, values)
        gateway.http.headers["authorization"] = f"Bearer {canaries['admin key']}"
        gateway.start()
        await anyio.to_thread.run_sync(gateway.wait_ready)
        yield Scene(gateway, old, new, hook, canaries)
        gateway.http.close()


def _takes_all() -> Script:
    async def script(asked: Asked, line: Line) -> None:
        await line.send(whole(b"{}"))

    return script


async def test_what_is_secret_is_on_no_sink(scene: Scene) -> None:
    """Files, state, logs, metrics, audit, exports, the dashboard and webhooks hold none of the canaries."""
    await _a_rollout_to_its_end(scene)
    await _everything_that_goes_wrong(scene)
    await _ended_in_order(scene)


async def _a_rollout_to_its_end(scene: Scene) -> None:
    """Votes until the candidate is rolled back, and the webhook has heard of it."""
    async with scene.client() as client, scene.admin() as admin:
        started = await admin.post("/admin/v1/endpoints/chat/rollouts", json={"candidate": "new", "reason": "a test"})
        assert started.is_success, started.text
        for number in range(VOTERS):
            answer = await _ask(client, scene.canaries, number)
            assert scene.canaries["answer"] in answer.text, "the canary is in what users get"
        with anyio.fail_after(40.0):
            while not await _all_know(scene, admin):  # noqa: ASYNC110 - polled with a deadline
                await anyio.sleep(0.1)
    mirrored = [asked for asked in scene.new.asked if asked.header("x-driftgate-shadow")]
    assert mirrored, "the shadow worker has had the prompts"
    assert scene.canaries["prompt"].encode() in mirrored[0].body


async def _all_know(scene: Scene, admin: httpx.AsyncClient) -> bool:
    rollout = (await admin.get("/admin/v1/endpoints/chat")).json()["rollout"]
    told = any(b"rolled_back" in asked.body for asked in scene.hook.asked)
    return told and rollout["phase"] == "rolled_back"


async def _ask(client: httpx.AsyncClient, canaries: Canaries, number: int) -> httpx.Response:
    body = {
        "model": "chat",
        "stream": number % 2 == 0,
        "user": f"{canaries['user header']}-{number}",
        "metadata": {"customer": canaries["metadata"]},
        "messages": [{"role": "user", "content": f"What is {canaries['prompt']} in case {number}?"}],
    }
    headers = {
        "x-user-id": f"{canaries['user header']}-{number}",
        "x-own": canaries["own header"],
        "cookie": f"session={canaries['cookie']}",
    }
    return await client.post(f"/v1/chat/completions?trace={canaries['query']}", json=body, headers=headers)


async def _everything_that_goes_wrong(scene: Scene) -> None:
    """Requests that are refused, and upstreams that fail midway: where careless code logs what it has in hand."""
    canaries = scene.canaries
    async with scene.client() as client, scene.admin() as admin:
        wrong = {"authorization": f"Bearer {canaries['wrong key']}"}
        broken = f'{{"model": "chat", "messages": [{canaries["broken body"]}'.encode()
        refused = [
            await client.post("/v1/chat/completions", content=broken),
            await client.post("/v1/chat/completions", json={"model": canaries["prompt"], "messages": []}),
            await client.post("/v1/chat/completions", json={"model": "chat"}, headers=wrong),
            await client.get(f"/v1/{canaries['path']}?key={canaries['query']}"),
            await admin.get(f"/admin/v1/endpoints/{canaries['path']}?key={canaries['query']}"),
            await admin.post("/admin/v1/endpoints/chat/rollouts", content=broken),
            await admin.get("/admin/v1/endpoints", headers=wrong),
        ]
        assert all(400 <= answer.status_code < 500 for answer in refused), [answer.status_code for answer in refused]
        error = json.dumps({"error": {"message": f"no: {canaries['upstream error']}"}}).encode()
        head = STREAM_HEAD + chunk(event(canaries["cut stream"]))
        scripts = (
            _answers(whole(error, status="500 Internal Server Error")),
            _answers(b"HTTP/1.1 nonsense " + canaries["upstream error"].encode() + b"\r\n\r\n"),
            _answers(whole(completion(canaries["answer"])[:-20])),
            breaks_after(head),
            breaks_after(b""),
        )
        for script in scripts:
            scene.old.script = script
            await _ask(client, canaries, 0)
            await _ask(client, canaries, 1)


def _answers(data: bytes) -> Script:
    async def script(asked: Asked, line: Line) -> None:
        await line.send(data)
        line.close()

    return script


async def _ended_in_order(scene: Scene) -> None:
    """Look everywhere; stop the gateway so that the last words are written; and look at the files again."""
    seen: dict[str, bytes] = {name: content async for name, content in scene.sinks()}
    scene.gateway.processes.stop("gateway")
    seen |= {f"{name}, after the end": content for name, content in _files(scene.gateway.config.parent)}
    leaks = {name: sorted(found) for name, content in seen.items() if (found := scene.canaries.found_in(content))}
    assert leaks == {}
    logged = b"".join(content for name, content in seen.items() if name.startswith("gateway.log"))
    assert b"rolled_back" in logged, "the log was read"
    assert any(b"refusal" in content for name, content in seen.items() if name.startswith("gateway/")), (
        "the state was read"
    )


def _files(place: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(place.rglob("*")):
        if path.is_file() and path.name != "gateway.yaml":
            yield str(path.relative_to(place)), path.read_bytes()
