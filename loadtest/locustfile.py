"""What applications do to a gateway, for locust: chat, streams, tools, JSON, long contexts, and requests given up.

Run by `make load` and `make soak` (`loadtest.load`) between the demo's simulated model servers, with a key per tenant
in DRIFTGATE_LOAD_KEYS. Or by hand, against a gateway of your own with endpoints `chat` and `support`:

    locust -f loadtest/locustfile.py --host http://127.0.0.1:8080

An answer is a success only if it is what was asked for: a stream that ended in [DONE], JSON where JSON was wanted.
"""

import json
import os
import socket
from collections.abc import Mapping
from itertools import count
from random import Random
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit

from locust import FastHttpUser, LoadTestShape, constant_throughput

from gateway.demo.tasks import Asked, ask

ENDPOINTS: Final = ("chat", "support")
PATH: Final = "/v1/chat/completions"
MOST_USERS: Final = int(os.environ.get("DRIFTGATE_LOAD_USERS", "60"))
RUN_SECONDS: Final = float(os.environ.get("DRIFTGATE_LOAD_SECONDS", "60"))
RAMP_SECONDS: Final = 20.0
LONG: Final = "The minutes of the last council meeting follow, for context. " * 500
"""30 KB before the question."""
_KEYS: Final[Mapping[str, str]] = json.loads(os.environ.get("DRIFTGATE_LOAD_KEYS", "{}"))
"""Tenant → its key; none where the gateway is open."""
_numbers: Final = count(1)


class Ramp(LoadTestShape):
    """A few users at first, all of them after 20 seconds, nobody at the end."""

    def tick(self) -> tuple[int, float] | None:
        """How many users there should be now, and how many may come a second."""
        seconds: float = self.get_run_time()  # type: ignore[no-untyped-call] # locust leaves it without a type
        if seconds > RUN_SECONDS:
            return None
        share = min(1.0, 0.2 + 0.8 * seconds / RAMP_SECONDS)
        return max(1, round(MOST_USERS * share)), 10.0


class Application(FastHttpUser):
    """One connection of an application, on which many of its own users ask."""

    wait_time = constant_throughput(2)
    connection_timeout = 10.0
    network_timeout = 30.0

    def on_start(self) -> None:
        """Choose a tenant."""
        number = next(_numbers)
        self.rng = Random(number)
        self.number = number
        tenants = sorted(_KEYS)
        self.key = _KEYS[tenants[number % len(tenants)]] if tenants else ""
        self.asked = 0

    def chat(self) -> None:
        """A question of the usual mix, answered whole."""
        self._ask("chat", ask(self.rng))

    def streamed(self) -> None:
        """The same, streamed."""
        self._ask("stream", ask(self.rng), stream=True)

    def tool(self) -> None:
        """A question with tools."""
        self._ask("tools", self._of_kind("tool"), stream=self.rng.random() < 0.5)

    def structured(self) -> None:
        """A question that wants JSON of a given schema."""
        self._ask("json", self._of_kind("extract"))

    def long(self) -> None:
        """A question after 30 KB of context."""
        self._ask("long", ask(self.rng), system=LONG)

    def given_up(self) -> None:
        """A request whose application leaves before the answer, or in its midst."""
        body = self._body(ask(self.rng), stream=True)
        url = urlsplit(self.host or "")
        lines = [f"POST {PATH} HTTP/1.1", f"host: {url.netloc}", *(f"{k}: {v}" for k, v in self._headers().items())]
        lines += [f"content-length: {len(body)}", "", ""]
        began, error = perf_counter(), None
        try:
            with socket.create_connection((url.hostname or "", url.port or 80), timeout=10.0) as sock:
                sock.sendall("\r\n".join(lines).encode() + body)
                if self.rng.random() < 0.5:
                    sock.recv(64)
        except OSError as failure:
            error = failure
        self.environment.events.request.fire(
            request_type="POST", name="given up", response_length=0, exception=error, context={},
            response_time=(perf_counter() - began) * 1000,
        )  # fmt: skip

    tasks = [*[chat] * 8, *[streamed] * 8, *[tool] * 2, *[structured] * 3, long, given_up]  # noqa: RUF012 - locust's own

    def _of_kind(self, kind: str) -> Asked:
        while (asked := ask(self.rng)).kind != kind:
            pass
        return asked

    def _headers(self) -> dict[str, str]:
        self.asked += 1
        user = f"{self.number}-{self.asked if self.rng.random() < 0.85 else 1}"
        headers = {"content-type": "application/json", "x-user-id": user}
        return headers | ({"authorization": f"Bearer {self.key}"} if self.key else {})

    def _body(self, asked: Asked, *, stream: bool, system: str = "You are a helpful assistant.") -> bytes:
        body: dict[str, object] = {
            "model": self.rng.choice(ENDPOINTS),
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": asked.prompt}],
            "temperature": 0.7,
            "stream": stream,
        }
        if asked.response_format is not None:
            body["response_format"] = asked.response_format
        if asked.tools is not None:
            body["tools"] = asked.tools
        return json.dumps(body).encode()

    def _ask(
        self, name: str, asked: Asked, *, stream: bool = False, system: str = "You are a helpful assistant."
    ) -> None:
        body = self._body(asked, stream=stream, system=system)
        with self.client.post(
            PATH, data=body.decode(), headers=self._headers(), name=name, catch_response=True
        ) as answer:
            problem = _problem(answer.status_code, answer.text or "", stream=stream)
            if problem:
                answer.failure(problem)


def _problem(status: int, text: str, *, stream: bool) -> str:
    """What is wrong with an answer; nothing where it is what was asked for."""
    if status != 200:
        return f"status {status}: {text[:200]}"
    if stream:
        whole = text.startswith("data: ") and text.rstrip().endswith("data: [DONE]") and '{"error"' not in text
        return "" if whole else f"a broken stream: …{text[-200:]}"
    try:
        message = json.loads(text)["choices"][0]["message"]
    except (ValueError, LookupError, TypeError):
        return f"no chat completion: {text[:200]}"
    said = message.get("content") or message.get("tool_calls") or message.get("refusal")
    return "" if said else f"nothing was said: {text[:200]}"
