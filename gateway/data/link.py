"""The client's connection, as far as the data plane must know it: one thing more than ASGI says."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeAlias

Receive: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]
"""ASGI's receive; its messages are ASGI's own untyped mappings."""
Send: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[None]]
"""ASGI's send; likewise. The last `http.response.body` may carry `trailers`, fields that go out after the body."""


class Link(Protocol):
    """One client's connection."""

    on_left: Callable[[], object] | None
    is_beyond_room: bool
    """Accepted only to be told that there is no room (`gateway.data.room`)."""

    def has_left(self) -> bool:
        """Whether the client is gone."""

    def abort(self) -> None:
        """Cut the connection."""


class ClientLeft(Exception):
    """The client closed its connection before its request was complete."""
