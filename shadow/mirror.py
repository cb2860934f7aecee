"""Asks the arm that did not answer, within bounds that are the mirror's own.

The mirror asks what the application asked: the same body (so a streamed request is mirrored as a stream, and read to
its end), the same headers, and `x-driftgate-shadow: 1`. It gives way at once: after a 429 it pauses, after errors it
has fewer requests in flight, and it never waits for room.

What failed *there* is evidence: an answer ≥ 400, a refused or broken connection, silence. What was stopped *here* (no
room, our deadline on a long answer, a 429 that our own extra traffic may have caused) is none, and is shed.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final, Protocol

import anyio

from shadow.answer import Unreadable
from shadow.capture import read_answer
from shadow.comparison import Heard, heard
from shadow.errors import MirrorFailed, MirrorShed
from shadow.exchange import Exchange
from shadow.pacing import Pace

MOST_IN_FLIGHT: Final = 64
"""Per model. Model servers batch some dozens of requests; the rest of their capacity is the users'."""
SHADOW_HEADER: Final = (b"x-driftgate-shadow", b"1")

_OURS: Final = frozenset({"saturated", "unknown_model", "malformed_request", "oversized", "overlong"})
"""Kinds of failure that are the mirror's own bounds, or its own doing."""
_TOO_MANY: Final = 429
_FIRST_ERROR: Final = 400


class Reply(Protocol):
    """A whole answer, as `Upstream` gives it."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def body(self) -> bytes:
        """The body without content encoding: JSON, or a stream's events."""


class Upstream(Protocol):
    """Model servers, by configured name."""

    async def unary(
        self,
        model_name: str,
        path: str,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
        *,
        deadline_seconds: float,
    ) -> Reply:
        """The whole answer, streamed or not; raises `MirrorFailed` where there is none."""


class Mirror:
    """Mirrors exchanges. One per process; it remembers how each model took it."""

    def __init__(self, upstream: Upstream, *, deadline_seconds: float = 120.0, most: int = MOST_IN_FLIGHT) -> None:
        self._upstream = upstream
        self._deadline = deadline_seconds
        self._most = most
        self._paces: dict[str, Pace] = {}
        self._in_flight: Counter[str] = Counter()

    def has_room(self, model: str) -> bool:
        """Whether `model` may be asked now."""
        return self._pace(model).allows(self._in_flight[model], anyio.current_time())

    async def ask(self, exchange: Exchange, model: str) -> Heard:
        """What `model` says to the exchange's request; raises `MirrorShed`."""
        if not self.has_room(model):
            raise MirrorShed("paced")
        self._in_flight[model] += 1
        try:
            return await self._ask(exchange, model)
        finally:
            self._in_flight[model] -= 1

    async def _ask(self, exchange: Exchange, model: str) -> Heard:
        headers = (*exchange.headers, SHADOW_HEADER)
        try:
            reply = await self._upstream.unary(
                model, exchange.path, headers, exchange.request_body, deadline_seconds=self._deadline
            )
        except MirrorFailed as failure:
            self._paces[model] = self._pace(model).after_failure()
            if failure.kind in _OURS:
                raise MirrorShed(failure.kind) from failure
            return Heard(Unreadable(failure.kind), failed=True)
        if reply.status == _TOO_MANY:
            self._paces[model] = self._pace(model).after_too_many(anyio.current_time())
            raise MirrorShed("rate_limited")
        if reply.status >= _FIRST_ERROR:
            self._paces[model] = self._pace(model).after_failure()
            return Heard(Unreadable(f"status_{reply.status}"), failed=True)
        self._paces[model] = self._pace(model).after_answer()
        return heard(read_answer(exchange.api, reply.body, stream=exchange.stream, status=reply.status))

    def _pace(self, model: str) -> Pace:
        return self._paces.get(model) or Pace.full(self._most)
