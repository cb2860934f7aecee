"""Asking a model by its name: the client, the targets and the preparation in one place.

The shadow worker mirrors through `unary`; the data path opens streams through `open`. One per process, made inside the
running loop.

Where a server cannot be connected to, nothing was sent, and another server of the same model is asked; while the
model's budget of retries lasts. So is it, where the caller allows that, for a request that a server has no room for:
429 and 503 say that nothing was made of it (RFC 6585 §4, RFC 9110 §15.6.4), and the official clients send such a
request again, too. Any other status may come after the model has worked, and is an answer.

What one server keeps, such as a response that a conversation goes on with, is asked of that server first, and of the
others where it does not have it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from time import monotonic
from typing import Final, TypeAlias

import msgspec

from gateway.config.model import Config
from gateway.upstream.checks import watch
from gateway.upstream.client import Client, Stream, Whole, whole_of
from gateway.upstream.encoding import plain
from gateway.upstream.errors import BrokenAnswer, ConnectFailed, Saturated, UpstreamFailure
from gateway.upstream.exchange import Deadlines
from gateway.upstream.headers import READ_HERE, end_to_end
from gateway.upstream.outgoing import Outgoing
from gateway.upstream.prepare import Preparer, targets_of
from gateway.upstream.servers import Server, Servers
from gateway.upstream.target import Place, Target
from routing.errors import MalformedRequest
from routing.request import read

MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""A mirrored answer above this is no text to compare."""
SHADOW_MARK: Final = (b"x-driftgate-shadow", b"1")
_NO_ROOM: Final = frozenset({429, 503})
_SERVER_ERRORS: Final = 500
_REJECTIONS: Final = 400

Write: TypeAlias = Callable[[Place], Outgoing]
"""Writes a request to one of a model's places."""
Lacks: TypeAlias = Callable[[Stream], Awaitable[bool]]
"""Whether an answer is that the server does not have what is asked for; leaves the answer to be read."""


class Reply(msgspec.Struct, frozen=True):
    """A whole answer, without content encoding. Durations are milliseconds since the question."""

    status: int
    body: bytes
    first_byte_ms: float
    duration_ms: float


class Asker:
    """Asks the configured models. `workers` processes like this one share each model's `max_in_flight`."""

    def __init__(self, config: Config, *, workers: int = 1) -> None:
        self.targets = targets_of(config.models)
        self.client = Client()
        self.preparer = Preparer()
        self._limits = config.limits
        self._deadlines = {name: self._deadlines_of(target) for name, target in self.targets.items()}
        self._models = {name: self._servers(target, workers) for name, target in self.targets.items()}

    def _servers(self, target: Target, workers: int) -> Servers:
        bound = None if target.max_in_flight is None else -(-target.max_in_flight // workers)
        pools = [self.client.pool(place.origin, target.name, bound) for place in target.places]
        pairs = zip(target.places, pools, strict=True)
        return Servers(target, [Server(target.name, place, pool) for place, pool in pairs])

    def target(self, model_name: str) -> Target:
        """The target of a configured model; raises `UpstreamFailure` of kind `unknown_model`."""
        target = self.targets.get(model_name)
        if target is None:
            raise UpstreamFailure("unknown_model", f"the configuration has no model {model_name!r}")
        return target

    def deadlines(self, target: Target) -> Deadlines:
        """The configured deadlines for `target`."""
        return self._deadlines[target.name]

    def _deadlines_of(self, target: Target) -> Deadlines:
        return Deadlines(
            connect=self._limits.connect_seconds,
            first_byte=target.first_byte_seconds or self._limits.first_byte_seconds,
            between_chunks=self._limits.idle_seconds,
        )

    async def open(
        self,
        model_name: str,
        write: Write,
        deadlines: Deadlines,
        *,
        insist: bool,
        moves_on: bool = False,
        first: str = "",
        lacks: Lacks | None = None,
        pieces: AsyncIterator[bytes] | None = None,
    ) -> Stream:
        """Ask one of the model's servers, and wait for the answer's head; raises `UpstreamFailure`.

        `insist`: ask, even if all of them failed lately. `moves_on`: where a server has no room, ask another; the last
        refusal is the answer where none has. `first`: the place to ask first, where it is well. `lacks`: where a server
        does not have what is asked for, ask the others likewise. `pieces`: the body follows, as it comes. The caller
        tells `stream.server` what came of the answer.
        """
        model = self._models[model_name]
        model.budget.earn()
        tried: list[Server] = []
        server = model.choose(insist=insist, first=first)
        stream = await self._connected(model, server, tried, write, deadlines, pieces)
        if lacks is None and not (moves_on and stream.status in _NO_ROOM):
            return stream
        try:
            while kind := await _declined(stream, lacks, moves_on=moves_on):
                another = model.another(tried, kind)
                if another is None:
                    break
                following = await self._connected(model, another, tried, write, deadlines, None)
                if stream.status >= _SERVER_ERRORS:
                    stream.server.failed(kind)
                stream.close()
                stream = following
        except UpstreamFailure:
            return stream
        except BaseException:
            stream.close()
            raise
        return stream

    async def _connected(
        self,
        model: Servers,
        server: Server,
        tried: list[Server],
        write: Write,
        deadlines: Deadlines,
        pieces: AsyncIterator[bytes] | None,
    ) -> Stream:
        """The answer's head from `server`, or from the next that can be connected to; who was asked is in `tried`."""
        while True:
            tried.append(server)
            try:
                request = write(server.place)
                if pieces is None:
                    stream = Stream(await server.pool.exchange(request, deadlines, model.may_retry))
                else:
                    stream = Stream(await server.pool.upload(request, pieces, deadlines))
            except Saturated:
                raise  # by our own bound
            except UpstreamFailure as error:
                server.failed(error.kind)
                another = model.another(tried) if isinstance(error, ConnectFailed) else None
                if another is None:
                    raise
                server = another
            else:
                stream.server = server
                return stream

    async def unary(
        self,
        model_name: str,
        path: str,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
        *,
        deadline_seconds: float,
        insist: bool = True,
    ) -> Reply:
        """The whole answer of a model, streamed or not; raises `UpstreamFailure`. `path` begins with `/v1`.

        `insist`: ask, even if the model's servers failed lately. Headers, their names in lower case, are filtered as on
        the data path, but that `x-driftgate-shadow` passes: it marks mirrors.
        """
        target = self.target(model_name)
        asked = list(headers)
        passed = end_to_end(asked, READ_HERE)
        if SHADOW_MARK in asked:
            passed.append(SHADOW_MARK)

        def write(place: Place) -> Outgoing:
            return self.preparer.request(target, path, passed, body, model=named, place=place)

        deadlines = Deadlines(
            connect=min(self._limits.connect_seconds, deadline_seconds),
            first_byte=deadline_seconds,
            between_chunks=self._limits.idle_seconds,
            total=deadline_seconds,
        )
        began = monotonic()
        try:
            named = read(body).model
            stream = await self.open(model_name, write, deadlines, insist=insist)
        except MalformedRequest as error:
            raise UpstreamFailure("malformed_request", str(error)) from error
        whole = await _read(stream, began)
        text = plain(whole.headers, whole.body, MAX_ANSWER_BYTES)
        if text is None:
            raise BrokenAnswer("malformed", "the answer is compressed in a way that was not asked for")
        return Reply(whole.status, text, whole.first_byte_ms, whole.duration_ms)

    def series(self) -> Mapping[str, float]:
        """What `/metrics` shows of all models' servers."""
        return {name: value for model in self._models.values() for name, value in model.series().items()}

    async def watch(self) -> None:
        """Check the servers that have a health path, for ever."""
        await watch(self._models.values(), self.client)

    def close(self) -> None:
        """Close every connection now."""
        self.client.close()


async def _declined(stream: Stream, lacks: Lacks | None, *, moves_on: bool) -> str:
    """Why another server is asked; empty where this is the answer."""
    if moves_on and stream.status in _NO_ROOM:
        return f"status_{stream.status}"
    return "not_found" if lacks is not None and await lacks(stream) else ""


async def _read(stream: Stream, began: float) -> Whole:
    """The whole answer, and its server told what came of it."""
    try:
        whole = await whole_of(stream, began, MAX_ANSWER_BYTES)
    except UpstreamFailure as error:
        stream.server.failed(error.kind)
        raise
    if whole.status < _REJECTIONS:
        stream.server.completed()
    elif whole.status >= _SERVER_ERRORS:
        stream.server.failed(f"status_{whole.status}")
    return whole
