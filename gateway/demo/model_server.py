"""A simulated model server: OpenAI's chat completions, unary and streamed, spoken by the demo's personas.

It keeps a log of who was asked what and when, which is the other side's word on what a gateway did: `GET /log`.
Run as `python -m gateway.demo.model_server --fd N MODEL…`: it serves on the inherited listening socket until SIGTERM.

Not a model, and not hardened: it serves the demo and its tests on loopback.
"""

import argparse
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from random import Random
from time import monotonic
from typing import Any, Final, TypeAlias

import anyio
import msgspec
import uvicorn

from gateway.demo import wire
from gateway.demo.personas import PERSONAS, Persona
from gateway.demo.tasks import Said

Scope: TypeAlias = MutableMapping[str, Any]  # Any: ASGI's own untyped mappings
Receive: TypeAlias = Callable[[], Awaitable[Scope]]
Send: TypeAlias = Callable[[Scope], Awaitable[None]]

REMEMBERED: Final = 100_000
"""Entries of the log; older ones are forgotten."""
BETWEEN_PIECES_SECONDS: Final = 0.002
CREATED: Final = 1_700_000_000
"""The answers' `created`: simulated models keep no clock."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question in the log. `at` is this machine's monotonic clock in seconds."""

    at: float
    model: str
    user: str
    shadow: bool
    stream: bool
    prompt: str


class ModelServer:
    """The ASGI application. Answers are drawn from `seed` and from how many questions came before."""

    def __init__(self, personas: Sequence[Persona], seed: int) -> None:
        self._personas = {persona.model: persona for persona in personas}
        self._seed = seed
        self._count = 0
        self.log: deque[Asked] = deque(maxlen=REMEMBERED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        match scope["method"], scope["path"]:
            case "POST", "/v1/chat/completions":
                await self._chat(scope, await _body(receive), send)
            case "GET", "/v1/models":
                listed = [{"id": name, "object": "model", "owned_by": "demo"} for name in self._personas]
                await _whole(send, 200, msgspec.json.encode({"object": "list", "data": listed}))
            case "GET", "/log":
                await _whole(send, 200, msgspec.json.encode(list(self.log)))
            case _:
                await _whole(send, 404, wire.error("no such path here", "invalid_request_error"))

    async def _chat(self, scope: Scope, body: bytes, send: Send) -> None:
        try:
            question = wire.read(body)
        except msgspec.MsgspecError as broken:
            await _whole(send, 400, wire.error(f"this is no chat request: {broken}", "invalid_request_error"))
            return
        persona = self._personas.get(question.model)
        if persona is None:
            message = f"The model '{question.model}' does not exist"
            await _whole(send, 404, wire.error(message, "invalid_request_error", "model_not_found"))
            return
        self._remember(scope, question)
        rng = self._rng(question)
        said = persona.say(question.prompt, rng)
        envelope = wire.Envelope(f"chatcmpl-{self._count:08d}", question.model, CREATED)
        low, high = persona.first_byte_ms
        await anyio.sleep(rng.triangular(low, high, low * 1.2) / 1000)
        if question.stream:
            await _stream(send, said, envelope)
        else:
            await _whole(send, 200, wire.completion(said, envelope, question.prompt))

    def _rng(self, question: wire.Question) -> Random:
        """What an answer is drawn from: at temperature 0 nothing but the question."""
        self._count += 1
        if question.temperature == 0.0:
            return Random(f"{question.model}/{question.prompt}")
        return Random(f"{self._seed}/{question.model}/{self._count}")

    def _remember(self, scope: Scope, question: wire.Question) -> None:
        headers = dict(scope["headers"])
        user = headers.get(b"x-user-id", b"").decode("latin-1")
        shadow = b"x-driftgate-shadow" in headers
        self.log.append(Asked(monotonic(), question.model, user, shadow, question.stream, question.prompt[:80]))


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _whole(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _stream(send: Send, said: Said, envelope: wire.Envelope) -> None:
    headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for event in _joined(wire.events(said, envelope)):
        await send({"type": "http.response.body", "body": event, "more_body": True})
        await anyio.sleep(BETWEEN_PIECES_SECONDS)
    await send({"type": "http.response.body", "body": b""})


def _joined(events: Iterator[bytes]) -> Iterator[bytes]:
    """The events as they leave: the role with the first words, and the end with `[DONE]`, as real servers send them."""
    pending = list(events)
    yield pending[0] + pending[1]
    yield from pending[2:-2]
    if len(pending) > 3:  # noqa: PLR2004 - role, first words, finish, [DONE]
        yield pending[-2] + pending[-1]
    else:
        yield pending[-1]


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description="A simulated model server.")
    parser.add_argument("--fd", type=int, required=True, help="an inherited listening socket")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("models", nargs="+", choices=sorted(PERSONAS))
    given = parser.parse_args(arguments)
    app = ModelServer([PERSONAS[name] for name in given.models], given.seed)
    server = uvicorn.Server(
        uvicorn.Config(
            app, loop="uvloop", http="httptools", ws="none", lifespan="off", log_config=None, access_log=False,
            timeout_graceful_shutdown=1,
        )
    )  # fmt: skip
    server.run(sockets=[socket.socket(fileno=given.fd)])


if __name__ == "__main__":
    main()
