"""The model servers of the benchmark: nginx for whole answers, so that it is never the slowest; and a server of streams
whose every event says when it was sent.

nginx answers a POST with one fixed chat completion for a few microseconds of CPU. The stream server sends an event at
once and then one every 20 ms, or less often where that would be more than 5,000 a second in all. All processes of a
machine share CLOCK_MONOTONIC, so whoever reads an event knows how long it was on its way.
"""

import argparse
import asyncio
import json
import re
import socket
import sys
from time import monotonic_ns
from typing import Final

import httptools
import uvloop

from loadtest.rig.ports import free_port
from loadtest.rig.processes import Processes, listening

ANSWER: Final = {
    "id": "chatcmpl-bench",
    "object": "chat.completion",
    "created": 1,
    "model": "lumen-1",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "A canary sings before the miners are harmed. " * 12},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 300, "completion_tokens": 120, "total_tokens": 420},
}
"""600 bytes of text, as a usual answer has."""
INTERVAL_SECONDS: Final = 0.02
MOST_PER_SECOND: Final = 5_000.0
WHOLE: Final = "upstream"
"""The name of its process."""
STAMP: Final = "at-ns:"
"""Before the instant in each event."""

_NGINX: Final = """\
daemon off;
worker_processes 1;
pid {place}/upstream.pid;
error_log {place}/upstream-error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_max_body_size 64m;
  client_body_buffer_size 64k;
  client_body_temp_path {place}/u1; proxy_temp_path {place}/u2; fastcgi_temp_path {place}/u3;
  uwsgi_temp_path {place}/u4; scgi_temp_path {place}/u5;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    default_type application/json;
    location /health {{ return 200 '{{}}'; }}
    location /v1/models {{ return 200 '{{"object": "list", "data": [{{"id": "lumen-1", "object": "model"}}]}}'; }}
    location / {{ return 200 '{answer}'; }}
  }}
}}
"""


def start_whole(processes: Processes) -> int:
    """Start the server of whole answers; its port."""
    port = free_port()
    conf = processes.place / "upstream.conf"
    conf.write_text(_NGINX.format(place=processes.place, port=port, answer=json.dumps(ANSWER)))
    processes.start(WHOLE, ["nginx", "-p", str(processes.place), "-c", str(conf)])
    return port


def start_streams(processes: Processes, seconds: float) -> int:
    """Start a server of streams that last so long; its port."""
    with listening() as listener:
        command = [sys.executable, "-m", "loadtest.bench.upstream", "--fd", str(listener.fileno())]
        processes.start("streams", [*command, "--seconds", str(seconds)], pass_fds=[listener.fileno()])
        return int(listener.getsockname()[1])


def stamped() -> bytes:
    """An event of a streamed chat completion, as a chunk, that says when it was made."""
    text = f"{STAMP}{monotonic_ns():020d}"
    delta = (
        '{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1,"model":"lumen-1","choices":[{"index":0,'
    )
    data = f'data: {delta}"delta":{{"content":"{text} and some more words"}},"finish_reason":null}}]}}\n\n'.encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


class Streams(asyncio.Protocol):
    """One connection: each request gets a stream."""

    open = 0
    """Streams under way, over all connections."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._parser = httptools.HttpRequestParser(self)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport | None = None
        self._until = 0.0
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The proxy connects."""
        self._transport = transport  # type: ignore[assignment] # a stream's transport writes

    def connection_lost(self, exc: Exception | None) -> None:
        """The proxy let go."""
        del exc
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._body = b""

    def on_body(self, body: bytes) -> None:
        """A piece of its body."""
        self._body += body

    def on_message_complete(self) -> None:
        """A request: probes get a whole answer."""
        if not re.search(rb'"stream": ?true', self._body):
            body = json.dumps(ANSWER).encode()
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
            self._write(head + body)
            return
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        self._write(head + stamped())
        self._until = self._loop.time() + self._seconds
        Streams.open += 1
        self._later()

    def _next(self) -> None:
        if self._transport is None:
            Streams.open -= 1
            return
        if self._loop.time() >= self._until:
            Streams.open -= 1
            done = b"data: [DONE]\n\n"
            self._write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(done), done))
            return
        self._write(stamped())
        self._later()

    def _later(self) -> None:
        self._loop.call_later(max(INTERVAL_SECONDS, Streams.open / MOST_PER_SECOND), self._next)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


async def serve(listener: socket.socket, seconds: float) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Streams(seconds), sock=listener, backlog=4096)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description="Streams whose events say when they were sent.")
    parser.add_argument("--fd", type=int, required=True, help="an inherited listening socket")
    parser.add_argument("--seconds", type=float, required=True)
    given = parser.parse_args()
    uvloop.run(serve(socket.socket(fileno=given.fd), given.seconds))


if __name__ == "__main__":
    main()
