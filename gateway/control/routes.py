"""What a worker that connects must be told: the last update of each endpoint, and the last rollback.

Pure. An update whose lease has run out is left out: it could only take away a lease that the worker has renewed from
Redis since. Rollbacks are always told.
"""

from collections.abc import Callable, Iterable

from gateway.channel.messages import FromControl, RollBack, RouteUpdate


class Routes:
    """The latest of each kind of message, by endpoint. `clock` is monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._updates: dict[str, RouteUpdate] = {}
        self._latches: dict[str, RollBack] = {}

    def keep(self, message: FromControl) -> None:
        """`message` is the latest of its kind."""
        if isinstance(message, RouteUpdate):
            self._updates[message.endpoint] = message
        else:
            self._latches[message.endpoint] = message

    def messages(self) -> Iterable[FromControl]:
        """The present state, rollbacks first."""
        now = self._clock()
        yield from self._latches.values()
        for update in self._updates.values():
            if update.grant is None or now < update.granted_at + update.lease_ms / 1000:
                yield update
