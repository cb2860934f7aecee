"""Alerts: what happened to a rollout, told to whoever asked for it, by webhook or through apprise.

Transitions only, each once. A decision never waits for an alert: each outlet has a bounded queue and a task of its own,
so that a deaf one delays nobody else; a delivery is tried a few times, and what cannot be delivered is logged, counted
and dropped. A webhook is signed where it has a secret, and carries an id that stays the same over its tries. No prompt
and no key is in an event.

Not here: what an alert says (`telling`).
"""

import hashlib
import hmac
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import anyio
import httpx
import msgspec

from gateway.config.fields import PLACEHOLDER
from gateway.config.model import Alert
from gateway.control import telling
from rollback.rollout import Holding, Phase, Rollout
from rollback.verdict import SignalReport

logger = logging.getLogger(__name__)

QUEUE_EVENTS: Final = 200
TRIES: Final = 6
FIRST_PAUSE_SECONDS: Final = 0.5
"""Doubled from try to try: a receiver that restarts within a quarter of a minute misses nothing."""
POST_SECONDS: Final = 5.0
QUIET_SECONDS: Final = 3600.0
"""A hold that comes and goes is told once in this time, for one stage of one rollout."""
LOST_SECONDS: Final = 15.0
"""What is back by then, a Redis that restarted or failed over, say, nobody needs to know."""
SIGNATURE: Final = "x-driftgate-signature"

_PASSING: Final = frozenset({408, 425, 429})
"""Refusals that another try may overcome, besides the server's own errors."""
_SERVER_TROUBLE: Final = 500

_OWN_EVENT: Final[Mapping[Holding, str]] = {Holding.STABLE_FAILING: "stable_failing", Holding.BLIND: "blind"}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to tell. `kinds`: the names under which somebody may have asked for it; `at` is Unix seconds."""

    kinds: frozenset[str]
    rollout: Rollout
    at: float
    signals: tuple[SignalReport, ...] = ()
    known: telling.Advice | None = None

    @property
    def advice(self) -> telling.Advice:
        """What to know: of the rollout's own state, unless something else is told."""
        return self.known or telling.advice(self.rollout)

    @property
    def kind(self) -> str:
        """Its most particular name."""
        return min(self.kinds - {"holding"} or self.kinds)

    @property
    def id(self) -> str:
        """The same for the same thing, whoever tells it and however often."""
        rollout = self.rollout
        holding = rollout.holding.value if rollout.holding else ""
        return f"{rollout.id}.{rollout.revision}.{self.kind}.{holding}".rstrip(".")

    def severity(self, alert: Alert) -> str:
        """Whether it should wake somebody."""
        return "page" if self.kinds & set(alert.page) else "ticket"

    def payload(self, alert: Alert, dashboard: str) -> dict[str, Any]:
        """What is posted to `alert`. `text` is the whole for people."""
        rollout, told = self.rollout, self.advice
        return {
            "id": self.id,
            "event": self.kind,
            "severity": self.severity(alert),
            "title": telling.title(rollout, self.kind),
            "text": telling.text(rollout, self.kind, told, self.link(dashboard)),
            "at": self.at,
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
            "signals": telling.numbers(self.signals),
            "safe_to_sleep": told.safe_to_sleep,
            "next": told.next,
            "command": told.command,
            "dashboard": self.link(dashboard),
        }

    def link(self, dashboard: str) -> str:
        """The endpoint's page, which only shows."""
        return f"{dashboard}/endpoints/{self.rollout.endpoint}"


def signature(secret: str, at: int, body: bytes) -> str:
    """`t=…,v1=…`: HMAC-SHA256 over the time, a dot and the body, so that an old message cannot be sent again."""
    seen = hmac.digest(secret.encode(), b"%d." % at + body, hashlib.sha256).hex()
    return f"t={at},v1={seen}"


class Alerts:
    """The outlets of this gateway. `dashboard` is where people reach the admin plane; `clock` gives Unix seconds.

    `steady` measures how long something lasts, since the wall clock may be set back an hour.
    """

    def __init__(
        self,
        alerts: Iterable[Alert],
        dashboard: str,
        *,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
        clock: Callable[[], float] = time.time,  # noqa: TID251  # dates what people read, and the signature
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        usable = (alert for alert in alerts if PLACEHOLDER not in (alert.url, alert.apprise))
        self._outlets = [_Outlet(alert, dashboard.rstrip("/"), first_pause_seconds, clock) for alert in usable]
        self._clock = clock
        self._steady = steady
        self._told_at: dict[tuple[str, int, Holding], float] = {}
        self._lost_at: float | None = None
        self._lost_told = False

    @property
    def dropped(self) -> int:
        """Alerts that could not be delivered."""
        return sum(outlet.dropped for outlet in self._outlets)

    def transition(self, before: Rollout | None, after: Rollout, signals: tuple[SignalReport, ...] = ()) -> None:
        """A transition happened, on these numbers."""
        if after.phase in (Phase.ROLLED_BACK, Phase.PROMOTED):
            self._told_at = {known: at for known, at in self._told_at.items() if known[0] != after.id}
            if before is None or before.phase is not after.phase:
                self._offer(Event(frozenset({after.phase.value}), after, self._clock(), signals))
        elif before is None or before.id != after.id or before.holding is not after.holding:
            self.holding(after)

    def holding(self, rollout: Rollout) -> None:
        """The reason for holding changed."""
        if rollout.holding is None or not telling.is_told(rollout.holding):
            return
        place, now = (rollout.id, rollout.stage, rollout.holding), self._steady()
        if now - self._told_at.get(place, -QUIET_SECONDS) < QUIET_SECONDS:
            return
        self._told_at[place] = now
        own = _OWN_EVENT.get(rollout.holding)
        self._offer(Event(frozenset({"holding", own} if own else {"holding"}), rollout, self._clock()))

    def blind(self, trouble: telling.Trouble | None, running: Iterable[Rollout]) -> None:
        """What the gateway itself lacks, and what runs: told once when it lasts, for each rollout blind by it."""
        now = self._steady()
        if trouble is None:
            self._lost_at, self._lost_told = None, False
            return
        if self._lost_at is None:
            self._lost_at = now
        if self._lost_told or now - self._lost_at < LOST_SECONDS:
            return
        self._lost_told = True
        for rollout in running:
            blind = replace(rollout, holding=Holding.BLIND, reason=f"{trouble.what}: nothing is judged")
            self._offer(Event(frozenset({"holding", "blind"}), blind, self._clock(), known=trouble.advice))

    def _offer(self, event: Event) -> None:
        for outlet in self._outlets:
            outlet.offer(event)

    async def run(self) -> None:
        """Deliver for ever."""
        async with (
            httpx.AsyncClient(timeout=POST_SECONDS, trust_env=False, follow_redirects=False) as client,
            anyio.create_task_group() as tasks,
        ):
            for outlet in self._outlets:
                tasks.start_soon(outlet.run, client)
            await anyio.sleep_forever()


@dataclass(slots=True, eq=False)
class _Outlet:
    """One configured alert, with what waits for it."""

    alert: Alert
    dashboard: str
    first_pause_seconds: float
    clock: Callable[[], float]
    dropped: int = 0
    _queue: deque[Event] = field(default_factory=deque)
    _queued: anyio.Event = field(default_factory=anyio.Event)

    def offer(self, event: Event) -> None:
        """Take an event, if it was asked for and there is room."""
        if not event.kinds & set(self.alert.on):
            return
        if len(self._queue) >= QUEUE_EVENTS:
            self.dropped += 1
            logger.error("alert dropped: %d wait already", QUEUE_EVENTS)
            return
        self._queue.append(event)
        self._queued.set()

    async def run(self, client: httpx.AsyncClient) -> None:
        """Deliver what is queued, one after another."""
        while True:
            await self._queued.wait()
            self._queued = anyio.Event()
            while self._queue:
                await self._deliver(client, self._queue.popleft())

    async def _deliver(self, client: httpx.AsyncClient, event: Event) -> None:
        pause, why = self.first_pause_seconds, ""
        for left in reversed(range(TRIES)):
            why, again = await (self._notify(event) if self.alert.apprise else self._post(client, event))
            if not why:
                return
            if not (left and again):
                break
            await anyio.sleep(pause)
            pause *= 2
        self.dropped += 1
        logger.error("alert %s of %s not delivered: %s", event.kind, event.rollout.endpoint, why)

    async def _post(self, client: httpx.AsyncClient, event: Event) -> tuple[str, bool]:
        """Why it failed, empty where it did not, and whether another try may help."""
        body = msgspec.json.encode(event.payload(self.alert, self.dashboard))
        headers = {"content-type": "application/json", "idempotency-key": event.id}
        if self.alert.secret is not None:
            headers[SIGNATURE] = signature(self.alert.secret, int(self.clock()), body)
        assert self.alert.url is not None  # where there is no other way
        try:
            answer = await client.post(self.alert.url, content=body, headers=headers)
        except httpx.InvalidURL as error:
            return type(error).__name__, False
        except httpx.HTTPError as error:
            return type(error).__name__, True
        if answer.is_success:
            return "", False
        status = answer.status_code
        return f"status {status}", status >= _SERVER_TROUBLE or status in _PASSING

    async def _notify(self, event: Event) -> tuple[str, bool]:
        try:
            sent = await anyio.to_thread.run_sync(self._through_apprise, event, abandon_on_cancel=True)
        except Exception as error:  # noqa: BLE001  # a plugin of others must not end the task that tells
            return f"apprise failed with {type(error).__name__}", True
        return ("" if sent else "apprise could not send it"), True

    def _through_apprise(self, event: Event) -> bool:
        import apprise  # noqa: PLC0415  # an extra, and a large one: only who asks for it loads it

        notifier = apprise.Apprise()
        if self.alert.apprise is None or not notifier.add(self.alert.apprise):
            return False
        page = event.severity(self.alert) == "page"
        kind = apprise.NotifyType.FAILURE if page else apprise.NotifyType.INFO
        link = event.link(self.dashboard)
        told = telling.text(event.rollout, event.kind, event.advice, link)
        heading = f"[{event.severity(self.alert)}] {telling.title(event.rollout, event.kind)}"
        return bool(notifier.notify(title=heading, body=told, notify_type=kind))
