"""Exposure in Redis, as a worker reads it: bounded waits, no retries, and every failure the same `StoreUnavailable`.

A worker asks often and can do without an answer, because its lease runs out by itself. So the waits are short and a
failed question is simply asked again at the next poll. A document that cannot be read is not an error here: it grants
nothing.

Not here: what follows from an observation (`exposure.Route`), and writing state (`rollback.store`).
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import Any, Final, TypeVar

import anyio
import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from routing.errors import RoutingError, StoreUnavailable
from routing.exposure import Generation, Grant, Observation
from routing.keys import EndpointKeys, exposure_channel

READ_SECONDS: Final = 0.2
"""How long one question may take. Answers take well under a millisecond; a fifth of a second is a server in trouble."""

BATCH_MARK_MS: Final = 3_600_000
"""How long a flushed batch is remembered: longer than any worker keeps one for another try."""

RESUBSCRIBE_SECONDS: Final = 0.5
"""The pause before subscribing again after the connection was lost. Polling goes on meanwhile."""

_ADD_COUNTS: Final = """#!lua
if not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[1]) then return 0 end
for i = 2, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
return 1
"""

_OBSERVE: Final = """#!lua flags=no-writes
return {
  redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]), redis.call('PTTL', KEYS[2]), redis.call('LINDEX', KEYS[3], -1)
}
"""
"""A script rather than MULTI: a full Redis 7.0 refuses even reads within MULTI, and would hide a rollback."""

_T = TypeVar("_T")


class UnsupportedStore(RoutingError):
    """The address names a kind of Redis that this version cannot use, or cannot be read."""


class _Fence(msgspec.Struct):
    """The one field of the rollout document that a worker needs."""

    revision: int


_grants = msgspec.json.Decoder(Grant)
_generations = msgspec.json.Decoder(Generation)
_fences = msgspec.json.Decoder(_Fence)


def connect(url: str, *, timeout_seconds: float = READ_SECONDS) -> "Redis":
    """A client for `unix://`, `redis://` or `rediss://` that waits `timeout_seconds` at most and never retries.

    It connects on first use. Raises `UnsupportedStore` for other schemes.
    """
    scheme = url.partition("://")[0]
    if scheme not in ("unix", "redis", "rediss"):
        raise UnsupportedStore(f"redis.url starts with {scheme!r}; this version takes unix://, redis:// and rediss://")
    try:
        return Redis.from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            max_connections=32,
        )
    except ValueError as error:
        raise UnsupportedStore(f"redis.url cannot be read: {error}") from error


@contextmanager
def unavailable_as_error() -> Iterator[None]:
    """Turns whatever the client, the server or the network raises into `StoreUnavailable`."""
    try:
        yield
    except TimeoutError as error:
        raise StoreUnavailable("Redis did not answer in time") from error
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"Redis: {error}" if str(error) else f"Redis: {type(error).__name__}") from error


async def bounded(seconds: float, call: Callable[[], Awaitable[_T]]) -> _T:
    """The call's result within `seconds`, connecting included; else `StoreUnavailable`."""
    with unavailable_as_error(), anyio.fail_after(seconds):
        return await call()


def read_observation(
    document: bytes | None, grant: bytes | None, lease_ms: int, stable: bytes | None, asked_at: float
) -> Observation:
    """What the four stored values say. Whatever cannot be read, or has no end, grants nothing."""
    fence = _decoded(_fences, document)
    lease = _decoded(_grants, grant) if lease_ms > 0 else None
    revision = max(fence.revision if fence else 0, lease.revision if lease else 0)
    if document is not None and fence is None:
        lease = None
    return Observation(
        generation=_decoded(_generations, stable),
        grant=lease,
        expires_at=asked_at + lease_ms / 1000 if lease is not None else asked_at,
        revision=revision,
    )


def _decoded(decoder: "msgspec.json.Decoder[_T]", data: bytes | None) -> _T | None:
    if data is None:
        return None
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, ValueError):
        return None


class ExposureStore:
    """One gateway process's view of exposure, and its way to count requests."""

    def __init__(self, redis: "Redis", prefix: str, *, timeout_seconds: float = READ_SECONDS) -> None:
        self._redis = redis
        self._prefix = prefix
        self._timeout = timeout_seconds

    async def observe(self, endpoint: str, clock: Callable[[], float]) -> Observation:
        """The endpoint as Redis has it now; the lease is reckoned from before asking. Raises `StoreUnavailable`."""
        keys = EndpointKeys(self._prefix, endpoint)
        asked_at = clock()
        answer: Any = await bounded(
            self._timeout, lambda: self._redis.eval(_OBSERVE, 3, keys.rollout, keys.grant, keys.stable)
        )
        document, grant, lease_ms, stable = answer
        return read_observation(document, grant, lease_ms, stable, asked_at)

    async def add_counts(self, endpoint: str, rollout_id: str, batch_id: str, counts: Mapping[str, int]) -> None:
        """Add `counts` to the rollout's; the same `batch_id` again adds nothing. Raises `StoreUnavailable`."""
        keys = EndpointKeys(self._prefix, endpoint)
        flat = [str(part) for pair in counts.items() for part in pair]
        await bounded(
            self._timeout,
            lambda: self._redis.eval(
                _ADD_COUNTS, 2, keys.counts(rollout_id), keys.batch(batch_id), str(BATCH_MARK_MS), *flat
            ),
        )

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
        while True:
            try:
                async with aclosing(self._redis.pubsub(ignore_subscribe_messages=True)) as subscription:
                    await subscription.subscribe(exposure_channel(self._prefix))
                    watch.tell(None)
                    while True:
                        message = await subscription.get_message(timeout=30.0)
                        if message is not None:
                            watch.tell(bytes(message["data"]).decode(errors="replace"))
            except (RedisError, OSError, TimeoutError):
                await anyio.sleep(RESUBSCRIBE_SECONDS)


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
