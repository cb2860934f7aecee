"""Clients that leave, and clients that only stay: 10,000 of each against a whole gateway, and what it keeps of them.

`python -m loadtest.load.leaving` abandons requests in every phase (half a head, half a body, before the first byte, in
mid-stream, in a whole answer), then holds idle connections while a request is asked and the admin plane answers. Read
before and after: the data worker's memory and descriptors, and the model server's connections. Ends with 1 where
something is left behind.
"""

import argparse
import asyncio
import resource
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

import anyio
import uvloop

from loadtest.rig.accounting import descriptors, rss_mib
from loadtest.rig.processes import Gateway, Processes, ProcessFailed

CONNECTIONS: Final = 10_000
AT_ONCE: Final = 250
FREED_SECONDS: Final = 1.0
MOST_GROWTH_MIB: Final = 4.0
"""After a first thousand the allocator has its arenas; what still grows by more than this grows per request."""
PHASES: Final = ("half a head", "half a body", "silent", "head", "stream", "unary")

_CONFIG: Final = """\
listen: {{data: 127.0.0.1:{data}, admin: 127.0.0.1:{admin}}}
workers: 1
state_dir: {state}
models: {{m: {{base_url: http://127.0.0.1:{upstream}/v1}}}}
endpoints: {{chat: {{stable: m}}}}
"""
_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_SAYS: Final = {
    b"silent": b"",
    b"head": _HEAD,
    b"stream": _HEAD + b"7\r\ndata: x\r\n",
    b"unary": b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{",
    b"whole": b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
}


class ModelServer(asyncio.Protocol):
    """Says its part of the phase that the request names, and then nothing more."""

    open: int = 0
    waiting: dict[bytes, asyncio.Event]

    def __init__(self, shared: "Shared") -> None:
        self._shared = shared

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The gateway connects."""
        self._transport = transport
        self._shared.open += 1

    def data_received(self, data: bytes) -> None:
        """A request: heads are short, they come whole."""
        headers = dict(line.split(b": ", 1) for line in data.split(b"\r\n") if b": " in line)
        phase, number = headers.get(b"x-phase", b""), headers.get(b"x-number", b"")
        if phase:
            self._transport.write(_SAYS[phase])  # type: ignore[attr-defined] # a stream's transport writes
            self._shared.asked.setdefault(number, asyncio.Event()).set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The gateway let go."""
        del exc
        self._shared.open -= 1


class Shared:
    """What the connections of the model server have in common."""

    def __init__(self) -> None:
        self.open = 0
        self.asked: dict[bytes, asyncio.Event] = {}


async def leave(port: int, number: int, phase: str, shared: Shared) -> None:
    """One request, abandoned in its phase."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    stream = b"false" if phase == "unary" else b"true"
    body = b'{"model": "chat", "messages": [], "stream": %b}' % stream
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-number: %d\r\nx-phase: %b\r\n" % (
        number,
        phase.encode(),
    )
    head += b"content-length: %d\r\n\r\n" % len(body)
    if phase == "half a head":
        writer.write(head[:40])
    elif phase == "half a body":
        writer.write(head + body[:5])
    else:
        asked = shared.asked.setdefault(str(number).encode(), asyncio.Event())
        writer.write(head + body)
        await asked.wait()
        del shared.asked[str(number).encode()]
        if phase == "stream":
            await reader.readuntil(b"data: x")
    await writer.drain()
    writer.transport.abort()


async def abandon(port: int, requests: int, shared: Shared) -> float:
    """Abandon that many; the longest that the model server was held after a batch left, in seconds."""
    longest = 0.0
    for first in range(0, requests, AT_ONCE):
        async with asyncio.TaskGroup() as tasks:
            for number in range(first, min(requests, first + AT_ONCE)):
                tasks.create_task(leave(port, number, PHASES[number % len(PHASES)], shared))
        left_at = monotonic()
        while shared.open and monotonic() < left_at + 30.0:  # noqa: ASYNC110 - polled with a deadline
            await anyio.sleep(0.005)
        longest = max(longest, monotonic() - left_at)
    return longest


@dataclass(frozen=True, slots=True)
class Beside:
    """What happens beside idle connections: seconds of a request and of the admin plane, the request's status, and the
    worker's memory and descriptors.
    """

    asked: float
    admin: float
    status: int
    mib: float
    descriptors: int


async def stay(gateway: Gateway, worker: int, count: int) -> Beside:
    """Hold idle connections, and ask beside them."""
    writers, held = [], descriptors(worker)
    for _ in range(count):
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.data_port)
        writers.append(writer)
    expected, until = held + count, monotonic() + 10.0
    while descriptors(worker) < expected and monotonic() < until:  # noqa: ASYNC110 - polled with a deadline
        await anyio.sleep(0.05)
    began = monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.data_port)
    body = b'{"model": "chat", "messages": []}'
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-phase: whole\r\nx-number: w\r\ncontent-length: %d\r\n\r\n"
    )
    writer.write(head % len(body) + body)
    status = int((await reader.readuntil(b"\r\n"))[9:12])
    asked = monotonic() - began
    began = monotonic()
    await anyio.to_thread.run_sync(gateway.rollout, "chat")
    found = Beside(asked, monotonic() - began, status, rss_mib([worker]), descriptors(worker))
    for each in (*writers, writer):
        each.transport.abort()
    return found


async def play(place: Path, count: int) -> list[str]:
    """Everything; what was left behind."""
    shared = Shared()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: ModelServer(shared), "127.0.0.1", 0, backlog=2048)
    upstream = server.sockets[0].getsockname()[1]
    with Processes(place) as processes:
        gateway = Gateway.configured(processes, _CONFIG, {"upstream": upstream})
        gateway.start()
        await anyio.to_thread.run_sync(gateway.wait_ready)
        (worker,) = gateway.children("child data")
        await abandon(gateway.data_port, min(1_000, count), shared)
        before, held = rss_mib([worker]), descriptors(worker)
        longest = await abandon(gateway.data_port, count, shared)
        after, left = rss_mib([worker]), descriptors(worker)
        print(f"{count:,} requests abandoned in {len(PHASES)} phases: model server free {longest * 1000:.0f} ms after")
        print(f"data worker: {before:.1f} → {after:.1f} MiB, {held} → {left} descriptors")
        beside = await stay(gateway, worker, count)
        print(
            f"{beside.descriptors - left:,} idle connections: {(beside.mib - after) * 1024 / count:.1f} KiB each; "
            f"a request beside them {beside.asked * 1000:.0f} ms (status {beside.status}), "
            f"the admin plane {beside.admin * 1000:.0f} ms"
        )
        until = monotonic() + 10.0
        while descriptors(worker) > held + 8 and monotonic() < until:  # noqa: ASYNC110 - polled with a deadline
            await anyio.sleep(0.05)
        final = descriptors(worker)
        gateway.http.close()
    server.close()
    checks = {
        f"the model server was held for {longest:.2f} s": longest <= FREED_SECONDS,
        f"memory grew by {after - before:.1f} MiB": after - before <= MOST_GROWTH_MIB,
        f"{left - held} descriptors were left by those who left": left <= held + 8,
        f"{final - held} descriptors were left by those who stayed": final <= held + 8,
        f"status {beside.status} beside idle connections": beside.status == 200,
        f"only {beside.descriptors - left} idle connections were held": beside.descriptors - left >= count,
    }
    return [problem for problem, is_fine in checks.items() if not is_fine]


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print, judge."""
    parser = argparse.ArgumentParser(description="Abandoned requests and idle connections, and what is left of them.")
    parser.add_argument("--count", type=int, default=CONNECTIONS)
    given = parser.parse_args(arguments)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < given.count + 1_000 <= hard or hard == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (given.count + 1_000, hard))
    elif hard < given.count + 1_000:
        raise ProcessFailed(f"{given.count} connections need as many descriptors; the limit is {hard} (ulimit -n)")
    with tempfile.TemporaryDirectory(prefix="dg-leaving-") as made:
        problems = uvloop.run(play(Path(made), given.count))
    for problem in problems:
        print(f"left behind: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
