"""What a request's headers say, read once.

Ambiguity is refused here (RFC 9112 §3.2): a request with no Host, or two, is a 400, since the servers behind a gateway
might each believe another one.
"""

from typing import Final, NamedTuple

from gateway.data.api import CLOSE, ApiError
from gateway.data.cycle import Cycle
from gateway.upstream.headers import MOST_REMEMBERED, OURS, REQUEST, RawHeaders, named_by_connection

_NOTED: Final = frozenset(
    {
        b"authorization",
        b"x-api-key",
        b"api-key",
        b"content-encoding",
        b"content-length",
        b"te",
        b"host",
        b"connection",
        b"expect",
        b"transfer-encoding",
    }
)
"""Headers that mean something here; and so does all that is called as ours are."""


class _Heard(NamedTuple):
    """What is known of a header by its name alone."""

    name: bytes
    passes: bool
    is_noted: bool


class _Names(dict[bytes, _Heard]):
    """What is known of each name, as clients write it. Names are theirs to choose, so what is kept is bounded."""

    def __missing__(self, written: bytes) -> _Heard:
        name = written.lower()
        heard = _Heard(name, REQUEST[name], name in _NOTED or name.startswith(OURS))
        if len(self) < MOST_REMEMBERED:
            self[written] = heard
        return heard


_NAMES: Final = _Names()


_TAKING_TRAILERS: Final = ((b"te", b"trailers"), (b"connection", b"te"))
"""Said anew on our own connection: the client's own words are for its own."""


class Incoming:
    """A request's head. `passed` are the headers that go upstream; `own` the x-driftgate ones without their prefix."""

    authorization: bytes = b""
    api_key: bytes = b""
    length: bytes = b""
    content_encoding: bytes = b""
    te: bytes = b""
    expect: bytes = b""
    is_chunked: bool = False
    """Whether the body comes without a length."""
    takes_trailers: bool = False
    """Whether the client wants the fields that come after an answer's body."""

    def __init__(self, method: str, path: str, query: bytes) -> None:
        self.method: Final = method
        self.path: Final = path
        self.query: Final = query
        self.passed: RawHeaders = []
        self.own: dict[bytes, bytes] = {}

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

    def note(self, name: bytes, value: bytes) -> None:
        """A header that means something here."""
        match name:
            case b"content-length":
                self.length = value
            case b"authorization":
                self.authorization = value
            case b"x-api-key" | b"api-key":
                self.api_key = value
            case b"content-encoding":
                self.content_encoding = value
            case b"te":
                self.te = value
            case b"expect":
                self.expect = value
            case b"transfer-encoding":
                if value.strip().lower() != b"chunked":
                    raise ApiError(
                        501, "unsupported_encoding", "Of transfer codings only `chunked` is understood here."
                    )
                self.is_chunked = True
            case _:
                self.own[name[len(OURS) :]] = value

    def without(self, name: bytes) -> None:
        """The header does not go upstream."""
        self.passed = [field for field in self.passed if field[0] != name]

    @property
    def token(self) -> str | None:
        """The API key that came with the request, however the client's API sends it."""
        if self.api_key:
            return self.api_key.decode("latin-1")
        if not self.authorization:
            return None
        scheme, _, token = self.authorization.partition(b" ")
        return token.strip().decode("latin-1") or None if scheme.lower() == b"bearer" else None


def read_incoming(cycle: Cycle) -> Incoming:
    """The head of a request; raises `ApiError` where it is ambiguous."""
    incoming = Incoming(cycle.method, cycle.path, cycle.query)
    passed, hosts, connection = incoming.passed, 0, []
    for written, value in cycle.headers:
        name, passes, is_noted = _NAMES[written]
        if passes:
            passed.append((name, value))
        if not is_noted:
            continue
        if name == b"host":
            hosts += 1
        elif name == b"connection":
            connection.append(value)
        else:
            incoming.note(name, value)
    if incoming.expect and incoming.expect.lower() == b"100-continue":
        cycle.expect_continue()
    if connection and (named := named_by_connection(connection)):
        incoming.passed = [field_ for field_ in passed if field_[0] not in named]
    if incoming.te and cycle.version != "1.0" and b"trailers" in incoming.te.lower():
        incoming.takes_trailers = True
        incoming.passed += _TAKING_TRAILERS
    if hosts > 1 or (hosts == 0 and cycle.version != "1.0"):
        raise ApiError(400, "invalid_host", "A request must carry exactly one Host header.", headers=CLOSE)
    return incoming
