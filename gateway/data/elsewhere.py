"""What other gateways know: which model made the response that a conversation goes on with.

Redis is asked only where no worker of this gateway knows, and a rollout exposes a candidate, stable has several servers
or a kept answer is looked at again: in at most `LOOK_SECONDS`, by at most `MOST_AT_ONCE` requests at a time, and over a
link of its own, so that neither a slow answer nor many of them take anything from what keeps the leases. What is found
is remembered. Without an answer it is as if nobody knew: the sticky arm is asked, and on its "not found" the other one
(`gateway.data.proxy`).

What was made here is told to Redis in the background. Nothing waits for it, and what cannot be told is forgotten.
"""

from asyncio import create_task
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from typing import Any, Final, Protocol

import anyio

from gateway.data.origins import Origins, short
from routing.errors import StoreUnavailable
from routing.exposure import Route

LOOK_SECONDS: Final = 0.025
"""What a frozen Redis may cost a request. The link asks it no more after three of them."""
MOST_AT_ONCE: Final = 32
TELL_EVERY_SECONDS: Final = 0.25
"""Sooner than a person's next turn."""
TELL_SECONDS: Final = 0.5


class MadeStore(Protocol):
    """What is needed of `routing.made_store.MadeStore`; both raise `StoreUnavailable`."""

    async def note(self, endpoint: str, made: Sequence[tuple[int, str]], seconds: float) -> None:
        """Remember who made these."""

    def find(self, endpoint: str, response: int, seconds: float) -> Coroutine[Any, Any, str | None]:
        """The note of who made it."""


class Elsewhere:
    """One worker's way to what others have noted, for its `origins`."""

    def __init__(self, store: MadeStore, origins: Origins, *, look_seconds: float = LOOK_SECONDS) -> None:
        self._store = store
        self._origins = origins
        self._look_seconds = look_seconds
        self._asking = 0

    async def look(self, route: Route, response: str, now: float, *, anyway: bool = False) -> None:
        """See to it that `origins` knows who made the response, if anybody does and it matters.

        `anyway`: it matters without a rollout, too: stable has several servers, or a former model may have made it.
        """
        grant = route.live_grant(now)
        matters = anyway or (grant is not None and grant.exposes)
        if not matters or self._asking >= MOST_AT_ONCE or self._origins.of(route.endpoint, response) is not None:
            return
        self._asking += 1
        try:
            finding = self._store.find(route.endpoint, short(response), self._look_seconds)
            made = await create_task(finding)  # a deadline needs a task, and who serves a request is none
        except StoreUnavailable:
            return
        finally:
            self._asking -= 1
        if made is not None:
            self._origins.found(route.endpoint, response, made)

    async def run(self) -> None:
        """Tell for ever."""
        while True:
            await anyio.sleep(TELL_EVERY_SECONDS)
            await self.tell()

    async def tell(self) -> None:
        """Tell what was made here since the last time."""
        by_endpoint: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        for endpoint, made in self._origins.take_untold():
            by_endpoint[endpoint].append(made)
        for endpoint, all_made in by_endpoint.items():
            try:
                await self._store.note(endpoint, all_made, TELL_SECONDS)
            except StoreUnavailable:
                return
