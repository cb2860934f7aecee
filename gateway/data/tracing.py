"""Which requests are traced, and what is noted of them: one value, in a bounded buffer. Nothing awaits.

Sampled at the head: a caller's own decision is followed; where there is none, a share of the requests is drawn by a
hash of the request's id. A request that is not sampled costs the look at one header.
"""

from os import urandom
from typing import Final
from zlib import crc32

from gateway.data.draft import Draft
from gateway.telemetry.spans import Context, Span, context

KEPT: Final = 1000
"""Spans that wait for the control process, which takes them once a second."""
_SCALE: Final = 1 << 32


class Tracing:
    """The spans of one worker. `share` of the requests without a context of their own are sampled."""

    def __init__(self, share: float) -> None:
        self._below = int(share * _SCALE)
        self._spans: list[Span] = []
        self.dropped = 0

    def finish(self, draft: Draft, now: float) -> None:
        """The request is over; `now` is monotonic."""
        asked = draft.asked
        caller = context(asked.incoming.header(b"traceparent"))
        if caller is None:
            if crc32(asked.request_id.encode()) >= self._below:
                return
        elif not caller.sampled:
            return
        if len(self._spans) >= KEPT:
            self.dropped += 1
        else:
            self._spans.append(_span(draft, caller, now))

    def take(self) -> tuple[Span, ...]:
        """What was noted since the last time."""
        taken, self._spans = tuple(self._spans), []
        return taken


def _span(draft: Draft, caller: Context | None, now: float) -> Span:
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
    )


def _since(draft: Draft, at: float) -> float:
    return (at - draft.started_at) * 1000 if at else 0.0
