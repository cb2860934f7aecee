"""What becomes of a finished request: counters, histograms, and an exchange for the shadow worker. Nothing awaits."""

from typing import Final

from gateway.data.counts import Counts, counted, dropped
from gateway.data.draft import Draft
from gateway.data.handover import HandOver
from gateway.data.origins import OPENING_BYTES, Made, Origins, response_id
from gateway.data.sticky import Keyed
from gateway.data.tally import DURATION_BOUNDS, FIRST_BYTE_BOUNDS, OVERHEAD_BOUNDS, Tally
from gateway.data.tracing import Tracing
from gateway.upstream.encoding import opening
from gateway.upstream.timer import clock
from routing.arms import STABLE, Arm
from shadow.exchange import Outcome

_STABLE: Final = STABLE


class Recorder:
    """Takes finished requests. Without a hand-over (a gateway whose shadow side is off) exchanges are not built."""

    def __init__(
        self,
        counts: Counts,
        tally: Tally,
        handover: HandOver | None,
        origins: Origins,
        tracing: Tracing | None = None,
    ) -> None:
        self._counts = counts
        self._tally = tally
        self._handover = handover
        self._origins = origins
        self._tracing = tracing
        self._stable: dict[str, _Meters] = {}
        self._candidate: dict[str, _Meters] = {}
        if handover is not None:
            handover.on_drop = self._dropped

    def finish(self, draft: Draft) -> None:
        """The request is over, however it ended."""
        now = clock()
        self._measure(draft, now)
        if self._tracing is not None:
            self._tracing.finish(draft, now)
        if draft.opening and (begun := opening(draft.answer_headers, draft.opening, OPENING_BYTES)):
            response = response_id(begun)
            if response is not None:
                maker = Made(draft.answered_by, draft.server)
                self._origins.note(draft.route.endpoint, response, maker)
                if draft.follows and draft.made is None and draft.outcome is Outcome.COMPLETED:
                    self._origins.note(draft.route.endpoint, draft.follows, maker)  # it was there
        grant = draft.assignment.grant
        if draft.assignment.is_set_apart:
            by = draft.assignment.by
            self._tally.count("driftgate_undrawn_total", ("endpoint", draft.route.endpoint), ("reason", by.value))
        if grant is None or not draft.assignment.is_evidence:
            return
        self._counts.add(draft.route.endpoint, grant.rollout, counted(draft))
        if self._handover is not None:
            self._handover.offer(draft, now)

    def _dropped(self, draft: Draft) -> None:
        """The hand-over has no room for a request's exchange, or nobody to give it to."""
        grant = draft.assignment.grant
        assert grant is not None
        self._counts.add(draft.route.endpoint, grant.rollout, dropped(draft))

    def reads(self, asked: Keyed) -> bool:
        """Whether the trace of this request says what its answer says of itself, so that it must be kept."""
        return self._tracing is not None and self._tracing.reads(asked)

    def passed(self, endpoint: str, arm: Arm, outcome: Outcome, seconds: float) -> None:
        """A request on a path that is passed through is over."""
        meters = self._meters_of(endpoint, arm)
        meters.outcomes.add(outcome)
        meters.duration.add(seconds)

    def _meters_of(self, endpoint: str, arm: Arm) -> "_Meters":
        known = self._stable if arm is _STABLE else self._candidate
        meters = known.get(endpoint)
        if meters is None:
            meters = known[endpoint] = _Meters(self._tally, endpoint, arm.value)
        return meters

    def _measure(self, draft: Draft, now: float) -> None:
        meters = self._meters_of(draft.route.endpoint, draft.answered)
        meters.outcomes.add(draft.outcome)
        meters.duration.add(now - draft.started_at)
        if draft.first_byte_at:
            meters.first_byte.add(draft.first_byte_at - draft.started_at)
        if draft.fallback:
            self._tally.count(
                "driftgate_fallbacks_total", ("endpoint", draft.route.endpoint), ("reason", draft.fallback)
            )
        elif draft.attempt_at:
            meters.overhead.add(draft.attempt_at - draft.started_at)


class _Meters:
    """The series of one endpoint and arm, looked up once."""

    def __init__(self, tally: Tally, endpoint: str, arm: str) -> None:
        labels = (("endpoint", endpoint), ("arm", arm))
        self.outcomes = tally.outcomes("driftgate_requests_total", *labels)
        self.duration = tally.histogram("driftgate_request_duration_seconds", DURATION_BOUNDS, *labels)
        self.first_byte = tally.histogram("driftgate_time_to_first_byte_seconds", FIRST_BYTE_BOUNDS, *labels)
        self.overhead = tally.histogram("driftgate_overhead_seconds", OVERHEAD_BOUNDS, labels[0])
