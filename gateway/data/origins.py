"""Which model made which response, so that whoever asks for it again asks the model that has it.

A Responses API keeps its answers on its own server. The next turn (`previous_response_id`) must go there for as long as
that model serves, and whoever looks at the answer, cancels or deletes it, longer than that; and of a model with several
servers, to the one that made it. What one worker learns the others hear of over the control channel, a moment later;
other gateways, and those who come after a restart, read it in Redis (`elsewhere`). Where nobody knows, the sticky arm
is asked, and on its "not found" the other one; so are a model's servers, one after another.

Memory is bounded; the oldest is forgotten first. Kept are 64 bits of a hash of each id: to know that a response exists
is a right, and ids of one tenant are no business of another process. What one endpoint's models made is not known of
another endpoint, which a caller may have no right to.
"""

import re
from collections import OrderedDict, deque
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import msgspec

from gateway.upstream.client import Stream
from gateway.upstream.encoding import opening

MOST_REMEMBERED: Final = 50_000
"""About 8 MB. A conversation's next turn comes within minutes; at ten answers a second this is an hour and more."""
MOST_NEWS: Final = 10_000
OPENING_BYTES: Final = 2_048
"""An answer says its id first."""
_ID: Final = re.compile(rb'"id"[ \t\r\n]*:[ \t\r\n]*"([^"\\]{1,256})"')
_NOT_FOUND: Final = 404
_BAD_REQUEST: Final = 400
_NOT_FOUND_CODE: Final = b"previous_response_not_found"


def response_id(opening: bytes) -> str | None:
    """The id in an answer's opening, whole or streamed; None where there is none to read."""
    found = _ID.search(opening)
    return None if found is None else found[1].decode("latin-1")


def says_not_found(status: int, body: bytes) -> bool:
    """Whether the answer is that the server does not have the previous response."""
    return status == _NOT_FOUND or (status == _BAD_REQUEST and _NOT_FOUND_CODE in body)


async def lacks(stream: Stream) -> bool:
    """Whether a server answers that it does not have the response."""
    if stream.status != _BAD_REQUEST:
        return stream.status == _NOT_FOUND
    begun = await stream.seen(OPENING_BYTES)
    return says_not_found(stream.status, opening(stream.headers, begun, OPENING_BYTES) or b"")


class Made(msgspec.Struct, frozen=True):
    """Who made a response: the model, and its server's place where it has several."""

    model: str
    server: str = ""

    @classmethod
    def read(cls, note: str) -> "Made":
        """What `__str__` wrote. A gateway of an earlier version takes a note with a server for an unknown model."""
        model, _, server = note.partition(" ")
        return cls(model, server)

    def __str__(self) -> str:
        """A note of it; names of models hold no spaces."""
        return f"{self.model} {self.server}" if self.server else self.model


class Origins:
    """What one worker knows."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._made: OrderedDict[int, str] = OrderedDict()
        self._news: deque[tuple[int, str]] = deque(maxlen=MOST_NEWS)
        self._untold: deque[tuple[str, tuple[int, str]]] = deque(maxlen=MOST_NEWS)

    def __len__(self) -> int:
        return len(self._made)

    def of(self, endpoint: str, response: str) -> Made | None:
        """Who made the endpoint's response, None where it is not known here."""
        note = self._made.get(_within(endpoint, short(response)))
        return None if note is None else Made.read(note)

    def note(self, endpoint: str, response: str, maker: Made) -> None:
        """A model has made a response through this worker."""
        hashed, note = short(response), str(maker)
        made = (_within(endpoint, hashed), note)
        self.learn((made,))
        self._news.append(made)
        self._untold.append((endpoint, (hashed, note)))

    def found(self, endpoint: str, response: str, note: str) -> None:
        """Another gateway has noted this of the endpoint's response."""
        self.learn(((_within(endpoint, short(response)), note),))

    def learn(self, made: Iterable[tuple[int, str]]) -> None:
        """What this gateway's other workers have noted."""
        self._made.update(made)
        while len(self._made) > self._most:
            self._made.popitem(last=False)

    def take_news(self, most: int = 1_000) -> tuple[tuple[int, str], ...]:
        """What was noted here and has not been told to this gateway's workers yet, oldest first."""
        return tuple(self._news.popleft() for _ in range(min(most, len(self._news))))

    def take_untold(self, most: int = 1_000) -> tuple[tuple[str, tuple[int, str]], ...]:
        """Likewise, to other gateways: the endpoint, and what `short` makes of the id, with the note."""
        return tuple(self._untold.popleft() for _ in range(min(most, len(self._untold))))


def short(response: str) -> int:
    """64 bits of a response id's hash."""
    return int.from_bytes(blake2b(response.encode(), digest_size=8).digest(), "big")


def _within(endpoint: str, response: int) -> int:
    """What a response is known by, among those of all endpoints."""
    return response ^ _mark(endpoint)


@lru_cache(maxsize=1024)
def _mark(endpoint: str) -> int:
    return short(endpoint)
