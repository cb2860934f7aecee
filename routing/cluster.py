"""Finds the node of a Cluster that has a key.

The table of slots is read from whichever known node answers first, and again after each failure or refusal. While a
slot is moved its keys are in two places, and a script needs them all: `link` waits for that moment.

Not the client's own Cluster class: it retries and waits in ways of its own, and a `WAIT` must go to the connection that
the write went to.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import anyio
from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import RedisError

from routing.address import Place
from routing.link import MakeClient

ANSWER_SECONDS: Final = 0.1
"""Half of what a worker's whole question may take."""


@dataclass(frozen=True, slots=True)
class SlotRange:
    """The slots from `first` to `last`, both included, are at `place`."""

    first: int
    last: int
    place: Place


def slot_ranges(answer: Iterable[Sequence[Any]], asked: Place) -> tuple[SlotRange, ...]:
    """What CLUSTER SLOTS says; a node that does not know its own name is where it was asked."""
    return tuple(
        SlotRange(int(first), int(last), Place(bytes(host or b"").decode() or asked.host, int(port)))
        for first, last, (host, port, *_), *_ in answer
    )


class ClusterLocator:
    """The nodes of the Cluster that those at `seeds` belong to."""

    def __init__(self, seeds: Sequence[Place], make: MakeClient) -> None:
        self._seeds = tuple(seeds)
        self._make = make
        self._nodes: dict[Place, Redis] = {}
        self._ranges: tuple[SlotRange, ...] = ()
        self._doubted = True
        self._asking = anyio.Lock()

    async def server(self, key: str) -> "Redis":
        """See `Locator.server`."""
        if self._doubted:
            async with self._asking:
                if self._doubted:
                    await self._look()
        slot = key_slot(key.encode())
        place = next((found.place for found in self._ranges if found.first <= slot <= found.last), None)
        if place is None:
            raise RedisGone("no node of the Cluster says that it has this key; is it set up?")
        return self._node(place)

    def _node(self, place: Place) -> "Redis":
        if place not in self._nodes:
            self._nodes[place] = self._make(place)
        return self._nodes[place]

    async def _look(self) -> None:
        """Read the table from the first node that answers; what was known stays where none does."""
        found: list[tuple[SlotRange, ...]] = []

        async def ask(place: Place) -> None:
            try:
                node = self._node(place)
                answer: Any = await node.execute_command("CLUSTER SLOTS")  # type: ignore[no-untyped-call]  # the library's
            except (RedisError, OSError, TimeoutError):
                return
            ranges = slot_ranges(answer, place)
            if ranges:
                found.append(ranges)
                tasks.cancel_scope.cancel()

        with anyio.move_on_after(ANSWER_SECONDS):
            async with anyio.create_task_group() as tasks:
                for place in dict.fromkeys((*(known.place for known in self._ranges), *self._seeds)):
                    tasks.start_soon(ask, place)
        if found:
            self._ranges, self._doubted = found[0], False

    def doubt(self) -> None:
        """See `Locator.doubt`."""
        self._doubted = True

    async def aclose(self) -> None:
        """See `Locator.aclose`."""
        for node in self._nodes.values():
            try:
                await node.aclose()
            except (RedisError, OSError):
                continue  # what cannot be closed is gone
