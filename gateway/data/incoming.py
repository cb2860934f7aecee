"""What a request's headers say, read once.

Ambiguity is refused here (RFC 9112 §3.2): a request with no Host, or two, is a 400, since the servers behind a gateway
might each believe another one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.data.api import CLOSE, ApiError
from gateway.upstream.headers import OURS, REQUEST, RawHeaders, named_by_connection

_NOTED: Final[Mapping[bytes, str]] = {
    b"authorization": "authorization",
    b"x-api-key": "api_key",
    b"api-key": "api_key",
    b"content-encoding": "content_encoding",
    b"content-length": "length",
    b"te": "te",
}


_TAKING_TRAILERS: Final = ((b"te", b"trailers"), (b"connection", b"te"))
"""Said anew on our own connection: the client's own words are for its own."""


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
    length: bytes = b""
    content_encoding: bytes = b""
    te: bytes = b""
    takes_trailers: bool = False
    """Whether the client wants the fields that come after an answer's body."""

    def header(self, name: bytes) -> str | None:
        """The value of an end-to-end header, None where absent or empty; of several, the first."""
        for key, value in self.passed:
            if key == name:
                return value.decode("latin-1").strip() or None
        return None

    @property
    def content_length(self) -> int | None:
        """The declared length of the body; the parser has checked that it is one."""
        return int(self.length) if self.length else None

    def without(self, name: bytes) -> None:
        """The header does not go upstream."""
        self.passed = [field for field in self.passed if field[0] != name]

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
    passed, hosts, hop_by_hop = incoming.passed, 0, []
    for field_ in headers:
        name = field_[0]
        if REQUEST[name]:
            passed.append(field_)
        elif name.startswith(OURS):
            incoming.own[name[len(OURS) :]] = field_[1]
        if name in _NOTED:
            setattr(incoming, _NOTED[name], field_[1])
        elif name == b"host":
            hosts += 1
        elif name == b"connection":
            hop_by_hop.append(field_[1])
    if hop_by_hop and (named := named_by_connection(hop_by_hop)):
        incoming.passed = [field_ for field_ in passed if field_[0] not in named]
    if incoming.te and http_version != "1.0" and b"trailers" in incoming.te.lower():
        incoming.takes_trailers = True
        incoming.passed += _TAKING_TRAILERS
    if hosts > 1 or (hosts == 0 and http_version != "1.0"):
        raise ApiError(400, "invalid_host", "A request must carry exactly one Host header.", headers=CLOSE)
    return incoming
