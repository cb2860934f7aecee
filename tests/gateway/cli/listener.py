"""An admin listener that answers what a test tells it to, and how a command ended: the types of the fixtures here."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol, TypeAlias

Json: TypeAlias = dict[str, Any]
MakeRollout: TypeAlias = Callable[..., Json]


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


class Run(Protocol):
    """Runs `driftgate` with arguments and environment variables, in an empty directory."""

    def __call__(self, *arguments: str, **env: str) -> Ran:
        """Run it to its end."""


@dataclass
class Admin:
    """Answers by method and path, in order; the last one stays. Remembers what it was asked."""

    url: str = ""
    answers: dict[str, list[tuple[int, object]]] = field(default_factory=dict)
    asked: list[tuple[str, object, str | None]] = field(default_factory=list)

    def on(self, request: str, *answers: object, status: int = 200) -> None:
        """Answer `request`, such as `GET /admin/v1/endpoints`, with these one after another."""
        self.answers[request] = [(status, answer) for answer in answers]

    def answer(self, request: str, body: object, key: str | None) -> tuple[int, object]:
        """The next answer."""
        self.asked.append((request, body, key))
        queue = self.answers.get(request.partition("?")[0])
        if not queue:
            return 404, {"type": "about:blank", "title": "Not Found", "detail": f"nothing at {request}", "status": 404}
        return queue.pop(0) if len(queue) > 1 else queue[0]


def handler(admin: Admin) -> type[BaseHTTPRequestHandler]:
    """The HTTP side of `admin`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, answer = admin.answer(f"{self.command} {self.path}", body, self.headers.get("authorization"))
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815  # http.server finds its methods by this name

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's own signature
            """Say nothing."""

    return Handler
