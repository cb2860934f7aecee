"""Webhooks: what happened to a rollout, posted to whoever asked for it.

A decision never waits for a webhook: events go into a bounded queue, each is tried a few times, and what cannot be
delivered is logged and dropped. No prompt and no key is in an event.
"""

import logging
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import anyio
import httpx

from gateway.config.fields import PLACEHOLDER
from gateway.config.model import Alert
from rollback.rollout import Holding, Phase, Rollout

logger = logging.getLogger(__name__)

QUEUE_EVENTS: Final = 200
TRIES: Final = 4
FIRST_PAUSE_SECONDS: Final = 0.5
POST_SECONDS: Final = 5.0

ORDINARY: Final = frozenset({Holding.NOT_ENOUGH, Holding.BAKE})
"""Holding for these is how every stage begins; nobody wants to be told."""

_OWN_EVENT: Final[Mapping[Holding, str]] = {Holding.STABLE_FAILING: "stable_failing", Holding.BLIND: "blind"}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to tell. `kinds`: the names under which somebody may have asked for it."""

    kinds: frozenset[str]
    rollout: Rollout

    def payload(self, alert: Alert) -> dict[str, Any]:
        """What is posted to `alert`. `text` is the whole in one line, for chat webhooks."""
        rollout = self.rollout
        kind = min(self.kinds - {"holding"} or self.kinds)
        return {
            "event": kind,
            "severity": "page" if self.kinds & set(alert.page) else "notice",
            "text": f"{rollout.endpoint}: {rollout.candidate} {kind.replace('_', ' ')}: {rollout.reason}",
            "endpoint": rollout.endpoint,
            "rollout": rollout.id,
            "stable": rollout.stable,
            "candidate": rollout.candidate,
            "phase": rollout.phase.value,
            "weight_bps": rollout.weight_bps,
            "revision": rollout.revision,
            "holding": rollout.holding.value if rollout.holding else None,
            "reason": rollout.reason,
            "actor": rollout.actor,
        }


class Alerts:
    """The webhooks of this gateway."""

    def __init__(self, alerts: Iterable[Alert], first_pause_seconds: float = FIRST_PAUSE_SECONDS) -> None:
        self._first_pause = first_pause_seconds
        self._alerts = tuple(alert for alert in alerts if alert.url != PLACEHOLDER)
        self._queue: deque[Event] = deque()
        self._queued = anyio.Event()
        self.dropped = 0

    def transition(self, before: Rollout | None, after: Rollout) -> None:
        """A transition happened."""
        if after.phase in (Phase.ROLLED_BACK, Phase.PROMOTED):
            self._offer(Event(frozenset({after.phase.value}), after))
        elif before is None or before.id != after.id or before.holding is not after.holding:
            self.holding(after)

    def holding(self, rollout: Rollout) -> None:
        """The reason for holding changed."""
        if rollout.holding is None or rollout.holding in ORDINARY:
            return
        own = _OWN_EVENT.get(rollout.holding)
        self._offer(Event(frozenset({"holding", own} if own else {"holding"}), rollout))

    def _offer(self, event: Event) -> None:
        if not any(event.kinds & set(alert.on) for alert in self._alerts):
            return
        if len(self._queue) >= QUEUE_EVENTS:
            self.dropped += 1
            logger.error("alert dropped: %d wait already", QUEUE_EVENTS)
            return
        self._queue.append(event)
        self._queued.set()

    async def run(self) -> None:
        """Deliver for ever."""
        async with httpx.AsyncClient(timeout=POST_SECONDS, trust_env=False, follow_redirects=False) as client:
            while True:
                await self._queued.wait()
                self._queued = anyio.Event()
                while self._queue:
                    event = self._queue.popleft()
                    for alert in self._alerts:
                        if event.kinds & set(alert.on):
                            await self._deliver(client, alert, event)

    async def _deliver(self, client: httpx.AsyncClient, alert: Alert, event: Event) -> None:
        pause = self._first_pause
        why = ""
        for _ in range(TRIES):
            try:
                answer = await client.post(alert.url, json=event.payload(alert))
                if answer.is_success:
                    return
                why = f"status {answer.status_code}"
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                why = type(error).__name__
            await anyio.sleep(pause)
            pause *= 2
        self.dropped += 1
        logger.error("alert %s of %s not delivered: %s", sorted(event.kinds), event.rollout.endpoint, why)
