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
_STICKY: Final = KeyKind.STICKY
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


def sticky_key(endpoint: Endpoint, asked: Keyed) -> str | None:
    """The key that decides the arm; None where the request brought none."""
    if asked.caller.pin and (given := asked.incoming.own.get(b"key")):
        return given.decode("latin-1")
    for source in endpoint.sticky_by:
        key = read_source(source, asked)
        if key is not None:
            return key
    return None


def vote_key(endpoint: Endpoint, asked: Keyed, sticky: str | None) -> str | None:
    """The key that counts once as evidence; None: the request stands for itself."""
    kind = endpoint.vote_by.kind
    if kind is _STICKY:
        return sticky
    return asked.request_id if kind is KeyKind.REQUEST else read_source(endpoint.vote_by, asked)


def slices(endpoint: Endpoint, asked: Keyed) -> tuple[tuple[str, str], ...]:
    """(dimension, value) of each declared slice that the request has a value for."""
    if not endpoint.slices and not asked.incoming.own:
        return ()
    found = [(str(source), read_source(source, asked)) for source in endpoint.slices]
    if asked.caller.pin and (given := asked.incoming.own.get(b"slice")):
        found.append(("slice", given.decode("latin-1")))
    return tuple((dimension, value[:LONGEST_SLICE_VALUE]) for dimension, value in found if value)


def read_source(source: KeySource, asked: Keyed) -> str | None:
    """The text at one source; None where it is absent or empty."""
    if source.kind is _HEADER:
        return asked.incoming.header(source.name.encode())
    match source.kind:
        case KeyKind.BODY if source.name == "user":
            return scalar_text(asked.fields.user)
        case KeyKind.BODY:
            return text_at(asked.body, tuple(source.name.split(".")))
        case KeyKind.CALLER:
            return asked.caller.tenant if source.name == "tenant" else asked.caller.name
        case KeyKind.CONVERSATION:
            return conversation_key(asked.body)
        case KeyKind.REQUEST:
            return asked.request_id
        case KeyKind.STICKY | KeyKind.TASK | KeyKind.LANGUAGE:
            return None  # the last two are read off the request where it is compared
