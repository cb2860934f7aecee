"""What the controller last saw of an endpoint, and what has changed since it looked before.

It remembers a few seconds of counts, so that a burst is seen at small traffic too, and for how long requests have been
served without evidence. Nothing here is state: a new controller begins with an empty one and is right within seconds.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rollback.decision import Facts
from rollback.freeze import Freeze
from rollback.refusals import RefusalChange
from rollback.rollout import Rollout
from rollback.verdict import SignalReport
from routing.exposure import Generation

BURST_WINDOW_SECONDS: Final = 10.0
"""Hard failures are looked at over the last ten seconds: at small traffic one second holds none."""


@dataclass(slots=True)
class Watched:
    """What the loop last saw of an endpoint, at `now` (server time). `fault` is empty while all is well.

    `reports` are of the rollout itself, `kept_reports` of the mirrors to the old stable after its promotion.
    """

    now: float = 0.0
    rollout: Rollout | None = None
    generation: Generation | None = None
    freeze: Freeze | None = None
    reports: tuple[SignalReport, ...] = ()
    kept_reports: tuple[SignalReport, ...] = ()
    refusals: tuple[RefusalChange, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    cells: Mapping[str, int] = field(default_factory=dict)
    fault: str = ""
    _samples: deque[tuple[float, Mapping[str, int]]] = field(default_factory=deque)
    _of: tuple[str, int] = ("", 0)
    _cells_seen: int = -1
    _served_then: int = 0
    _blind_since: float | None = None

    @property
    def actual_exposure(self) -> float:
        """The candidate's share of what was served over the last seconds; 0 where nothing was, or nothing runs."""
        if not self._samples or self.rollout is None or not self.rollout.is_running:
            return 0.0
        then, now = self._samples[0][1], self._samples[-1][1]
        candidate, served = now.get("candidate", 0) - then.get("candidate", 0), _served(now) - _served(then)
        return candidate / served if served > 0 else 0.0

    @property
    def crowded_share(self) -> float:
        """Of the requests of the last seconds, those whose key is too big to be drawn (`routing.crowding`)."""
        if not self._samples or self.rollout is None or not self.rollout.is_running:
            return 0.0
        then, now = self._samples[0][1], self._samples[-1][1]
        assigned = sum(now.get(name, 0) - then.get(name, 0) for name in ("assigned.stable", "assigned.candidate"))
        return (now.get("undrawn.crowded", 0) - then.get("undrawn.crowded", 0)) / assigned if assigned > 0 else 0.0

    def facts(self, rollout: Rollout, cells: Mapping[str, int], counts: Mapping[str, int], now: float) -> Facts:
        """The facts of this tick, with what has changed since earlier ones."""
        if self._of != (rollout.id, rollout.epoch):
            self._samples.clear()
            self._of, self._cells_seen, self._blind_since = (rollout.id, rollout.epoch), -1, None
        self.counts, self.cells = counts, cells
        self._samples.append((now, counts))
        while len(self._samples) > 1 and self._samples[1][0] <= now - BURST_WINDOW_SECONDS:
            self._samples.popleft()
        previous_at, previous_counts = self._samples[0]
        return Facts(
            cells=cells,
            counts=counts,
            previous_counts=previous_counts,
            previous_at=previous_at,
            blind_seconds=self._blind(sum(cells.values()), _served(counts), now),
            store_ok=True,
            freeze=self.freeze,
        )

    def _blind(self, seen: int, served: int, now: float) -> float:
        """Seconds in which requests were served and no evidence came. Without traffic nobody is blind."""
        if seen != self._cells_seen:
            self._cells_seen, self._served_then, self._blind_since = seen, served, None
        elif served > self._served_then and self._blind_since is None:
            self._blind_since = now
        return now - self._blind_since if self._blind_since is not None else 0.0


def _served(counts: Mapping[str, int]) -> int:
    return counts.get("stable", 0) + counts.get("candidate", 0)
