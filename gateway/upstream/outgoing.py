"""A request as it goes to one server, whichever protocol carries it."""

from typing import Final

from gateway.upstream.target import Origin


class Outgoing:
    """A request: `head` is HTTP/1.1's, and ends with its blank line. `headers_only`: its answer has no body.

    `model` names the pool: two models share no connections, not even on one server. `chunked`: its body follows in
    pieces, and has no length that is known beforehand.
    """

    __slots__ = ("body", "chunked", "head", "headers_only", "model", "origin")

    def __init__(
        self,
        origin: Origin,
        head: bytes,
        body: bytes,
        headers_only: bool = False,
        model: str = "",
        chunked: bool = False,
    ) -> None:
        self.origin: Final = origin
        self.head: Final = head
        self.body: Final = body
        self.headers_only: Final = headers_only
        self.model: Final = model
        self.chunked: Final = chunked
