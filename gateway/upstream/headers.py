"""Which headers pass the gateway, in either direction (RFC 9110 §7.6.1).

End-to-end headers pass. Dropped are the hop-by-hop ones, those that `Connection` names, credentials and cookies (they
belong to the other side of the gateway), and everything called `x-driftgate-*`, which only the gateway may say.
Names are lower case, as the parsers of both sides give them.

An underscore stands for a hyphen in what some servers hear, so the `_` twin of a dropped name is dropped, too.
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
_PLAIN_CONNECTION: Final = frozenset({b"keep-alive", b"close"})
MOST_REMEMBERED: Final = 512
"""Names are the client's choice: what is remembered of them is bounded."""


class HeaderRule(dict[bytes, bool]):
    """Name → whether it passes in one direction. Verdicts are made on first sight and remembered, within a bound."""

    def __init__(self, dropped: frozenset[bytes]) -> None:
        super().__init__()
        self._dropped = dropped

    def __missing__(self, name: bytes) -> bool:
        heard = name.replace(b"_", b"-")
        verdict = heard not in self._dropped and not heard.startswith(OURS)
        if len(self) < MOST_REMEMBERED:
            self[name] = verdict
        return verdict


REQUEST: Final = HeaderRule(_HOP_BY_HOP | _CREDENTIALS | {b"host", b"content-length", b"expect", b"cookie2"})
"""To a model server; host and length are written anew."""

READ_HERE: Final = HeaderRule(
    _HOP_BY_HOP | _CREDENTIALS | {b"host", b"content-length", b"expect", b"cookie2", b"accept-encoding"}
)
"""To a model server whose answer is read here, and so must not be compressed."""

ANSWER: Final = HeaderRule(
    _HOP_BY_HOP | {b"set-cookie", b"set-cookie2", b"proxy-authenticate", b"proxy-authentication-info"}
)
"""Back to an application."""

TRAILER: Final = HeaderRule(
    _HOP_BY_HOP
    | _CREDENTIALS
    | {
        b"set-cookie",
        b"set-cookie2",
        b"host",
        b"content-length",
        b"content-encoding",
        b"content-type",
        b"content-range",
    }
)
"""After the body, back to an application: nothing that says where the body ends, how to read it, or who asks."""


def named_by_connection(values: Iterable[bytes]) -> frozenset[bytes]:
    """The header names that `Connection` values declare hop-by-hop, beyond its own two words."""
    tokens = {
        token.strip().lower() for value in values if value not in _PLAIN_CONNECTION for token in value.split(b",")
    }
    return frozenset(tokens) - _PLAIN_CONNECTION


def end_to_end(headers: RawHeaders, rule: HeaderRule) -> RawHeaders:
    """The headers that pass."""
    passed = [field for field in headers if rule[field[0]]]
    if len(passed) < len(headers):  # `Connection` never passes: only then can there be one
        values = [field[1] for field in headers if field[0] == b"connection"]
        if values and (named := named_by_connection(values)):
            return [field for field in passed if field[0] not in named]
    return passed
