"""Asks servers with a `health` path whether they are well, before a request finds out.

One small GET every few seconds and server, on a connection of its own, so that a server whose connections are all busy
does not count as ill. Two failures in a row take a server out of the choice, one success brings it back. That a check
passes never closes a breaker: a server may be alive and refuse every question.
"""

from collections.abc import Iterable
from typing import Final

import anyio

from gateway.upstream.client import Client
from gateway.upstream.errors import UpstreamFailure
from gateway.upstream.exchange import Deadlines
from gateway.upstream.outgoing import Outgoing
from gateway.upstream.servers import Server, Servers

EVERY_SECONDS: Final = 5.0
_DEADLINES: Final = Deadlines(connect=3.0, first_byte=3.0, between_chunks=3.0, total=4.0)
_FAILURES: Final = 2
_MOST_BYTES: Final = 64 * 1024


async def watch(models: Iterable[Servers], client: Client, every_seconds: float = EVERY_SECONDS) -> None:
    """Check for ever."""
    async with anyio.create_task_group() as tasks:
        for model in models:
            if model.target.health_path:
                for server in model.all:
                    tasks.start_soon(_watch_one, server, client, _question(model, server), every_seconds)


async def _watch_one(server: Server, client: Client, question: Outgoing, every_seconds: float) -> None:
    failures = 0
    while True:
        failures = 0 if await _is_well(client, question) else failures + 1
        if failures in (0, _FAILURES):
            server.checked(well=not failures)
        await anyio.sleep(every_seconds)


async def _is_well(client: Client, question: Outgoing) -> bool:
    try:
        answer = await client.unary(question, _DEADLINES, max_bytes=_MOST_BYTES)
    except UpstreamFailure:
        return False
    return 200 <= answer.status < 300  # noqa: PLR2004 - success


def _question(model: Servers, server: Server) -> Outgoing:
    target, origin = model.target, server.place.origin
    lines = [f"GET {target.health_path} HTTP/1.1".encode(), b"host: " + origin.host_header.encode()]
    if target.api_key and all(name != b"authorization" for name, _ in target.headers):
        lines.append(b"authorization: Bearer " + target.api_key.encode())
    lines += [b"%b: %b" % field for field in target.headers]
    return Outgoing(origin, b"\r\n".join((*lines, b"", b"")), b"", model=f"{target.name} health")
