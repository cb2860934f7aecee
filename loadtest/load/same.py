"""A/A: a candidate that is stable itself never trips the first-byte deadline, in 20,000 requests through a gateway.

`python -m loadtest.load.same` starts a gateway with two models on one server, whose first bytes come after log-normal
times (σ = 1: one in a thousand takes 22 times the median) that grow with the size of the request and differ by mode. At
50 %, no request may fall back. Then, so that the check can fail, the candidate becomes `SLOWER` times slower: some
must.

The server lives here, in the load's own process, so that a pause of this machine holds both arms' bytes alike.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from math import exp
from pathlib import Path
from statistics import NormalDist
from typing import Final, cast

import httptools
import uvloop

from loadtest.rig.asking import AskFailed, Client
from loadtest.rig.processes import Gateway, Processes
from routing.bucketing import fraction
from routing.purposes import Purpose

REQUESTS: Final = 20_000
CONTROLS: Final = 2_000
AT_ONCE: Final = 200
MEDIAN_SECONDS: Final = 0.05
SLOWER: Final = 60.0
"""Above 8 × p99 ÷ median = 82 nearly all would fall back; at 60 many do."""
SIZES: Final = (0, 1_500, 12_000)
"""Bytes of text beside the question: three classes of size."""
READY_SECONDS: Final = 60.0
_NORMAL: Final = NormalDist()

_CONFIG: Final = """\
listen: {{data: 127.0.0.1:{data}, admin: 127.0.0.1:{admin}}}
workers: 1
state_dir: {state}
models:
  one: {{base_url: "http://127.0.0.1:{upstream}/v1"}}
  same: {{base_url: "http://127.0.0.1:{upstream}/v1"}}
endpoints: {{chat: {{stable: one, plan: half, sticky_by: [header:x-user-id], shadow: {{sample: 0%, noise_floor: 0%}}}}}}
plans: {{half: {{stages: [{{weight: 50%, bake: 1h}}], budgets: {{agreement: off, length: off}}}}}}
"""
_WHOLE: Final = b'{"id":"c","model":"m","choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}'
_EVENT: Final = (
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
)


class Speed:
    """How much slower the candidate is than stable."""

    candidate: float = 1.0


class SlowServer(asyncio.Protocol):
    """Answers after a time that is drawn by the request's user, its mode and its size."""

    def __init__(self, speed: Speed) -> None:
        self._speed = speed
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The gateway connects."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without being a subclass

    def data_received(self, data: bytes) -> None:
        """A request comes."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """llhttp: a part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """llhttp: the request is whole."""
        raw, self._body = b"".join(self._body), []
        asked = json.loads(raw)
        seconds = MEDIAN_SECONDS * exp(_NORMAL.inv_cdf(fraction(Purpose.SAMPLE, "same", asked.get("user", "?"))))
        seconds *= (1.0 + len(raw) / 20_000) * (1.0 if asked.get("stream") else 1.5)
        if asked["model"] == "same":
            seconds *= self._speed.candidate
        asyncio.get_running_loop().call_later(seconds, self._answer, bool(asked.get("stream")))

    def _answer(self, stream: bool) -> None:
        if self._transport.is_closing():
            return
        kind, body = (b"text/event-stream", _EVENT + b"data: [DONE]\n\n") if stream else (b"application/json", _WHOLE)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (kind, len(body))
        self._transport.write(head + body)


async def load(client: Client, requests: int, first: int) -> Counter[str]:
    """Ask, `AT_ONCE` at a time; what the answers' heads say, counted."""
    numbers, seen = iter(range(first, first + requests)), Counter[str]()

    async def ask_on() -> None:
        for number in numbers:
            text = "word " * (SIZES[number % len(SIZES)] // 5)
            ask = {
                "model": "chat",
                "user": f"u{number}",
                "stream": bool(number % 2),
                "messages": [{"role": "user", "content": text}],
            }
            try:
                answer = await client.ask("/v1/chat/completions", json.dumps(ask).encode(), {"x-user-id": f"u{number}"})
            except AskFailed:
                seen["failed"] += 1
                continue
            seen["failed"] += answer.status != 200
            seen[answer.headers.get("x-driftgate-arm", "")] += 1
            if "x-driftgate-fallback" in answer.headers:
                seen["fallback"] += 1
                seen[f"fallback: {answer.headers['x-driftgate-fallback']}"] += 1

    await asyncio.gather(*(ask_on() for _ in range(AT_ONCE)))
    return seen


async def play(place: Path, requests: int) -> tuple[Counter[str], Counter[str]]:
    """What was seen with an identical candidate, and with a slower one."""
    loop, speed = asyncio.get_running_loop(), Speed()
    server = await loop.create_server(lambda: SlowServer(speed), "127.0.0.1", 0)
    with Processes(place) as processes:
        gateway = Gateway.configured(processes, _CONFIG, {"upstream": server.sockets[0].getsockname()[1]})
        gateway.start()
        await asyncio.to_thread(gateway.wait_ready, READY_SECONDS)
        client = Client(gateway.data_port)
        await load(client, CONTROLS, 10_000_000)  # stable's times are learned, as on any endpoint that is in use
        await asyncio.to_thread(gateway.command, "chat", "rollouts", {"candidate": "same", "reason": "A/A"})
        same = await load(client, requests, 0)
        speed.candidate = SLOWER
        slower = await load(client, CONTROLS, 20_000_000)
        client.close()
    server.close()
    return same, slower


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print, and judge."""
    parser = argparse.ArgumentParser(description="A candidate identical to stable never trips the deadline.")
    parser.add_argument("--requests", type=int, default=REQUESTS)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="dg-same-") as made:
        same, slower = uvloop.run(play(Path(made), given.requests))
    for name, seen in (("identical", same), (f"{SLOWER:g} x slower", slower)):
        print(f"{name}: " + ", ".join(f"{what} {count:,}" for what, count in sorted(seen.items())))
    return 0 if not same["fallback"] and not same["failed"] and same["candidate"] and slower["fallback"] else 1


if __name__ == "__main__":
    sys.exit(main())
