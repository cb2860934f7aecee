"""Keeps a trend of each rollout: live from what the controller sees, and from the audit for what came before.

The live samples are in this process's memory. After a restart, and for rollouts of long ago, the audit entries stand in
for them: one sample for each decision, with the intervals worked out again from the counters that it was made on.
Intervals cost milliseconds of arithmetic, so they are worked out in a thread.
"""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import anyio

from gateway.dashboard.trend import Sample, Trend, followed, readings, row_of
from rollback.again import Row, intervals
from rollback.ahead import Ahead, ahead
from rollback.audit import AuditEntry
from rollback.errors import UnknownEndpoint
from rollback.evidence import examine
from rollback.rollout import Phase, Rollout
from rollback.verdict import SignalReport
from rollback.watching import Watched
from routing.bucketing import WEIGHT_SCALE
from routing.errors import MalformedState, StoreUnavailable

logger = logging.getLogger(__name__)

EVERY_SECONDS: Final = 1.0
KEPT: Final = 2
"""Trends of earlier rollouts, 2 MB each, the least recently looked at going first: the audit has what they were made
of."""

Entries: TypeAlias = Callable[[str, str], Awaitable[Sequence[AuditEntry]]]
"""The audit entries of an endpoint's rollout, newest first."""


class Recorder:
    """The trends of this process's endpoints."""

    def __init__(self, watched: Mapping[str, Watched], entries: Entries) -> None:
        self._watched = watched
        self._entries = entries
        self._trends: OrderedDict[tuple[str, str], Trend] = OrderedDict()
        self._broken: set[str] = set()

    async def run(self) -> None:
        """Look at every endpoint once a second, for ever."""
        while True:
            for endpoint, seen in self._watched.items():
                await self._contained(endpoint, seen)
            await anyio.sleep(EVERY_SECONDS)

    async def _contained(self, endpoint: str, seen: Watched) -> None:
        """A chart that cannot be drawn must cost neither the other endpoints theirs, nor the controller its process."""
        try:
            await self._observe(endpoint, seen)
        except Exception:
            if endpoint not in self._broken:
                logger.exception("the charts of endpoint %s cannot be kept", endpoint)
            self._broken.add(endpoint)
        else:
            self._broken.discard(endpoint)

    async def trend(self, endpoint: str, rollout: str) -> Trend:
        """The trend of a rollout; empty where nothing is known of it, and without its past while Redis is gone."""
        known = self._trends.get((endpoint, rollout))
        if known is None:
            known = self._keep(endpoint, rollout, await self._from_audit(endpoint, rollout))
        self._trends.move_to_end((endpoint, rollout))
        return known

    async def _observe(self, endpoint: str, seen: Watched) -> None:
        rollout = seen.rollout
        if rollout is None:
            return
        trend = await self.trend(endpoint, rollout.id)
        if trend.is_over or not (seen.reports or rollout.is_running):
            return
        rows: tuple[SignalReport, ...] = ()
        found = trend.latest
        if not trend.samples or rollout.phase is not Phase.PROMOTED:  # then the old stable's mirrors are counted
            rows = followed(seen.reports)
            looked = await anyio.to_thread.run_sync(look, rollout, dict(seen.cells), rows, seen.now)
            found, trend.ahead = readings(rows, looked.bounds), looked.ahead
        trend.is_over = not rollout.is_running
        at = seen.now if rollout.is_running else max(seen.now, rollout.ended_at or 0.0)
        target = rollout.weight_bps / WEIGHT_SCALE
        trend.add(Sample(at, target, seen.actual_exposure if rollout.is_running else target, found), rows)

    async def _from_audit(self, endpoint: str, rollout: str) -> Trend:
        try:
            entries = await self._entries(endpoint, rollout)
        except (StoreUnavailable, MalformedState, UnknownEndpoint):
            return Trend(rollout)
        return await anyio.to_thread.run_sync(trend_of, rollout, tuple(reversed(entries)))

    def _keep(self, endpoint: str, rollout: str, trend: Trend) -> Trend:
        kept = self._trends.setdefault((endpoint, rollout), trend)
        while len(self._trends) > KEPT + len(self._watched):
            self._trends.popitem(last=False)
        return kept


@dataclass(frozen=True, slots=True)
class Look:
    """The interval of each row, and what comes next (None: the rollout has ended)."""

    bounds: Mapping[Row, tuple[float, float]]
    ahead: Ahead | None


def look(rollout: Rollout, cells: Mapping[str, int], rows: Sequence[SignalReport], now: float) -> Look:
    """From the counters, at `now` of the store's clock."""
    evidence = examine(rollout, cells)
    found = {row_of(row): evidence.interval(row) for row in rows}
    known = {row: bounds for row, bounds in found.items() if bounds is not None}
    return Look(known, ahead(evidence, now) if rollout.is_running else None)


def trend_of(rollout: str, entries: Sequence[AuditEntry]) -> Trend:
    """A trend with one sample for each audit entry of a rollout, oldest first."""
    trend = Trend(rollout)
    for entry in entries:
        rows = followed(entry.signals)
        sample = Sample(entry.at, entry.weight_bps / WEIGHT_SCALE, None, readings(rows, intervals(entry)))
        trend.add(sample, rows)
    return trend
