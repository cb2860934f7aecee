"""A control process in the test's own loop, with a real Redis, a model server, a worker and an admin client."""

import asyncio
import json
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx

from gateway.channel.client import ControlClient
from gateway.channel.messages import FromControl, RollBack, RouteUpdate
from gateway.config.load import load_text
from gateway.config.model import Config
from gateway.control import main
from gateway.runtime import Runtime
from routing.address import parse
from routing.exposure import Generation, Route
from tests.redis_server import RedisServer, binary_of

CONFIG = """
models:
  old: {{base_url: http://127.0.0.1:{port}/v1, model: old}}
  new: {{base_url: http://127.0.0.1:{port}/v1, model: new}}
  broken: {{base_url: http://127.0.0.1:{port}/v1, model: broken}}
  away: {{base_url: http://127.0.0.1:1/v1, model: away}}
endpoints:
  chat: {{stable: old, slices: [key.name]}}
  mail: {{stable: old}}
plans:
  default:
    lease: {lease}
    stages:
      - {{weight: 0%, min_keys: 10}}
      - {{weight: 10%, min_keys: 10, bake: 1h}}
      - {{weight: 100%, bake: 1h}}
    budgets:
      refusal: {{max_increase: 2pp}}
{more}
"""


@dataclass
class Worker:
    """A data worker as far as exposure goes: one route, kept by what the control process says."""

    route: Route = field(default_factory=lambda: Route("chat", Generation(0, "old", 0.0, "config")))
    got: list[FromControl] = field(default_factory=list)
    frozen: anyio.Event | None = None
    counts: dict[str, float] = field(default_factory=dict)

    def hear(self, message: FromControl) -> None:
        """Apply a message."""
        self.got.append(message)
        if message.endpoint != "chat":
            return
        if isinstance(message, RouteUpdate):
            self.route = self.route.observed(message.observation())
        elif isinstance(message, RollBack):
            self.route = self.route.rolled_back(message.rollout, message.revision)

    def counters(self) -> Mapping[str, float]:
        """What it has counted."""
        return self.counts

    @property
    def weight(self) -> int | None:
        """What it exposes now."""
        grant = self.route.live_grant(anyio.current_time())
        return grant.weight_bps if grant is not None else None


@dataclass
class Gateway:
    """A running control process and its surroundings."""

    http: httpx.AsyncClient
    redis: RedisServer
    runtime: Runtime
    worker: Worker
    address: str
    stop_worker: Callable[[], None]

    async def post(self, command: str, body: object = None, status: int = 200) -> dict[str, object]:
        """A command on the endpoint `chat`, which must answer with `status`."""
        answer = await self.http.post(f"/admin/v1/endpoints/chat/{command}", json=body)
        assert answer.status_code == status, answer.text
        found: dict[str, object] = answer.json()
        return found

    async def start(self, **more: object) -> dict[str, object]:
        """A rollout of `new`."""
        return await self.post("rollouts", {"candidate": "new", **more}, 201)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for what another process does, ten seconds at most."""
        with anyio.fail_after(10):
            while not true():  # noqa: ASYNC110  # it happens in another process
                await anyio.sleep(0.01)


async def _model_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            asked = json.loads(await reader.readexactly(length))
            known = asked["model"] != "broken"
            answer = {"choices": [{"message": {"role": "assistant", "content": "OK"}}]} if known else {"error": "no"}
            body = json.dumps(answer).encode()
            status = b"200 OK" if known else b"404 Not Found"
            writer.write(b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def configured(port: int, lease: str = "10s", more: str = "") -> Config:
    """The configuration of these tests."""
    return load_text(CONFIG.format(port=port, lease=lease, more=more), "test.yaml", {})


@asynccontextmanager
async def running(
    directory: Path, redis: RedisServer, *, lease: str = "10s", more: str = "", key: str | None = None
) -> AsyncIterator[Gateway]:
    """A control process on `redis`, with its state in `directory`, one worker connected, and its first tick done."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    models = await asyncio.start_server(_model_server, "127.0.0.1", 0)
    config = configured(models.sockets[0].getsockname()[1], lease, more)
    ready, stop, worker = anyio.Event(), anyio.Event(), Worker()
    headers = {"authorization": f"Bearer {key}"} if key else {}
    with tempfile.TemporaryDirectory(prefix="dg") as run_dir, listener:
        runtime = Runtime(Path(run_dir), directory, parse(redis.url), "dg")
        client = ControlClient(
            runtime.control_socket, role="data", index=0, on_message=worker.hear, counters=worker.counters
        )

        async def control() -> None:
            await main.serve(config, runtime, listener=listener, ready=ready.set, stop=stop)
            ended.set()

        ended = anyio.Event()
        async with (
            anyio.create_task_group() as tasks,
            httpx.AsyncClient(base_url=address, headers=headers, timeout=30.0) as http,
        ):
            scope = anyio.CancelScope()

            async def work() -> None:
                with scope:
                    await client.run()

            tasks.start_soon(control)
            tasks.start_soon(work)
            with anyio.fail_after(10):
                await ready.wait()
                await _is_up(client, http)
            try:
                yield Gateway(http, redis, runtime, worker, address, scope.cancel)
            finally:
                stop.set()
                with anyio.move_on_after(10, shield=True):
                    await ended.wait()
                tasks.cancel_scope.cancel()
                models.close()


async def _is_up(client: ControlClient, http: httpx.AsyncClient) -> None:
    while not client.connected or (await http.get("/readyz")).status_code != 200:  # noqa: ASYNC110  # only asking shows it
        await anyio.sleep(0.01)


@asynccontextmanager
async def own_redis() -> AsyncIterator[RedisServer]:
    """A server that the test may kill."""
    with tempfile.TemporaryDirectory(prefix="dg") as directory:
        server = RedisServer(binary_of("valkey"), Path(directory))
        server.start()
        try:
            yield server
        finally:
            server.stop()
