"""Finds the server that the Sentinels call the master.

All of them are asked at once, and the answer of most counts: one that was cut off from the others may still name the
old master. They are asked again after every failure, and every two seconds in any case, since an old master that was
only frozen does not know yet that it is one. Where no Sentinel answers, the server that was known stays.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import anyio
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import RedisError

from routing.address import Place
from routing.link import MakeClient

ASK_AGAIN_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 0.1
"""Half of what a worker's whole question may take; a Sentinel answers within a millisecond."""


class SentinelLocator:
    """The master that the Sentinels at `places` know by the name `master`."""

    def __init__(self, places: Sequence[Place], master: str, of_sentinels: MakeClient, of_servers: MakeClient) -> None:
        self._sentinels = [of_sentinels(place) for place in places]
        self._master = master
        self._of_servers = of_servers
        self._place: Place | None = None
        self._redis: Redis | None = None
        self._asked_at = float("-inf")
        self._asking = anyio.Lock()

    async def server(self, key: str) -> "Redis":
        """See `Locator.server`."""
        del key
        if self._is_due():
            async with self._asking:
                if self._is_due():
                    await self._look()
        if self._redis is None:
            raise RedisGone(f"no Sentinel knows a master called {self._master!r}")
        return self._redis

    def _is_due(self) -> bool:
        return anyio.current_time() - self._asked_at >= ASK_AGAIN_SECONDS

    async def _look(self) -> None:
        place = await self._most_named()
        if place is not None:
            self._asked_at = anyio.current_time()
            if place != self._place:
                await self._move_to(place)

    async def _move_to(self, place: Place) -> None:
        old, self._redis, self._place = self._redis, self._of_servers(place), place
        if old is not None:
            await _close(old)

    async def _most_named(self) -> Place | None:
        votes: Counter[Place] = Counter()
        majority = len(self._sentinels) // 2 + 1

        async def ask(sentinel: "Redis") -> None:
            try:
                named: Any = await sentinel.sentinel_get_master_addr_by_name(self._master)
            except (RedisError, OSError, TimeoutError):
                return
            if named is None:
                return
            host, port = named
            place = Place(bytes(host).decode(), int(port))
            votes[place] += 1
            if votes[place] >= majority:
                tasks.cancel_scope.cancel()

        with anyio.move_on_after(ANSWER_SECONDS):
            async with anyio.create_task_group() as tasks:
                for sentinel in self._sentinels:
                    tasks.start_soon(ask, sentinel)
        return votes.most_common(1)[0][0] if votes else None

    def doubt(self) -> None:
        """See `Locator.doubt`."""
        self._asked_at = float("-inf")

    async def aclose(self) -> None:
        """See `Locator.aclose`."""
        for redis in (*self._sentinels, *([self._redis] if self._redis is not None else [])):
            await _close(redis)


async def _close(redis: "Redis") -> None:
    try:
        await redis.aclose()
    except (RedisError, OSError):
        return  # what cannot be closed is gone
