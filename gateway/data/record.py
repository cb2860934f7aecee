"""What becomes of a finished request: counters, histograms, and an exchange for the shadow worker. Nothing awaits."""

from time import monotonic

from gateway.data.counts import Counts, counted
from gateway.data.draft import Draft
from gateway.data.handover import HandOver
from gateway.data.tally import DURATION_BOUNDS, FIRST_BYTE_BOUNDS, OVERHEAD_BOUNDS, Tally


class Recorder:
    """Takes finished requests. Without a hand-over (a gateway whose shadow side is off) exchanges are not built."""

    def __init__(self, counts: Counts, tally: Tally, handover: HandOver | None) -> None:
        self._counts = counts
        self._tally = tally
        self._handover = handover

    def finish(self, draft: Draft) -> None:
        """The request is over, however it ended."""
        now = monotonic()
        self._measure(draft, now)
        grant = draft.assignment.grant
        if grant is None or not draft.assignment.is_evidence:
            return
        names = counted(draft)
        if self._handover is not None and self._handover.offer(draft, now):
            names.append("handover_dropped")
        self._counts.add(draft.route.endpoint, grant.rollout, names)

    def _measure(self, draft: Draft, now: float) -> None:
        tally = self._tally
        endpoint, arm = ("endpoint", draft.route.endpoint), ("arm", draft.answered.value)
        tally.count("driftgate_requests_total", endpoint, arm, ("outcome", draft.outcome.value))
        tally.time("driftgate_request_duration_seconds", DURATION_BOUNDS, now - draft.started_at, endpoint, arm)
        if draft.first_byte_at:
            seconds = draft.first_byte_at - draft.started_at
            tally.time("driftgate_time_to_first_byte_seconds", FIRST_BYTE_BOUNDS, seconds, endpoint, arm)
        if draft.attempt_at and not draft.fallback:
            tally.time("driftgate_overhead_seconds", OVERHEAD_BOUNDS, draft.attempt_at - draft.started_at, endpoint)
        if draft.fallback:
            tally.count("driftgate_fallbacks_total", endpoint, ("reason", draft.fallback))
