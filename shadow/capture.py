"""Wire bytes → `Ask` and `Answer`.

Bytes come from anybody, so nothing here raises: what cannot be read is `Unreadable`, with a short code that ends up in
a counter. The wire formats themselves are `shadow.wire`; this module only chooses among them, and judges the status.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from shadow.answer import Answer, Ask, Json, Unreadable
from shadow.exchange import Api
from shadow.wire import chat, completions, embeddings, messages, responses
from shadow.wire.sse import Event, events_of
from shadow.wire.tolerant import decode, mapping

_Unary: TypeAlias = Callable[[Json], Answer | Unreadable]
_Streamed: TypeAlias = Callable[[Iterable[Event]], Answer | Unreadable]


@dataclass(frozen=True, slots=True)
class _Wire:
    ask: Callable[[Json], Ask]
    unary: _Unary
    streamed: _Streamed


_WIRES: Final[Mapping[Api, _Wire]] = MappingProxyType(
    {
        Api.CHAT: _Wire(chat.ask, chat.unary, chat.streamed),
        Api.COMPLETIONS: _Wire(completions.ask, completions.unary, completions.streamed),
        Api.RESPONSES: _Wire(responses.ask, responses.unary, responses.streamed),
        Api.MESSAGES: _Wire(messages.ask, messages.unary, messages.streamed),
        Api.EMBEDDINGS: _Wire(embeddings.ask, embeddings.unary, embeddings.streamed),
    }
)

_NOTHING_ASKED: Final = Ask("", False, None, (), None)

_SUCCESS: Final = range(200, 300)


def read_request(body: bytes) -> Json:
    """A request's body as JSON; None where it is none."""
    return decode(body)[1]


def ask_of(api: Api, request: Json) -> Ask:
    """What a decoded request asks for; an unreadable one asks for nothing in particular."""
    wire = _WIRES.get(api)
    return wire.ask(request) if wire is not None else _NOTHING_ASKED


def read_answer(api: Api, body: bytes, *, stream: bool, status: int = 200) -> Answer | Unreadable:
    """What a response says. `stream` is what was asked for; a server that answers it with plain JSON is understood."""
    wire = _WIRES.get(api)
    if wire is None:
        return Unreadable("api")
    if status not in _SUCCESS:
        return Unreadable(f"status_{status}")
    if stream and body.lstrip()[:1] != b"{":
        events, bounded = events_of(body)
        return wire.streamed(events) if bounded else Unreadable("event_too_long")
    readable, document = decode(body)
    if not readable:
        return Unreadable("malformed_json")
    if mapping(document).get("error"):
        return Unreadable("error_object")
    return wire.unary(document)
