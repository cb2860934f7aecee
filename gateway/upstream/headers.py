"""Which headers pass the gateway, in either direction (RFC 9110 §7.6.1).

End-to-end headers pass. Dropped are the hop-by-hop ones, those that `Connection` names, credentials and cookies (they
belong to the other side of the gateway), and everything called `x-driftgate-*`, which only the gateway may say.
Names are lower case, as the parsers of both sides give them.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

RawHeaders: TypeAlias = list[tuple[bytes, bytes]]
"""Header fields as on the wire: lower-case names, values as sent."""

OURS: Final = b"x-driftgate-"

_HOP_BY_HOP: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
_CREDENTIALS: Final = frozenset({b"authorization", b"proxy-authorization", b"x-api-key", b"api-key", b"cookie"})

DROPPED_FROM_REQUEST: Final = _HOP_BY_HOP | _CREDENTIALS | {b"host", b"content-length", b"expect", b"cookie2"}
"""Never sent on to a model server; host and length are written anew."""

DROPPED_FROM_ANSWER: Final = _HOP_BY_HOP | {
    b"set-cookie",
    b"set-cookie2",
    b"proxy-authenticate",
    b"proxy-authentication-info",
}
"""Never sent back to an application."""


def named_by_connection(values: Iterable[bytes]) -> frozenset[bytes]:
    """The header names that `Connection` values declare hop-by-hop."""
    return frozenset(token.strip().lower() for value in values for token in value.split(b","))


def end_to_end(headers: RawHeaders, dropped: frozenset[bytes]) -> RawHeaders:
    """The headers that pass. An underscore stands for a hyphen in what some servers hear, so `_` twins drop too."""
    connection = [value for name, value in headers if name == b"connection"]
    if connection and connection not in ([b"keep-alive"], [b"close"]):
        dropped |= named_by_connection(connection)
    return [
        field for field in headers if (name := field[0]) not in dropped and not name.startswith(OURS)
        and (b"_" not in name or _passes_with_underscore(name, dropped))
    ]  # fmt: skip


def _passes_with_underscore(name: bytes, dropped: frozenset[bytes]) -> bool:
    heard = name.replace(b"_", b"-")
    return heard not in dropped and not heard.startswith(OURS)
