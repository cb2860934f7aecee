"""The ASGI application of the admin plane, and the server that runs it on a socket it is given."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import socket
from typing import Any, Final

import uvicorn
from litestar import Litestar, Response, Router
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from gateway.control.access import Gate, open_to
from gateway.control.admin import ROUTES
from gateway.control.desk import Desk
from gateway.control.problems import HANDLERS
from gateway.dashboard import pages
from gateway.dashboard.recording import Recorder
from gateway.dashboard.signing import wall_clock
from gateway.keys import KeyRing
from gateway.roles import Role
from gateway.version import __version__

LARGEST_BODY: Final = 64 * 1024
"""Bytes of an admin request: commands are a few hundred."""

STREAMS_END_SECONDS: Final = 2
"""How long a stop waits for requests that are still being answered."""

_HEADERS: Final = {
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}


def application(desk: Desk, keys: KeyRing, recorder: Recorder) -> Litestar:
    """The admin plane. Every route passes the gate; every error becomes a problem."""
    schema = Router("/schema", route_handlers=[], opt=open_to(Role.VIEWER), include_in_schema=False)
    return Litestar(
        route_handlers=[*ROUTES, *pages.routes(desk, keys, recorder)],
        guards=[Gate(keys, wall_clock)],
        exception_handlers=dict(HANDLERS),
        state=State({"desk": desk}),
        request_max_body_size=LARGEST_BODY,
        after_request=_secured,
        openapi_config=OpenAPIConfig(
            title="driftgate",
            version=__version__,
            description="The admin plane: rollouts, their evidence, and what operators may do to them.",
            openapi_router=schema,
            render_plugins=[JsonRenderPlugin(path="/")],
        ),
        logging_config=None,
    )


async def _secured(response: Response[Any]) -> Response[Any]:
    for name, value in _HEADERS.items():
        response.headers[name] = value
    return response


def answering_head(app: ASGIApp) -> ASGIApp:
    """`app` that answers HEAD as GET without the body, which it does not by itself (RFC 9110 §9.1 wants it)."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "HEAD":
            await app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {
                    "type": "http.response.body",
                    "body": b"",
                    "more_body": False,
                }  # a stream would go on for ever
            await send(message)

        await app({**scope, "method": "GET"}, receive, send_head)  # type: ignore[arg-type] # the same keys

    return answer


class Server(uvicorn.Server):
    """uvicorn that leaves signals to the process, and says when it listens."""

    def __init__(self, app: Litestar, on_started: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                answering_head(app),
                http="httptools",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                log_level="warning",
                server_header=False,
                timeout_keep_alive=15,
                timeout_graceful_shutdown=STREAMS_END_SECONDS,
            )
        )
        self._on_started = on_started

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets=sockets)
        self._on_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's own business."""
        yield
