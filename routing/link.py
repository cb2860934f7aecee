"""The link to Redis: which server has a key, how long to wait for it, and when not to ask.

Every call is about one key (an endpoint's keys are all in one place), ends within its deadline, and is carried out once
at most: what asks here asks again by itself, a tick or a poll later. Whatever goes wrong is `StoreUnavailable`. How a
server is found is a `Locator`'s business.

Not here: what is asked (`store`, and the stores of the packages above), and how a link is made (`connecting`).
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import anyio
from redis.asyncio import Redis
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from routing.address import Place
from routing.breaker import Breaker
from routing.errors import StoreUnavailable

AGAIN_SECONDS: Final = 0.01
"""The pause before asking again while a slot is moved: that takes a few milliseconds, for a few keys."""

MOVING_SHARE: Final = 0.75
"""How much of a call's time is spent on that: with the rest it can still say what it has waited for."""

T = TypeVar("T")
Argument: TypeAlias = str | bytes | int
MakeClient: TypeAlias = Callable[[Place], "Redis"]


class Locator(Protocol):
    """Finds the server that has a key."""

    async def server(self, key: str) -> "Redis":
        """A client of the server that has `key`; may raise what `Redis` raises."""

    def doubt(self) -> None:
        """The server that was found did not answer, or is no longer the right one: look again before the next use."""

    async def aclose(self) -> None:
        """Close every connection."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script, asked for by its hash; sent in full where a server does not know it (any more)."""

    text: str
    sha: str

    async def on(self, redis: "Redis", names: Sequence[str], arguments: Sequence[Argument]) -> Any:  # Any: as returned
        """The script's result on one server."""
        try:
            return await redis.evalsha(self.sha, len(names), *names, *arguments)
        except NoScriptError:
            return await redis.eval(self.text, len(names), *names, *arguments)


def script(text: str) -> Script:
    """A script of this text; its hash is the protocol's name for it and protects nothing."""
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class OneServer:
    """A single server that is always in the same place."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def server(self, key: str) -> "Redis":
        """See `Locator.server`."""
        del key
        return self._redis

    def doubt(self) -> None:
        """There is no other place to look in."""

    async def aclose(self) -> None:
        """See `Locator.aclose`."""
        await self._redis.aclose()


class Link:
    """One process's way to Redis."""

    def __init__(self, locator: Locator) -> None:
        self._locator = locator
        self._breaker = Breaker()
        self._why = ""

    async def run(
        self, key: str, seconds: float, call: Callable[["Redis"], Awaitable[T]], *, insist: bool = False
    ) -> T:
        """`call` on the server that has `key`, within `seconds`, connecting included; raises `StoreUnavailable`.

        `insist` asks a server that has just failed, too: for what an operator must not be refused.
        """
        now = anyio.current_time()
        if not insist and not self._breaker.admits(now):
            raise StoreUnavailable(f"{self._why}; not asked again so soon")
        self._breaker = self._breaker.asked(now)
        try:
            with unavailable_as_error(), anyio.fail_after(seconds):
                result = await self._attempt(key, call)
        except StoreUnavailable as error:
            self._note(error)
            raise
        self._breaker = Breaker()
        return result

    async def _attempt(self, key: str, call: Callable[["Redis"], Awaitable[T]]) -> T:
        """Ask, and again for as long as the key's slot is on its way to another node: nothing has been done then.

        `ASK` is not followed: half of the keys may be on either node, and a script that needs one which exists on
        neither is refused by both until the slot has arrived.
        """
        now = anyio.current_time()
        until_at = now + MOVING_SHARE * (anyio.current_effective_deadline() - now)
        while True:
            try:
                return await self._directed(key, call)
            except (AskError, TryAgainError) as error:
                if anyio.current_time() >= until_at:
                    raise StoreUnavailable("Redis: the Cluster is moving this key's slot to another node") from error
                await anyio.sleep(AGAIN_SECONDS)

    async def _directed(self, key: str, call: Callable[["Redis"], Awaitable[T]]) -> T:
        """Ask; a server that says who has the key instead has done nothing, so the other is asked at once."""
        try:
            return await call(await self._locator.server(key))
        except (MovedError, ReadOnlyError):
            self._locator.doubt()
            return await call(await self._locator.server(key))

    def _note(self, error: StoreUnavailable) -> None:
        cause = error.__cause__
        if isinstance(cause, ResponseError) and not isinstance(cause, _LOST):
            self._breaker = Breaker()  # the server is there, and has said no
            return
        self._locator.doubt()
        self._breaker = self._breaker.failed(anyio.current_time())
        self._why = str(error)

    async def server(self, key: str) -> "Redis":
        """A client of the server that has `key`, for a subscription; bounded by the caller."""
        return await self._locator.server(key)

    def doubt(self) -> None:
        """A subscription was lost: look for the server again."""
        self._locator.doubt()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._locator.aclose()


_LOST: Final = (AskError, ClusterDownError, MovedError, ReadOnlyError, TryAgainError)
"""Refusals that mean: not this server, or not now."""


@contextmanager
def closed_as_error() -> Iterator[None]:
    """A connection that the server has closed, as the error that it is.

    uvloop raises a plain RuntimeError when something is written to it, and the client lets that through: a server that
    refuses and closes at once (protected mode, too many clients) would end the process.
    """
    try:
        yield
    except RuntimeError as error:
        if "handler is closed" not in str(error):
            raise
        raise ConnectionResetError("the server closed the connection") from error


@contextmanager
def unavailable_as_error() -> Iterator[None]:
    """Turns whatever the client, the server or the network raises into `StoreUnavailable`."""
    try:
        with closed_as_error():
            yield
    except TimeoutError as error:
        raise StoreUnavailable("Redis did not answer in time") from error
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"Redis: {error}" if str(error) else f"Redis: {type(error).__name__}") from error
