"""A model server that says what a model once said: chat completions, unary and streamed, looked up by the prompt.

Run as `python -m loadtest.rig.replay_server --fd N --model NAME --recorded FILE`. Its log is a word on what happened
that no part of the gateway can influence: `GET /log` returns who was asked what and when, on the machine's monotonic
clock. `POST /behave {"status": 404}` makes it answer every question with that status, `{"first_byte_seconds": 0.2}`
makes it slow, `{}` makes it well again.

Its own protocol on asyncio: a replay must cost far less than the gateway that it measures.
"""

import argparse
import asyncio
import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final, cast

import httptools
import msgspec
import uvloop

from loadtest.rig.recordings import Recording, load

_REASONS: Final = {200: b"OK", 404: b"Not Found", 500: b"Internal Server Error", 503: b"Service Unavailable"}


class Entry(msgspec.Struct, array_like=True):
    """One question. `prompt` is the prompt's number in the recording, −1 if it is not there. `at` is monotonic."""

    at: float
    prompt: int
    user: str
    shadow: bool
    stream: bool


class _Message(msgspec.Struct):
    content: str | None = None


class _Question(msgspec.Struct):
    messages: list[_Message]
    stream: bool = False


class Behaviour(msgspec.Struct):
    """How the server departs from a healthy one."""

    status: int = 200
    first_byte_seconds: float = 0.0


_questions = msgspec.json.Decoder(_Question)


@dataclass(slots=True)
class Replay:
    """What all connections share."""

    recording: Recording
    numbers: dict[str, int] = field(default_factory=dict)
    log: list[Entry] = field(default_factory=list)
    behaviour: Behaviour = field(default_factory=Behaviour)

    def __post_init__(self) -> None:
        self.numbers = {prompt: number for number, prompt in enumerate(self.recording.prompts)}


class Protocol(asyncio.Protocol):
    """One connection: requests one after the other, keep-alive."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._loop = asyncio.get_running_loop()
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []

    # ── asyncio ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection is there."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without being a subclass

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: the connection is gone."""
        del error
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if self._transport is not None:
                self._transport.close()

    # ── httptools ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        """llhttp: a message begins."""
        self._began = monotonic()
        self._begin()

    def on_url(self, url: bytes) -> None:
        """llhttp: a part of the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """llhttp: one header field."""
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        """llhttp: a part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """llhttp: the message is whole."""
        body = b"".join(self._body)
        if self._url.endswith(b"/chat/completions"):
            self._chat(body)
        elif self._url == b"/log":
            self._whole(200, msgspec.json.encode(self._replay.log))
        elif self._url == b"/behave":
            self._replay.behaviour = msgspec.json.decode(body or b"{}", type=Behaviour)
            self._whole(200, b"{}")
        else:
            self._whole(404, b'{"error":{"message":"no such path","type":"invalid_request_error"}}')

    # ── answers ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _chat(self, body: bytes) -> None:
        question = _questions.decode(body)
        prompt = question.messages[-1].content or ""
        user = self._headers.get(b"x-user-id", b"").decode("latin-1")
        shadow = b"x-driftgate-shadow" in self._headers
        number = self._replay.numbers.get(prompt, -1)
        self._replay.log.append(Entry(self._began, number, user, shadow, question.stream))
        behaviour = self._replay.behaviour
        if behaviour.first_byte_seconds:
            self._loop.call_later(behaviour.first_byte_seconds, self._answer, prompt, question.stream)
        else:
            self._answer(prompt, question.stream)

    def _answer(self, prompt: str, stream: bool) -> None:
        status = self._replay.behaviour.status
        if status != 200:
            message = json.dumps({"error": {"message": "told to fail", "type": "server_error", "code": None}})
            self._whole(status, message.encode())
            return
        rendered = self._replay.recording.of(prompt)
        if not stream:
            self._whole(200, rendered.unary)
            return
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        self._write(head + _chunk(rendered.events[0]))
        self._next(rendered.events, 1)

    def _next(self, events: tuple[bytes, ...], at: int) -> None:
        """One event each turn of the loop, so that they leave in separate segments."""
        if at < len(events):
            self._write(_chunk(events[at]))
            self._loop.call_soon(self._next, events, at + 1)
        else:
            self._write(b"0\r\n\r\n")

    def _whole(self, status: int, body: bytes) -> None:
        reason = _REASONS.get(status, b"Status")
        self._write(
            b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (status, reason, len(body), body)
        )

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def serve(replay: Replay, listener: socket.socket) -> None:
    """Serve until cancelled or killed."""
    server = await asyncio.get_running_loop().create_server(lambda: Protocol(replay), sock=listener)
    async with server:
        await server.serve_forever()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description="Replays recorded answers of a model.")
    parser.add_argument("--fd", type=int, required=True, help="an inherited listening socket")
    parser.add_argument("--model", required=True)
    parser.add_argument("--recorded", type=Path, required=True)
    given = parser.parse_args(arguments)
    replay = Replay(load(given.recorded, given.model))
    uvloop.run(serve(replay, socket.socket(fileno=given.fd)))


if __name__ == "__main__":
    main()
