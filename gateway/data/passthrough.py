"""Paths that the configuration passes through: any method, to the endpoint's stable model, both ways unbuffered.

Uploads, downloads, multipart, audio and ranges: bytes go on as they come, and whoever is slow slows the other side.
Nothing is parsed, split, mirrored or counted as evidence; the model's name in a body stays what the client wrote. So no
bound on the body holds here, since none is kept. What comes of a broken answer is a broken connection.

An answer that a Responses API keeps is where it was made: who looks at it below `/v1/responses/`, or cancels it, asks
the model that made it, as the next turn of its conversation does (`gateway.data.origins`), and otherwise stable. A
model that serves nobody any more is still asked for what it made, after stable, which may share what it keeps; never
for anything new. The answer names its model as it did when it was made (`gateway.data.presenting`).

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
from gateway.data.origins import Made, lacks
from gateway.data.presenting import presenter_of, with_length
from gateway.data.proxy import trailers_for
from gateway.data.record import Recorder
from gateway.upstream.asking import Asker
from gateway.upstream.client import Stream
from gateway.upstream.errors import UpstreamFailure
from gateway.upstream.exchange import Deadlines
from gateway.upstream.headers import ANSWER, RawHeaders, end_to_end
from gateway.upstream.outgoing import Outgoing
from gateway.upstream.prepare import untouched
from gateway.upstream.target import Place, Target
from routing.arms import Arm
from routing.exposure import Route
from shadow.exchange import Api, Outcome

_BELOW: Final = "/*"
_RESPONSES: Final = "/v1/responses/"
_NO_RESPONSES: Final = frozenset({"", "input_tokens", "compact"})
"""What is there beside responses, and keeps nothing."""
_LOOKING: Final = frozenset({"GET", "HEAD", "DELETE"})
_CANCEL: Final = "/cancel"
FORMER_SECONDS: Final = 5.0
"""A model that serves nobody may be gone, or be rolled back because it hangs; what stable said is the answer then."""
_MOST_ESCAPES: Final = 4
"""Who escapes an escape more often hides something."""
_FIRST_REJECTION: Final = 400
_FIRST_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Passing:
    """One request on its way through.

    `is_kept`: it asks for a kept answer; `made` by whom, where that is known; `candidate`: the model that may have it
    beside stable, empty where none has; `former`: the model that made it and serves nobody now. `presents_name`: the
    answer names the endpoint as its model.
    """

    incoming: Incoming
    route: Route
    request_id: str
    made: Made | None = None
    candidate: str = ""
    former: str = ""
    is_kept: bool = False
    presents_name: bool = False

    @property
    def has_body(self) -> bool:
        """Whether there is something to send on."""
        return self.incoming.is_chunked or bool(self.incoming.content_length)

    @property
    def arms(self) -> tuple[tuple[Arm, str], ...]:
        """Who is asked, and who else where that one does not have it; whose body is on its way is asked once."""
        stable = (Arm.STABLE, self.route.stable.model)
        if self.made is not None and self.made.model == self.candidate:
            return ((Arm.CANDIDATE, self.candidate),)
        other = self.candidate if self.made is None else self.former
        return (stable, (Arm.CANDIDATE, other)) if other and not self.has_body else (stable,)


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
        arm = passing.arms[0][0]
        try:
            arm, outcome = await self._exchange(passing, cycle)
        except UpstreamFailure as error:
            raise upstream_error(error.kind) from error
        except CancelledError:
            outcome = Outcome.CANCELLED
            raise
        finally:
            self._recorder.passed(passing.route.endpoint, arm, outcome, monotonic() - began)

    async def _exchange(self, passing: Passing, cycle: Cycle) -> tuple[Arm, Outcome]:
        arm, stream = await self._found(passing, cycle)
        try:
            headers, endpoint = _answer_headers(passing, arm, stream.headers), passing.route.endpoint
            presented = presenter_of(endpoint, Api.RESPONSES, stream.headers) if passing.presents_name else None
            if presented is not None:
                headers = with_length(headers, None)
            cycle.start(stream.status, headers)
            chunk = stream.take()
            while not stream.complete:
                cycle.write(presented.feed(chunk) if presented is not None else chunk)
                await cycle.room()
                chunk = await stream.read()
            cycle.end(presented.feed(chunk) if presented is not None else chunk, trailers_for(passing.incoming, stream))
            return arm, _told(stream)
        except UpstreamFailure as error:
            stream.server.failed(error.kind)
            cycle.abort()
            return arm, Outcome.FAILED
        finally:
            stream.close()

    async def _found(self, passing: Passing, cycle: Cycle) -> tuple[Arm, Stream]:
        """The answer of the first arm that has what is asked for; of the first one, where none has."""
        (arm, model), *others = passing.arms
        stream = await self._open(passing, model, cycle)
        for other, name in others:
            try:
                if not await lacks(stream):
                    break
                found = await self._open(passing, name, cycle)
            except UpstreamFailure:
                break
            except BaseException:
                stream.close()
                raise
            if found.status < _FIRST_REJECTION:
                stream.close()
                return other, found
            found.close()
        return arm, stream

    async def _open(self, passing: Passing, model: str, cycle: Cycle) -> Stream:
        incoming, target = passing.incoming, self._asker.target(model)
        framing = b""
        if incoming.is_chunked:
            framing = b"transfer-encoding: chunked\r\n"
        elif incoming.content_length is not None:
            framing = b"content-length: %d\r\n" % incoming.content_length

        def write(place: Place) -> Outgoing:
            return untouched(
                target, place, incoming.method, incoming.path, incoming.passed, query=incoming.query, framing=framing
            )

        return await self._asker.open(
            model,
            write,
            self._deadlines(passing, target),
            insist=True,
            first=passing.made.server if passing.made is not None and passing.made.model == model else "",
            lacks=lacks if passing.is_kept and not passing.has_body else None,
            pieces=_pieces(cycle) if passing.has_body else None,
        )

    def _deadlines(self, passing: Passing, target: Target) -> Deadlines:
        usual = self._asker.deadlines(target)
        if target.name != passing.former:
            return usual
        return usual.begun_within(FORMER_SECONDS)


def kept_response(path: str) -> str | None:
    """The id of the response that a path is of, None where it is of none."""
    if not path.startswith(_RESPONSES):
        return None
    name = path[len(_RESPONSES) :].partition("/")[0]
    return None if name in _NO_RESPONSES else name


def makes_nothing(incoming: Incoming) -> bool:
    """Whether a request below a response looks at it, cancels it or deletes it, and lets no model say anything."""
    return incoming.method in _LOOKING or (incoming.method == "POST" and incoming.path.endswith(_CANCEL))


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


def _answer_headers(passing: Passing, arm: Arm, upstream: RawHeaders) -> RawHeaders:
    headers = end_to_end(upstream, ANSWER)
    request_id = passing.request_id.encode()
    if not any(name == b"x-request-id" for name, _ in headers):
        headers.append((b"x-request-id", request_id))
    return [
        *headers,
        (b"x-driftgate-endpoint", passing.route.endpoint.encode()),
        (b"x-driftgate-arm", arm.value.encode()),
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
