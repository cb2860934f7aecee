"""A freeze: for a time, nothing on an endpoint may gain exposure. Rolling back stays possible, and so does a pause.

It is kept per endpoint beside the rollout, and not in it: it outlives rollouts, and the one script that commits a
transition must see it. So a freeze of everything is a copy for each endpoint. It ends by itself where it was given an
end, since a freeze that everybody forgot would look like a rollout that is stuck.

Frozen means: no start, no widening, no promotion, by nobody. What runs goes on at its weight, and is judged.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from rollback.errors import NotPossible

UNREADABLE = "a freeze that cannot be read"
"""Who froze where the stored freeze is not understood: a later version may mean more by it, so it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Who froze an endpoint, why and from when; `until_at` None: until somebody unfreezes it. Unix seconds."""

    by: str
    reason: str
    since_at: float
    until_at: float | None = None

    def sentence(self, endpoint: str) -> str:
        """What is frozen and what ends it."""
        why = f" ({self.reason})" if self.reason else ""
        ends = f"until {_instant(self.until_at)}, or " if self.until_at is not None else ""
        return f"frozen by {self.by}{why}: nothing widens {ends}until `driftgate unfreeze {endpoint}`"


def frozen(*, actor: str, reason: str, now: float, seconds: float | None) -> Freeze:
    """A freeze from `now` on, for `seconds` (None: without an end)."""
    if seconds is not None and seconds <= 0.0:
        raise NotPossible("a freeze lasts some time: give a duration such as --for 4h, or none at all")
    until = None if seconds is None else now + seconds
    return Freeze(by=actor, reason=reason, since_at=now, until_at=until)


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
