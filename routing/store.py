"""Exposure in Redis, as a worker reads it: bounded waits, no retries, and every failure the same `StoreUnavailable`.

A worker asks often and can do without an answer, because its lease runs out by itself. So the waits are short and a
failed question is simply asked again at the next poll. A document that cannot be read is not an error here: it grants
nothing.

Not here: what follows from an observation (`exposure.Route`), and writing state (`rollback.store`).
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Final, Never

import anyio
import msgspec
from redis.exceptions import RedisError

from routing.connecting import READ_SECONDS
from routing.errors import StoreUnavailable
from routing.exposure import Observation
from routing.link import Link, closed_as_error, script
from routing.names import EndpointKeys, exposure_channel
from routing.stored import decoded, generation_from_json, grant_from_json

BATCH_MARK_MS: Final = 3_600_000
"""How long a flushed batch is remembered: longer than any worker keeps one for another try."""

COUNTS_SECONDS: Final = 30 * 86_400
"""How long counts stay that no controller attends to: while a rollout runs it renews this."""

RESUBSCRIBE_SECONDS: Final = 0.5
"""The pause before subscribing again after the connection was lost. Polling goes on meanwhile."""

SILENCE_SECONDS: Final = 30.0
"""A subscription that heard nothing for so long asks whether the server is still there."""

_ADD_COUNTS: Final = script("""#!lua
if not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[1]) then return 0 end
for i = 3, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[2], 'NX')
return 1
""")

_OBSERVE: Final = script("""#!lua flags=no-writes
return {
  redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]), redis.call('PTTL', KEYS[2]), redis.call('LINDEX', KEYS[3], -1)
}
""")
"""A script rather than MULTI: a full Redis 7.0 refuses even reads within MULTI, and would hide a rollback."""


class _Fence(msgspec.Struct):
    """The one field of the rollout document that a worker needs."""

    revision: int


_fences = msgspec.json.Decoder(_Fence)


def read_observation(
    document: bytes | None, grant: bytes | None, lease_ms: int, stable: bytes | None, asked_at: float
) -> Observation:
    """What the four stored values say. Whatever cannot be read, or has no end, grants nothing."""
    fence = decoded(_fences, document) if document is not None else None
    lease = grant_from_json(grant) if grant is not None and lease_ms > 0 else None
    revision = max(fence.revision if fence else 0, lease.revision if lease else 0)
    if document is not None and fence is None:
        lease = None
    return Observation(
        generation=generation_from_json(stable) if stable is not None else None,
        grant=lease,
        expires_at=asked_at + lease_ms / 1000 if lease is not None else asked_at,
        revision=revision,
    )


class ExposureStore:
    """One gateway process's view of exposure, and its way to count requests."""

    def __init__(self, link: Link, prefix: str, *, timeout_seconds: float = READ_SECONDS) -> None:
        self._link = link
        self._prefix = prefix
        self._timeout = timeout_seconds

    async def observe(self, endpoint: str, clock: Callable[[], float]) -> Observation:
        """The endpoint as Redis has it now; the lease is reckoned from before asking. Raises `StoreUnavailable`."""
        keys = EndpointKeys(self._prefix, endpoint)
        asked_at = clock()
        names = [keys.rollout, keys.grant, keys.stable]
        answer: Any = await self._link.run(keys.rollout, self._timeout, lambda redis: _OBSERVE.on(redis, names, ()))
        document, grant, lease_ms, stable = answer
        return read_observation(document, grant, lease_ms, stable, asked_at)

    async def add_counts(self, endpoint: str, rollout_id: str, batch_id: str, counts: Mapping[str, int]) -> None:
        """Add `counts` to the rollout's; the same `batch_id` again adds nothing. Raises `StoreUnavailable`."""
        keys = EndpointKeys(self._prefix, endpoint)
        names = [keys.counts(rollout_id), keys.batch(batch_id)]
        arguments = [BATCH_MARK_MS, COUNTS_SECONDS, *(part for pair in counts.items() for part in pair)]
        await self._link.run(names[0], self._timeout, lambda redis: _ADD_COUNTS.on(redis, names, arguments))

    async def follow(
        self,
        endpoints: Iterable[str],
        apply: Callable[[str, Observation], None],
        clock: Callable[[], float],
        poll_seconds: float,
        on_state: Callable[[bool, str], None] | None = None,
    ) -> None:
        """Observe each endpoint for ever: when told by publication, and every `poll_seconds`, since that can be lost.

        `on_state(up, why)` is called when Redis becomes reachable or unreachable, once per change, first for the first
        answer.
        """
        watch = _Watch(frozenset(endpoints))
        was_up: bool | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen, watch)
            while True:
                up, why = await self._observe_each(watch.take(), apply, clock)
                if up is not was_up and on_state is not None:
                    on_state(up, why)
                was_up = up
                with anyio.move_on_after(poll_seconds):
                    await watch.told.wait()

    async def _observe_each(
        self, endpoints: Iterable[str], apply: Callable[[str, Observation], None], clock: Callable[[], float]
    ) -> tuple[bool, str]:
        for endpoint in sorted(endpoints):
            try:
                seen = await self.observe(endpoint, clock)
            except StoreUnavailable as error:
                return False, str(error)
            apply(endpoint, seen)
        return True, ""

    async def _listen(self, watch: "_Watch") -> None:
        channel = exposure_channel(self._prefix)
        while True:
            try:
                with closed_as_error():
                    await self._hear(channel, watch)
            except (RedisError, OSError, TimeoutError):
                self._link.doubt()
                await anyio.sleep(RESUBSCRIBE_SECONDS)

    async def _hear(self, channel: str, watch: "_Watch") -> Never:
        redis = await self._link.server(channel)
        async with aclosing(redis.pubsub(ignore_subscribe_messages=True)) as subscription:
            await subscription.subscribe(channel)
            watch.tell(None)
            while True:
                message = await subscription.get_message(timeout=SILENCE_SECONDS)
                if message is None:
                    await subscription.ping()  # a connection that is gone without a word is found out
                else:
                    watch.tell(bytes(message["data"]).decode(errors="replace"))


class _Watch:
    """Which endpoints to look at next: those published, or all of them when the poll's time has come."""

    def __init__(self, endpoints: frozenset[str]) -> None:
        self._endpoints = endpoints
        self._dirty: set[str] = set()
        self.told = anyio.Event()

    def tell(self, endpoint: str | None) -> None:
        """`endpoint` changed; None: anything may have (a subscription begins)."""
        self._dirty |= self._endpoints if endpoint is None else {endpoint} & self._endpoints
        if self._dirty:
            self.told.set()

    def take(self) -> frozenset[str]:
        """What to observe now. Nothing published means that the poll is due, for all."""
        taken = frozenset(self._dirty) or self._endpoints
        self._dirty.clear()
        self.told = anyio.Event()
        return taken
