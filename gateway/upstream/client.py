"""Verbs over the pools: `open_stream` and `open_upload` for the data path, `unary` for who wants the whole answer.

Below are pools of one protocol each, by what the origin speaks.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from time import monotonic
from typing import Final, TypeAlias

import msgspec

from gateway.upstream.errors import BrokenAnswer
from gateway.upstream.exchange import Deadlines, Exchange
from gateway.upstream.headers import RawHeaders
from gateway.upstream.http2_pool import ChoosingPool, Http2Pool
from gateway.upstream.outgoing import Outgoing
from gateway.upstream.pool import MAX_CONNECTIONS, Pool
from gateway.upstream.running import Awaited
from gateway.upstream.target import Http, Origin


class Hears:
    """Who wants to know what comes of answers (`gateway.upstream.servers.Server`). Nobody keeps account by itself."""

    __slots__ = ()

    def answered(self) -> None:
        """A usable answer began."""

    def completed(self) -> None:
        """A usable answer is whole."""

    def failed(self, kind: str) -> None:
        """A request failed, and the server is to blame."""


UNHEARD: Final = Hears()
"""Of a server that was asked directly."""


class Whole(msgspec.Struct, frozen=True):
    """A whole answer."""

    status: int
    headers: RawHeaders
    body: bytes
    first_byte_ms: float
    duration_ms: float


class Stream:
    """An answer whose head is here. Whoever opened it calls `close`, always; cancelled or not.

    `server` wants to hear what comes of it.
    """

    __slots__ = ("_exchange", "headers", "server", "status")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.status = exchange.status
        self.headers = exchange.headers
        self.server: Hears = UNHEARD

    @property
    def complete(self) -> bool:
        """Whether the end of the answer has arrived (bytes may still wait to be taken)."""
        return self._exchange.complete

    @property
    def trailers(self) -> RawHeaders:
        """The fields that came after the body; there once the answer is complete."""
        return self._exchange.trailers

    def take(self) -> bytes:
        """The bytes that are here already."""
        return self._exchange.take()

    async def seen(self, most: int) -> bytes:
        """What the answer begins with, left to be taken: all of it, or `most` bytes and more."""
        return await self._exchange.seen(most)

    def read(self) -> Coroutine[Awaited | None, None, bytes]:
        """The next bytes; empty at the end. Raises `UpstreamFailure`."""
        return self._exchange.read()

    def close(self) -> None:
        """Keep the connection where the answer ended cleanly; else end it, or its part of it."""
        self._exchange.done()


AnyPool: TypeAlias = Pool | Http2Pool | ChoosingPool
_POOLS: Final[Mapping[Http, type[AnyPool]]] = {Http.ONE: Pool, Http.TWO: Http2Pool, Http.AUTO: ChoosingPool}


class Client:
    """Pools by origin and model: a slow candidate cannot use up what stable needs. One per role, made in its loop."""

    def __init__(self, *, max_connections: int = MAX_CONNECTIONS) -> None:
        self._pools: dict[tuple[Origin, str], AnyPool] = {}
        self._max = max_connections

    def pool(self, origin: Origin, model: str = "", max_connections: int | None = None) -> AnyPool:
        """The pool of a model at an origin; the bound is that of whoever asks for it first."""
        pool = self._pools.get((origin, model))
        if pool is None:
            kind = _POOLS[origin.http]
            pool = self._pools[origin, model] = kind(origin, max_connections=max_connections or self._max)
        return pool

    @property
    def busy(self) -> int:
        """Connections that carry a request now, over all origins."""
        return sum(pool.busy for pool in self._pools.values())

    async def open_stream(
        self, request: Outgoing, deadlines: Deadlines, may_retry: Callable[[], bool] = lambda: True
    ) -> Stream:
        """Send, and wait for the answer's head; raises `UpstreamFailure`."""
        return Stream(await self.pool(request.origin, request.model).exchange(request, deadlines, may_retry))

    async def open_upload(self, request: Outgoing, pieces: AsyncIterator[bytes], deadlines: Deadlines) -> Stream:
        """Send a body piece by piece as it comes, and wait for the answer's head; raises `UpstreamFailure`."""
        return Stream(await self.pool(request.origin, request.model).upload(request, pieces, deadlines))

    async def unary(self, request: Outgoing, deadlines: Deadlines, *, max_bytes: int) -> Whole:
        """Send, and wait for the whole answer; raises `UpstreamFailure`, `oversized` above `max_bytes`."""
        began = monotonic()
        return await whole_of(await self.open_stream(request, deadlines), began, max_bytes)

    def close(self) -> None:
        """Close every connection now."""
        for pool in self._pools.values():
            pool.close()


async def whole_of(stream: Stream, began: float, max_bytes: int) -> Whole:
    """The whole answer of a stream, which is closed; raises `UpstreamFailure`, `oversized` above `max_bytes`."""
    try:
        chunks: list[bytes] = []
        total, first_byte_ms = 0, 0.0
        while chunk := await stream.read():
            first_byte_ms = first_byte_ms or (monotonic() - began) * 1000
            chunks.append(chunk)
            total += len(chunk)
            if total > max_bytes:
                raise BrokenAnswer("oversized", f"the answer is longer than {max_bytes} bytes")
    finally:
        stream.close()
    duration_ms = (monotonic() - began) * 1000
    return Whole(stream.status, stream.headers, b"".join(chunks), first_byte_ms, duration_ms)
