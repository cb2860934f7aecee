"""A request as it goes to one server, whichever protocol carries it."""

import msgspec

from gateway.upstream.target import Origin


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """A request: `head` is HTTP/1.1's, and ends with its blank line. `headers_only`: its answer has no body.

    `model` names the pool: two models share no connections, not even on one server. `chunked`: its body follows in
    pieces, and has no length that is known beforehand.
    """

    origin: Origin
    head: bytes
    body: bytes
    headers_only: bool = False
    model: str = ""
    chunked: bool = False
