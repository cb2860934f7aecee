"""Which key a request is assigned by, counted by and sliced by.

The first of the endpoint's sources that is present is the key. With none of them each request stands for itself: it is
assigned by its request id, and marked keyless.
"""

from typing import Final

from gateway.config.fields import KeyKind, KeySource
from gateway.config.model import Endpoint
from gateway.data.incoming import Incoming
from gateway.keys import Caller
from routing.request import RoutingFields, conversation_key, scalar_text, text_at

_HEADER: Final = KeyKind.HEADER
_BODY: Final = KeyKind.BODY
_CALLER: Final = KeyKind.CALLER
_CONVERSATION: Final = KeyKind.CONVERSATION
_STICKY: Final = KeyKind.STICKY
_REQUEST: Final = KeyKind.REQUEST
_READ_ELSEWHERE: Final = (_STICKY, KeyKind.TASK, KeyKind.LANGUAGE)
"""The sticky key by its name, a task and a language where answers are compared."""
LONGEST_SLICE_VALUE: Final = 64
"""Slice values are names; longer ones are cut, so that no prompt ends up in a counter's name."""


class Keyed:
    """A request in all that keys may be read from. `model_span` is where its model's name stands in the body."""

    __slots__ = ("body", "caller", "fields", "incoming", "model_span", "request_id")

    def __init__(
        self,
        incoming: Incoming,
        body: bytes,
        fields: RoutingFields,
        model_span: tuple[int, int],
        caller: Caller,
        request_id: str,
    ) -> None:
        self.incoming: Final = incoming
        self.body: Final = body
        self.fields: Final = fields
        self.model_span: Final = model_span
        self.caller: Final = caller
        self.request_id: Final = request_id


class Source:
    """One place in a request, ready to be read: what the configuration says of it is looked up once."""

    __slots__ = ("dimension", "header", "kind", "name", "path")

    def __init__(self, source: KeySource) -> None:
        self.kind: Final = source.kind
        self.name: Final = source.name
        self.header: Final = source.name.encode()
        self.path: Final = tuple(source.name.split("."))
        self.dimension: Final = str(source)


class Keying:
    """The sources of one endpoint's keys: who is assigned, who is counted, and into which slices."""

    __slots__ = ("slices", "sticky_by", "vote_by")

    def __init__(self, endpoint: Endpoint) -> None:
        self.sticky_by: Final = tuple(Source(source) for source in endpoint.sticky_by)
        self.vote_by: Final = Source(endpoint.vote_by)
        self.slices: Final = tuple(Source(source) for source in endpoint.slices)


def sticky_key(keying: Keying, asked: Keyed) -> str | None:
    """The key that decides the arm; None where the request brought none."""
    if (own := asked.incoming.own) and asked.caller.pin and (given := own.get(b"key")):
        return given.decode("latin-1")
    for source in keying.sticky_by:
        key = read_source(source, asked)
        if key is not None:
            return key
    return None


def vote_key(keying: Keying, asked: Keyed, sticky: str | None) -> str | None:
    """The key that counts once as evidence; None: the request stands for itself."""
    return sticky if keying.vote_by.kind is _STICKY else read_source(keying.vote_by, asked)


def slices(keying: Keying, asked: Keyed) -> tuple[tuple[str, str], ...]:
    """(dimension, value) of each declared slice that the request has a value for."""
    own = asked.incoming.own
    if not keying.slices and not own:
        return ()
    found = [(source.dimension, read_source(source, asked)) for source in keying.slices]
    if asked.caller.pin and (given := own.get(b"slice")):
        found.append(("slice", given.decode("latin-1")))
    return tuple((dimension, value[:LONGEST_SLICE_VALUE]) for dimension, value in found if value)


def read_source(source: Source, asked: Keyed) -> str | None:
    """The text at one source; None where it is absent or empty."""
    kind = source.kind
    if kind is _HEADER:
        return asked.incoming.header(source.header)
    if kind is _BODY:
        return scalar_text(asked.fields.user) if source.name == "user" else text_at(asked.body, source.path)
    if kind is _CALLER:
        return asked.caller.tenant if source.name == "tenant" else asked.caller.name
    if kind is _CONVERSATION:
        return conversation_key(asked.body)
    if kind is _REQUEST:
        return asked.request_id
    assert kind in _READ_ELSEWHERE
    return None
