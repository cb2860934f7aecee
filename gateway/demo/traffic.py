"""The applications of the demo: many users with one question or a few, at a steady rate, on both endpoints.

Run as `python -m gateway.demo.traffic --base-url URL --rate N ENDPOINT…`; a JSON line a second (`Tally`) says how it
goes, and SIGTERM ends it. The load is open: a slow answer delays no other question, and what would be more than
`IN_FLIGHT` at once is counted as late instead of asked.

It speaks through the gateway's own upstream client, since httpx costs more than everything else in the demo together.
"""

import argparse
import signal
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Final

import anyio
import msgspec
import uvloop

from gateway.demo import tasks
from gateway.upstream.client import Client
from gateway.upstream.errors import UpstreamFailure
from gateway.upstream.exchange import Deadlines
from gateway.upstream.outgoing import Outgoing
from gateway.upstream.target import Origin, parse_base_url

IN_FLIGHT: Final = 256
RETURNING: Final = 0.15
"""The share of questions that come from a user seen before."""
REMEMBERED: Final = 400
"""Users who may come back."""
STREAMED: Final = 0.5
"""The share of questions that ask for a stream."""
MAX_ANSWER_BYTES: Final = 1 << 20
DEADLINES: Final = Deadlines(connect=5.0, first_byte=20.0, between_chunks=20.0, total=30.0)
SYSTEM: Final = "You are a helpful assistant."


class Tally(msgspec.Struct):
    """What came of the questions so far. `candidate` counts answers that a candidate gave; `late` was never asked."""

    ok: int = 0
    failed: int = 0
    candidate: int = 0
    fallback: int = 0
    late: int = 0
    last_failure: str = ""


class Users:
    """Who asks: mostly somebody new, now and then one of the last few hundred."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._count = 0
        self._seen: deque[str] = deque(maxlen=REMEMBERED)

    def next(self) -> str:
        """The next user's id."""
        if self._seen and self._rng.random() < RETURNING:
            return self._rng.choice(self._seen)
        self._count += 1
        self._seen.append(f"user-{self._count}")
        return self._seen[-1]


class Application:
    """Asks one endpoint."""

    def __init__(self, endpoint: str, origin: Origin, path: str, rng: Random) -> None:
        self.endpoint = endpoint
        self._origin = origin
        self._path = path
        self._rng = rng
        self._users = Users(rng)
        self._client = Client()

    def question(self) -> Outgoing:
        """The next request."""
        asked = tasks.ask(self._rng)
        body: dict[str, object] = {
            "model": self.endpoint,
            "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": asked.prompt}],
            "temperature": 0.7,
            "stream": self._rng.random() < STREAMED,
        }
        if asked.response_format is not None:
            body["response_format"] = asked.response_format
        if asked.tools is not None:
            body["tools"] = asked.tools
        raw = msgspec.json.encode(body)
        head = (
            f"POST {self._path} HTTP/1.1\r\nhost: {self._origin.host_header}\r\ncontent-type: application/json\r\n"
            f"x-user-id: {self.endpoint}-{self._users.next()}\r\ncontent-length: {len(raw)}\r\n\r\n"
        )
        return Outgoing(self._origin, head.encode(), raw)

    async def ask(self, tally: Tally) -> None:
        """One question and its answer, counted."""
        try:
            whole = await self._client.unary(self.question(), DEADLINES, max_bytes=MAX_ANSWER_BYTES)
        except UpstreamFailure as failure:
            tally.failed += 1
            tally.last_failure = f"{failure.kind}: {failure}"
            return
        if whole.status != 200 or b'"error"' in whole.body[:200]:  # noqa: PLR2004 - OK
            tally.failed += 1
            tally.last_failure = f"{whole.status}: {whole.body[:200].decode(errors='replace')}"
            return
        headers = dict(whole.headers)
        tally.ok += 1
        tally.candidate += headers.get(b"x-driftgate-arm") == b"candidate"
        tally.fallback += b"x-driftgate-fallback" in headers

    def close(self) -> None:
        """Close every connection."""
        self._client.close()


async def drive(base_url: str, endpoints: Sequence[str], rate: float, seed: int) -> None:
    """Ask until SIGTERM: `rate` questions a second to each endpoint."""
    place = parse_base_url(base_url)
    tally = Tally()
    applications = [
        Application(name, place.origin, f"{place.base_path}/chat/completions", Random(f"{seed}/{name}"))
        for name in endpoints
    ]
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_report, tally)
            for application in applications:
                group.start_soon(_steadily, application, rate, tally)
            with anyio.open_signal_receiver(signal.SIGTERM) as received:
                async for _ in received:
                    group.cancel_scope.cancel()
    finally:
        for application in applications:
            application.close()


async def _steadily(application: Application, rate: float, tally: Tally) -> None:
    """Start a question every 1/rate seconds; after a stall at most a second's worth is caught up."""
    free = anyio.Semaphore(IN_FLIGHT)

    async def one() -> None:
        try:
            await application.ask(tally)
        finally:
            free.release()

    async with anyio.create_task_group() as group:
        due = anyio.current_time()
        while True:
            now = anyio.current_time()
            due = max(due + 1.0 / rate, now - 1.0)
            await anyio.sleep(max(0.0, due - now))
            try:
                free.acquire_nowait()
            except anyio.WouldBlock:
                tally.late += 1
                continue
            group.start_soon(one)


async def _report(tally: Tally) -> None:
    while True:
        await anyio.sleep(1.0)
        sys.stdout.write(msgspec.json.encode(tally).decode() + "\n")
        sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Drive traffic until SIGTERM."""
    parser = argparse.ArgumentParser(description="Steady traffic of many users.")
    parser.add_argument("--base-url", required=True, help="where the API begins, such as http://127.0.0.1:8080/v1")
    parser.add_argument("--rate", type=float, required=True, help="questions a second, to each endpoint")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("endpoints", nargs="+")
    given = parser.parse_args(arguments)
    with suppress(BrokenPipeError):
        anyio.run(
            drive, given.base_url, given.endpoints, given.rate, given.seed,
            backend_options={"loop_factory": uvloop.new_event_loop},
        )  # fmt: skip


if __name__ == "__main__":
    main()
