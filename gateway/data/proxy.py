"""Forward a request to its arm, fall back to stable before the first byte, relay the answer as it comes.

The order of things, and what may still happen at each point:

    candidate asked ── any status ≥ 300, failure, error as first event, deadline ──▶ stable asked
          │ first bytes are here                                                          │ head is here
          ▼                                                                               ▼
    head and bytes to the client, each chunk as it comes; nothing is tried again, two models are never spliced
          │ stream breaks
          ▼
    an error event in the API's own shape, and the end; never a [DONE] that the model did not send

A whole (not streamed) answer of the candidate is held until it is complete, up to a bound: a client cannot use half of
it, so until then stable can still answer. Stable's is held likewise where its `model` is replaced, since its length
must be said first.
"""

from collections.abc import Coroutine
from functools import lru_cache
from typing import Final

import msgspec

from gateway.data.api import broken_stream
from gateway.data.cycle import Cycle
from gateway.data.draft import CAPTURE_BYTES, Draft
from gateway.data.events import FirstEvent, comes_as_events, first_event, is_error_object
from gateway.data.firstbyte import FirstByteTimes
from gateway.data.incoming import Incoming
from gateway.data.origins import lacks, says_not_found
from gateway.data.presenting import presenter_of, with_length
from gateway.upstream.asking import Asker
from gateway.upstream.client import Hears, Stream
from gateway.upstream.errors import UpstreamFailure
from gateway.upstream.exchange import Deadlines
from gateway.upstream.headers import ANSWER, TRAILER, RawHeaders, end_to_end
from gateway.upstream.outgoing import Outgoing
from gateway.upstream.running import Awaited
from gateway.upstream.target import Place, Target
from gateway.upstream.timer import clock
from routing.arms import CANDIDATE, STABLE, Arm
from routing.errors import MalformedRequest
from shadow.exchange import Outcome

_STABLE: Final = STABLE
_COMPLETED: Final = Outcome.COMPLETED
_FIRST_REDIRECT: Final = 300
_FIRST_REJECTION: Final = 400
_FIRST_SERVER_ERROR: Final = 500
_REJECTED_CLASS: Final = 4
_NO_STATUS_CLASS: Final = 5
"""No answer is as bad as a server's error."""


class Opened:
    """An answer that the client will get: its head, and the bytes that are here already."""

    __slots__ = ("arm", "first", "is_events", "stream")

    def __init__(self, arm: Arm, stream: Stream, first: bytes, *, is_events: bool) -> None:
        self.arm: Final = arm
        self.stream: Final = stream
        self.first: Final = first
        self.is_events: Final = is_events


class Refused(msgspec.Struct, frozen=True):
    """Why the candidate's answer was not taken, and the class (hundreds) of its status.

    `server` is the one to blame if stable takes the same request.
    """

    kind: str
    status_class: int
    server: Hears | None = None


class Proxy:
    """Gets answers from models, and sends them to clients."""

    def __init__(self, asker: Asker, first_bytes: FirstByteTimes) -> None:
        self.asker = asker
        self._first_bytes = first_bytes

    def open(self, draft: Draft) -> Coroutine[Awaited | None, None, Opened]:
        """The answer that the client will get; raises where stable gave none. Whoever gets it calls `relay` at once.

        `UpstreamFailure`, or `MalformedRequest` where stable is a variant and cannot write the body anew.
        """
        if draft.assignment.arm is not _STABLE:
            return self._ask_both(draft)
        return self._ask_maker(draft) if draft.continues else self._ask_stable(draft)

    async def _ask_both(self, draft: Draft) -> Opened:
        """The candidate's answer, or stable's where that one is not taken."""
        answer = await self._ask_candidate(draft)
        if isinstance(answer, Opened):
            return answer
        draft.fallback = draft.failure = answer.kind
        draft.answered = _STABLE
        try:
            opened = await self._ask_stable(draft)
        except UpstreamFailure:
            draft.failure = _unless_shared(answer, _NO_STATUS_CLASS)
            raise
        draft.failure = _unless_shared(answer, opened.stream.status // 100)
        # a pinned request, or one whose conversation the server may not know, may fail for its own reasons: a breaker
        # that it opened would be felt by everybody, as a burst of failures
        if draft.failure and answer.server is not None and draft.assignment.is_evidence:
            answer.server.failed(answer.kind)
        return opened

    async def _ask_stable(self, draft: Draft) -> Opened:
        taken = False
        try:
            target = self.asker.target(draft.route.stable.model)
            stream = await self._ask(draft, target, self.asker.deadlines(target), insist=True)
            try:
                is_events = comes_as_events(stream.headers)
                if (draft.presents_name or draft.continues) and not is_events:
                    first = await _read_whole(stream, b"")
                else:
                    first = stream.take() if is_events or stream.complete else await stream.read()
                taken = True
            except UpstreamFailure as error:
                stream.server.failed(error.kind)
                raise
            finally:
                if not taken:
                    stream.close()
        except UpstreamFailure:
            draft.stable_failed = True
            raise
        draft.stable_failed = stream.status >= _FIRST_SERVER_ERROR
        if draft.stable_failed:
            stream.server.failed(f"status_{stream.status}")
        else:
            stream.server.answered()
        return Opened(_STABLE, stream, first, is_events=is_events)

    async def _ask_maker(self, draft: Draft) -> Opened:
        """Stable's answer; where stable does not have the response that the request goes on with, the candidate's."""
        opened = await self._ask_stable(draft)
        grant = draft.assignment.grant
        if grant is None or not grant.exposes or not says_not_found(opened.stream.status, opened.first):
            return opened
        try:
            answer = await self._ask_candidate(draft)
        except BaseException:
            opened.stream.close()
            raise
        if isinstance(answer, Opened):
            opened.stream.close()
            return answer
        return opened

    async def _ask_candidate(self, draft: Draft) -> Opened | Refused:
        grant = draft.assignment.grant
        assert grant is not None
        target = self.asker.target(grant.candidate)
        configured = self.asker.deadlines(target)
        longest = self._first_bytes.deadline_seconds(
            draft.route.endpoint, stream=draft.stream, size=len(draft.asked.body), longest=configured.first_byte
        )
        try:
            stream = await self._ask(draft, target, configured.begun_within(longest), insist=False)
        except UpstreamFailure as error:
            return Refused(error.kind, _NO_STATUS_CLASS)
        except MalformedRequest:
            return Refused("unwritable", _REJECTED_CLASS)  # a body that this variant's prompt does not fit into
        taken = False
        try:
            answer = await self._examine(stream)
            taken = isinstance(answer, Opened)
        except UpstreamFailure as error:
            return Refused(error.kind, _NO_STATUS_CLASS, stream.server)
        finally:
            if not taken:
                stream.close()
        if taken:
            stream.server.answered()
        return answer

    async def _examine(self, stream: Stream) -> Opened | Refused:
        """The candidate's answer, as far as it must be seen before it is the answer."""
        if stream.status >= _FIRST_REDIRECT:
            return Refused(f"status_{stream.status}", stream.status // 100, stream.server)
        is_events = comes_as_events(stream.headers)
        begun = stream.take() if stream.complete else await stream.read()
        if is_events:
            seen = first_event(begun, stream.headers)
            while seen is FirstEvent.INCOMPLETE and not stream.complete:
                begun += await stream.read()
                seen = first_event(begun, stream.headers)
            refused = seen is FirstEvent.ERROR
        else:
            if not stream.complete:
                begun = await _read_whole(stream, begun)
            refused = is_error_object(begun, stream.headers)
        if refused:
            return Refused("stream_error" if is_events else "error_body", _NO_STATUS_CLASS, stream.server)
        if not begun and stream.status == 200:  # noqa: PLR2004 - OK, and nothing said
            return Refused("empty", _NO_STATUS_CLASS, stream.server)
        return Opened(CANDIDATE, stream, begun, is_events=is_events)

    def _ask(
        self, draft: Draft, target: Target, deadlines: Deadlines, *, insist: bool
    ) -> Coroutine[Awaited | None, None, Stream]:
        model = target.name
        one_of_several = len(target.places) > 1

        def write(place: Place) -> Outgoing:
            draft.server = str(place) if one_of_several else ""
            incoming = draft.asked.incoming
            request = self.asker.preparer.request(
                target,
                incoming.path,
                incoming.passed,
                draft.asked.body,
                model=draft.asked.fields.model,
                span=draft.asked.model_span,
                query=incoming.query,
                place=place,
            )
            draft.attempt_at = clock()
            return request

        if not draft.follows:
            return self.asker.open(model, write, deadlines, insist=insist, moves_on=True)
        # what a request goes on with is kept by one server: another could only say that it has not got it
        first = draft.made.server if draft.made is not None and draft.made.model == model else ""
        asked_of = lacks if one_of_several else None
        return self.asker.open(model, write, deadlines, insist=insist, first=first, lacks=asked_of)

    async def relay(self, draft: Draft, opened: Opened, cycle: Cycle) -> None:
        """Send the answer to the client as it comes, and let go of it."""
        stream = opened.stream
        draft.answered, draft.status, draft.answer_headers = opened.arm, stream.status, stream.headers
        draft.relayed = True
        chunk, ended = opened.first, stream.complete
        try:
            headers = end_to_end(stream.headers, ANSWER)
            presented = presenter_of(draft.route.endpoint, draft.api, stream.headers) if draft.presents_name else None
            shown = presented.feed(chunk) if presented else chunk
            if presented:
                headers = with_length(headers, len(shown) if ended else None)
            cycle.start(stream.status, headers, _own_lines(draft, headers))
            while True:
                draft.tee(chunk)
                if ended:
                    cycle.end(shown, trailers_for(draft.asked.incoming, stream))
                    break
                cycle.write(shown)
                await cycle.room()
                chunk = await stream.read()
                shown = presented.feed(chunk) if presented else chunk
                ended = stream.complete
        except UpstreamFailure as error:
            stream.server.failed(error.kind)
            _broke(draft, opened, error.kind, cycle)
        else:
            draft.outcome = _outcome(stream.status)
            if stream.status < _FIRST_SERVER_ERROR:
                stream.server.completed()
            if opened.arm is _STABLE and stream.status < _FIRST_REJECTION and draft.first_byte_at:
                self._first_bytes.observe(
                    draft.route.endpoint,
                    stream=draft.stream,
                    size=len(draft.asked.body),
                    ms=(draft.first_byte_at - draft.attempt_at) * 1000,
                )
        finally:
            stream.close()


def _broke(draft: Draft, opened: Opened, kind: str, cycle: Cycle) -> None:
    """The answer ends before its end."""
    draft.outcome, draft.broke = Outcome.FAILED, kind
    if opened.arm is CANDIDATE:
        draft.failure = kind
    else:
        draft.stable_failed = True
    if opened.is_events:
        cycle.end(b"\n\n" + broken_stream(kind).event(draft.api))
    else:
        cycle.abort()  # half an answer must not look whole: its length is short, or its last chunk is missing


async def _read_whole(stream: Stream, begun: bytes) -> bytes:
    """The whole answer, of which `begun` is taken already; of a very long one its beginning."""
    parts, total = [begun], len(begun)
    while not stream.complete and total < CAPTURE_BYTES:
        parts.append(await stream.read())
        total += len(parts[-1])
    parts.append(stream.take())
    return b"".join(parts)


def trailers_for(incoming: Incoming, stream: Stream) -> RawHeaders | tuple[()]:
    """The model server's trailers, where the client takes them."""
    return end_to_end(stream.trailers, TRAILER) if incoming.takes_trailers and stream.trailers else ()


def _own_lines(draft: Draft, passed: RawHeaders) -> bytes:
    """Our own fields beside those that the model server's answer brings."""
    request_id = draft.asked.request_id.encode()
    for name, _ in passed:
        if name == b"x-request-id":
            own = b""
            break
    else:
        own = b"x-request-id: %b\r\n" % request_id
    grant = draft.assignment.grant
    named = _named(draft.route.endpoint, draft.answered is _STABLE, grant.rollout if grant is not None else "")
    own = b"%b%bx-driftgate-request-id: %b\r\n" % (own, named, request_id)
    return own + b"x-driftgate-fallback: %b\r\n" % draft.fallback.encode() if draft.fallback else own


@lru_cache(maxsize=1024)
def _named(endpoint: str, from_stable: bool, rollout: str) -> bytes:
    """Our fields that are the same for many answers."""
    arm = "stable" if from_stable else "candidate"
    named = f"x-driftgate-endpoint: {endpoint}\r\nx-driftgate-arm: {arm}\r\n"
    return (named + f"x-driftgate-rollout: {rollout}\r\n" if rollout else named).encode()


def _unless_shared(refused: Refused, stable_class: int) -> str:
    """The candidate's failure; none where stable did no better: then the request, or the world, was bad."""
    return "" if refused.status_class == stable_class else refused.kind


def _outcome(status: int) -> Outcome:
    if status < _FIRST_REJECTION:
        return _COMPLETED
    return Outcome.REJECTED if status < _FIRST_SERVER_ERROR else Outcome.FAILED
