"""A data plane in the test's own loop: the real application, protocol and sockets; routes set by the test.

What the supervisor, Redis and the control process would do to it, the test does by hand. The other end of the hand-over
is a socket that keeps what it gets.
"""

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import anyio
import httpx

from gateway.config.load import load_text
from gateway.config.model import Config
from gateway.data.app import App, Health
from gateway.data.counts import Counts
from gateway.data.elsewhere import Elsewhere
from gateway.data.firstbyte import FirstByteTimes
from gateway.data.handover import BUFFER_BYTES, HandOver
from gateway.data.origins import Origins
from gateway.data.protocol import ConnectionLimits
from gateway.data.proxy import Proxy
from gateway.data.record import Recorder
from gateway.data.server import Server
from gateway.data.table import RouteTable, first_routes
from gateway.data.tally import Tally
from gateway.keys import KeyRing
from gateway.upstream.asking import Asker
from rollback.journal import JournalState
from routing.exposure import Grant, Observation
from shadow.exchange import Exchange, decode

MakeElsewhere: TypeAlias = Callable[[Origins], Elsewhere | None]

SECRET = "a secret of the tests' own"
FOREVER = 1e12


@dataclass
class DataPlane:
    """A running data plane."""

    url: str
    port: int
    config: Config
    table: RouteTable
    asker: Asker
    counts: Counts
    tally: Tally
    server: Server
    health: Health
    handover: HandOver
    shadow: "ShadowSide"
    origins: Origins
    elsewhere: Elsewhere | None
    exchanges: list[Exchange] = field(default_factory=list)
    revision: int = 0

    async def connected_to_shadow(self, *, connected: bool = True) -> None:
        """Wait until the hand-over has a connection, or has lost it."""
        with anyio.fail_after(10):
            while not self.handover.connected == self.shadow.connected == connected:  # noqa: ASYNC110 - polled with a deadline
                await anyio.sleep(0.005)

    def expose(
        self,
        weight_bps: int,
        *,
        endpoint: str = "chat",
        candidate: str = "new",
        rollout: str = "r1",
        started_at: float = 0.0,
    ) -> None:
        """Grant the candidate a weight, without end."""
        self.revision += 1
        grant = Grant(rollout, candidate, "salt", weight_bps, 1, self.revision, 1, started_at)
        self.table.observe(endpoint, Observation(None, grant, FOREVER, self.revision), 0.0)

    def counted(self, name: str, *, endpoint: str = "chat", rollout: str = "r1") -> int:
        """What was counted for the rollout so far, as long as nothing flushes."""
        return self.counts.waiting(endpoint, rollout).get(name, 0)

    async def ask(self, body: object, *, path: str = "/v1/chat/completions", **headers: str) -> httpx.Response:
        """One request, on a connection of its own."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=10) as client:
            return await client.post(path, json=body, headers=named)

    async def raw(self, data: bytes) -> bytes:
        """Send bytes as they are, and read until the server closes or is silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            received = b""
            with anyio.move_on_after(1.0):
                while more := await reader.read(65_536):
                    received += more
            return received
        finally:
            writer.close()

    async def handed_over(self, count: int) -> list[Exchange]:
        """Wait until the shadow side has got `count` exchanges."""
        with anyio.fail_after(10):
            while len(self.exchanges) < count:  # noqa: ASYNC110 - polled with a deadline
                await anyio.sleep(0.005)
        return self.exchanges


@asynccontextmanager
async def data_plane(
    stable: str,
    candidate: str = "",
    *,
    more: str = "",
    models: str = "",
    chat_options: str = "",
    stable_options: str = "",
    candidate_options: str = "",
    limits: ConnectionLimits | None = None,
    shadow_reads: bool = True,
    shadow_buffer: int = BUFFER_BYTES,
    elsewhere: MakeElsewhere = lambda _: None,
) -> AsyncIterator[DataPlane]:
    """A data plane with the endpoint `chat` on model `old` at `stable`, and a model `new` at `candidate`.

    `elsewhere`: makes what it shares with other gateways.
    """
    text = f"""
models:
  old: {{base_url: "{stable}", model: old, api_key: sk-old, {stable_options}}}
  new: {{base_url: "{candidate or stable}", model: new, api_key: sk-new, {candidate_options}}}
{models}
endpoints:
  chat: {{stable: old, {chat_options}}}
{more}
"""
    config = load_text(text, "test.yaml", {})
    with tempfile.TemporaryDirectory(prefix="dg") as directory:
        async with anyio.create_task_group() as tasks:
            plane = _built(config, Path(directory) / "shadow.sock", limits, shadow_buffer, elsewhere)
            plane.shadow.reads = shadow_reads
            await plane.shadow.start()
            tasks.start_soon(plane.handover.run)
            listener = socket.socket()
            listener.bind(("127.0.0.1", 0))
            plane.port = listener.getsockname()[1]
            plane.url = f"http://127.0.0.1:{plane.port}"
            await plane.server.start(listener)
            plane.health.serving = plane.health.control_answered = True
            await plane.connected_to_shadow()
            try:
                yield plane
            finally:
                tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await plane.server.drain(0.5)
                    await plane.handover.drain(0.1)
                    plane.shadow.stop()
                    plane.asker.close()


def _built(
    config: Config, shadow_socket: Path, limits: ConnectionLimits | None, buffer: int, make_elsewhere: MakeElsewhere
) -> DataPlane:
    routes = first_routes(config.endpoints, JournalState())
    table = RouteTable(routes, {name: spec.stable for name, spec in config.endpoints.items()}, config.models)
    asker, counts, tally, health = Asker(config), Counts(), Tally(), Health()
    handover, first_bytes = HandOver(shadow_socket, buffer_bytes=buffer), FirstByteTimes()
    origins = Origins()
    elsewhere = make_elsewhere(origins)
    app = App(
        config,
        table=table,
        keys=KeyRing.from_config(config.keys, SECRET),
        proxy=Proxy(asker, first_bytes),
        recorder=Recorder(counts, tally, handover, origins),
        origins=origins,
        health=health,
        elsewhere=elsewhere,
    )
    server = Server(app, limits)
    exchanges: list[Exchange] = []
    shadow = ShadowSide(shadow_socket, exchanges)
    return DataPlane(
        "", 0, config, table, asker, counts, tally, server, health, handover, shadow, origins, elsewhere, exchanges
    )


class ShadowSide:
    """The other end of the hand-over: keeps what it gets, or, told so, reads nothing before `reads_on`."""

    def __init__(self, path: Path, exchanges: list[Exchange]) -> None:
        self._path = path
        self._exchanges = exchanges
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self.connected = False
        self.reads = True
        self.reads_on = asyncio.Event()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._receive, self._path, limit=1024)

    def stop(self) -> None:
        """Be gone: no listener, no connection."""
        self.reads_on.set()
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        self.connected = False
        self._path.unlink(missing_ok=True)

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.connected = True
        if not self.reads:
            writer.transport.pause_reading()  # type: ignore[attr-defined] # a stream's transport reads, too
            await self.reads_on.wait()
            writer.transport.resume_reading()  # type: ignore[attr-defined] # as above
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(4), "big")
                self._exchanges.append(decode(await reader.readexactly(length)))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
