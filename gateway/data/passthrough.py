"""Paths that the configuration passes through: any method, to the endpoint's stable model, both ways unbuffered.

Uploads, downloads, multipart, audio and ranges: bytes go on as they come, and whoever is slow slows the other side.
Nothing is parsed, split, mirrored or counted as evidence; the model's name in a body stays what the client wrote. So no
bound on the body holds here, since none is kept. What comes of a broken answer is a broken connection.

A path is passed only where the file names it; `/v1/files/*` names all below `/v1/files/`. A path with dot segments is
never passed: what the model server makes of it would not be what was named.
"""

from asyncio import CancelledError
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Final
from urllib.parse import unquote

from gateway.data.api import upstream_error
from gateway.data.cycle import Cycle
from gateway.data.incoming import Incoming
from gateway.data.proxy import trailers_for
from gateway.data.record import Recorder
from gateway.upstream.asking import Asker
from gateway.upstream.client import Stream
from gateway.upstream.errors import UpstreamFailure
from gateway.upstream.headers import ANSWER, RawHeaders, end_to_end
from gateway.upstream.outgoing import Outgoing
from gateway.upstream.prepare import untouched
from gateway.upstream.target import Place
from routing.exposure import Route
from shadow.exchange import Outcome

_BELOW: Final = "/*"
_MOST_ESCAPES: Final = 4
"""Who escapes an escape more often hides something."""
_FIRST_REJECTION: Final = 400
_FIRST_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Passing:
    """One request on its way through."""

    incoming: Incoming
    route: Route
    request_id: str
    has_body: bool


class Passthrough:
    """Which paths pass, and passing them. `paths` is the configuration's: path or `path/*` → endpoint."""

    def __init__(self, paths: Mapping[str, str], asker: Asker, recorder: Recorder) -> None:
        self._exact = {path: endpoint for path, endpoint in paths.items() if not path.endswith(_BELOW)}
        below = {path[:-1]: endpoint for path, endpoint in paths.items() if path.endswith(_BELOW)}
        self._below = sorted(below.items(), key=lambda named: -len(named[0]))
        self._asker = asker
        self._recorder = recorder

    def endpoint(self, path: str) -> str | None:
        """The endpoint that a path goes to, None where it is not passed. The longest name that fits counts."""
        found = self._exact.get(path)
        if found is None:
            found = next((endpoint for start, endpoint in self._below if path.startswith(start)), None)
        return None if found is None or _has_dot_segments(path) else found

    async def serve(self, passing: Passing, cycle: Cycle) -> None:
        """Pass the request, and its answer; raises `ApiError` where the model server gives none."""
        began, outcome = monotonic(), Outcome.FAILED
        try:
            outcome = await self._exchange(passing, cycle)
        except UpstreamFailure as error:
            raise upstream_error(error.kind) from error
        except CancelledError:
            outcome = Outcome.CANCELLED
            raise
        finally:
            self._recorder.passed(passing.route.endpoint, outcome, monotonic() - began)

    async def _exchange(self, passing: Passing, cycle: Cycle) -> Outcome:
        stream = await self._open(passing, cycle)
        try:
            cycle.start(stream.status, _answer_headers(passing, stream.headers))
            chunk = stream.take()
            while not stream.complete:
                cycle.write(chunk)
                await cycle.room()
                chunk = await stream.read()
            cycle.end(chunk, trailers_for(passing.incoming, stream))
            return _told(stream)
        except UpstreamFailure as error:
            stream.server.failed(error.kind)
            cycle.abort()
            return Outcome.FAILED
        finally:
            stream.close()

    async def _open(self, passing: Passing, cycle: Cycle) -> Stream:
        incoming, target = passing.incoming, self._asker.target(passing.route.stable.model)
        framing = b""
        if passing.has_body:
            length = incoming.content_length
            framing = b"transfer-encoding: chunked\r\n" if length is None else b"content-length: %d\r\n" % length

        def write(place: Place) -> Outgoing:
            return untouched(
                target, place, incoming.method, incoming.path, incoming.passed, query=incoming.query, framing=framing
            )

        body = _pieces(cycle) if passing.has_body else None
        return await self._asker.open(target.name, write, self._asker.deadlines(target), insist=True, pieces=body)


async def _pieces(cycle: Cycle) -> AsyncIterator[bytes]:
    """The request's body as it comes."""
    while piece := await cycle.read():
        yield piece


def _has_dot_segments(path: str) -> bool:
    """Whether any server on the way could read a dot segment in it: escaped over and over, or with a parameter."""
    for _ in range(_MOST_ESCAPES):
        segments = path.replace("\\", "/").split("/")
        if any(segment.partition(";")[0] in (".", "..") for segment in segments):
            return True
        unescaped = unquote(path)
        if unescaped == path:
            return False
        path = unescaped
    return True


def _answer_headers(passing: Passing, upstream: RawHeaders) -> RawHeaders:
    headers = end_to_end(upstream, ANSWER)
    request_id = passing.request_id.encode()
    if not any(name == b"x-request-id" for name, _ in headers):
        headers.append((b"x-request-id", request_id))
    return [
        *headers,
        (b"x-driftgate-endpoint", passing.route.endpoint.encode()),
        (b"x-driftgate-arm", b"stable"),
        (b"x-driftgate-request-id", request_id),
    ]


def _told(stream: Stream) -> Outcome:
    """What a whole answer is, told to the server that gave it."""
    if stream.status >= _FIRST_SERVER_ERROR:
        stream.server.failed(f"status_{stream.status}")
        return Outcome.FAILED
    stream.server.answered()
    stream.server.completed()
    return Outcome.COMPLETED if stream.status < _FIRST_REJECTION else Outcome.REJECTED
