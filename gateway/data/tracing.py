"""Which requests are traced, and what is noted of them: one value, in a bounded buffer. Nothing awaits.

Sampled at the head: a caller's own decision is followed; where there is none, a share of the requests is drawn by a
hash of the request's id. A request that is not sampled costs the look at one header. With `gen_ai` the answers of
sampled requests are kept until they are over, for what they say of themselves; no other answer is looked at.
"""

from os import urandom
from typing import Final
from zlib import crc32

from gateway.data.draft import Draft
from gateway.data.sticky import Keyed
from gateway.telemetry.spans import Context, Span, context
from gateway.telemetry.usage import NOTHING, Said, said
from gateway.upstream.encoding import plain

KEPT: Final = 1000
"""Spans that wait for the control process, which takes them once a second."""
READ_BYTES: Final = 256 * 1024
"""Of a compressed answer, unpacked: a longer one is not read."""
_SCALE: Final = 1 << 32
_FIRST_ERROR: Final = 400


class Tracing:
    """The spans of one worker. `share` of the requests without a context of their own are sampled.

    `with_answers`: what the answer says of itself is noted too.
    """

    def __init__(self, share: float, *, with_answers: bool = False) -> None:
        self._below = int(share * _SCALE)
        self._with_answers = with_answers
        self._spans: list[Span] = []
        self.dropped = 0

    def reads(self, asked: Keyed) -> bool:
        """Whether the answer to this request is to be kept for `finish`."""
        return self._with_answers and self._samples(asked, _caller(asked))

    def _samples(self, asked: Keyed, caller: Context | None) -> bool:
        return crc32(asked.request_id.encode()) < self._below if caller is None else caller.sampled

    def finish(self, draft: Draft, now: float) -> None:
        """The request is over; `now` is monotonic."""
        caller = _caller(draft.asked)
        if not self._samples(draft.asked, caller):
            return
        if len(self._spans) >= KEPT:
            self.dropped += 1
        else:
            self._spans.append(_span(draft, caller, now, _said(draft) if self._with_answers else NOTHING))

    def take(self) -> tuple[Span, ...]:
        """What was noted since the last time."""
        taken, self._spans = tuple(self._spans), []
        return taken


def _caller(asked: Keyed) -> Context | None:
    return context(asked.incoming.header(b"traceparent"))


def _said(draft: Draft) -> Said:
    """What the answer says of itself; nothing where it is too long to have been kept, or is an error."""
    body = b"".join(draft.captured) if draft.capture_whole else b""
    body = plain(draft.answer_headers, body, READ_BYTES) or b"" if body else b""
    return said(body, stream=draft.stream) if body and draft.status < _FIRST_ERROR else NOTHING


def _span(draft: Draft, caller: Context | None, now: float, says: Said) -> Span:
    grant = draft.assignment.grant
    return Span(
        trace=caller.trace if caller is not None else urandom(16).hex(),
        parent=caller.span if caller is not None else "",
        span=urandom(8).hex(),
        path=draft.asked.incoming.path,
        endpoint=draft.route.endpoint,
        model=draft.answered_by,
        arm=draft.answered.value,
        outcome=draft.outcome.value,
        status=draft.status,
        stream=draft.stream,
        request_id=draft.asked.request_id,
        rollout=grant.rollout if grant is not None else "",
        fallback=draft.fallback,
        began_at=draft.began_at,
        attempt_ms=_since(draft, draft.attempt_at),
        first_byte_ms=draft.first_byte_ms(),
        duration_ms=(now - draft.started_at) * 1000,
        said=says,
    )


def _since(draft: Draft, at: float) -> float:
    return (at - draft.started_at) * 1000 if at else 0.0
