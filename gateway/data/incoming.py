"""What a request's headers say, read in one pass.

Ambiguity is refused here (RFC 9112 §3.2): a request with no Host, or two, is a 400, since the servers behind a gateway
might each believe another one.
"""

from dataclasses import dataclass, field
from typing import Final

from gateway.data.api import ApiError
from gateway.upstream.headers import DROPPED_FROM_REQUEST, OURS, RawHeaders, end_to_end

_PLAIN_CONNECTION: Final = frozenset({b"keep-alive", b"close"})


@dataclass(slots=True)
class Incoming:
    """A request's head. `passed` are the headers that go upstream; `own` the x-driftgate ones without their prefix."""

    method: str
    path: str
    query: bytes
    passed: RawHeaders = field(default_factory=list)
    own: dict[bytes, bytes] = field(default_factory=dict)
    authorization: bytes = b""
    api_key: bytes = b""
    content_length: int | None = None
    content_encoding: bytes = b""

    def header(self, name: bytes) -> str | None:
        """The value of an end-to-end header, None where absent or empty; of several, the first."""
        for key, value in self.passed:
            if key == name:
                return value.decode("latin-1").strip() or None
        return None

    @property
    def token(self) -> str | None:
        """The API key that came with the request, however the client's API sends it."""
        if self.api_key:
            return self.api_key.decode("latin-1")
        scheme, _, token = self.authorization.partition(b" ")
        return token.strip().decode("latin-1") or None if scheme.lower() == b"bearer" else None


def read_incoming(method: str, path: str, query: bytes, headers: RawHeaders, *, http_version: str) -> Incoming:
    """The head of a request; raises `ApiError` where it is ambiguous."""
    incoming = Incoming(method, path, query)
    passed = incoming.passed
    hosts = 0
    needs_filter = False
    for item in headers:
        name = item[0]
        if name in DROPPED_FROM_REQUEST:
            if name == b"host":
                hosts += 1
            elif name == b"connection" and item[1].lower() not in _PLAIN_CONNECTION:
                needs_filter = True
            else:
                _note(incoming, name, item[1])
        elif name.startswith(OURS):
            incoming.own[name[len(OURS) :]] = item[1]
        else:
            if b"_" in name:
                needs_filter = True
            elif name == b"content-encoding":
                incoming.content_encoding = item[1].lower()
            passed.append(item)
    if hosts > 1 or (hosts == 0 and http_version != "1.0"):
        raise ApiError(400, "invalid_host", "A request must carry exactly one Host header.")
    if needs_filter:
        incoming.passed = end_to_end(headers, DROPPED_FROM_REQUEST)
    return incoming


def _note(incoming: Incoming, name: bytes, value: bytes) -> None:
    if name == b"authorization":
        incoming.authorization = value
    elif name in (b"x-api-key", b"api-key"):
        incoming.api_key = value
    elif name == b"content-length":
        incoming.content_length = int(value)
