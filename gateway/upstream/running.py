"""A coroutine without a task: it runs on the callbacks of what it waits for.

A task costs a turn of the loop to begin and one for each time that it goes on. What serves a request waits for one
thing at a time, a client's bytes or a model server's, so whoever brings these goes on with it at once: `Running` does
what a task does, but for that turn.

`Direct` is the future that makes it so: `set_result` itself goes on with the one who waits. Therefore whoever sets it
does so last, when its own state is in order. `waiter` gives one to whoever runs without a task, and a usual future to a
task, so that code which waits does not care.

What needs a task (timeouts of asyncio, locks with a deadline) gets one of its own: awaiting it is awaiting a future.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final, TypeAlias

_next: Final = next
_current_task: Final = asyncio.current_task
_PENDING: Final = 0
_DONE: Final = 1
_CANCELLED: Final = 2


class Direct:
    """A future of one waiter, who goes on within `set_result`."""

    __slots__ = ("_state", "waiting")

    def __init__(self) -> None:
        self.waiting: Running | None = None
        self._state = _PENDING

    def __await__(self) -> Generator["Direct", None, None]:
        """Wait for the result, which is None."""
        if self._state == _PENDING:
            yield self
        if self._state == _CANCELLED:
            raise asyncio.CancelledError

    def done(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self._state != _PENDING

    def set_result(self, result: None, /) -> None:  # noqa: ARG002 - as futures have it
        """What was waited for is there."""
        self._end(_DONE)

    def cancel(self) -> bool:
        """Wait no longer."""
        if self._state != _PENDING:
            return False
        self._end(_CANCELLED)
        return True

    def _end(self, state: int) -> None:
        self._state = state
        waiting, self.waiting = self.waiting, None
        if waiting is not None:
            waiting.go_on()


Awaited: TypeAlias = Direct | asyncio.Future[Any]
"""What a coroutine waits for."""
_ENDED: Final = Direct()
"""In place of what it waits for."""


def waiter(loop: asyncio.AbstractEventLoop) -> Awaited:
    """Something to wait for, as fits whoever waits."""
    return Direct() if _current_task(loop) is None else loop.create_future()


class Running:
    """A coroutine under way. `on_end` hears of its end once: with what it raised, or None."""

    __slots__ = ("_cancelled", "_loop", "_on_end", "_steps", "_waits_for")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Awaited | None, None, None],
        on_end: Callable[[BaseException | None], None],
    ) -> None:
        self._loop = loop
        self._steps = coroutine.__await__()
        self._on_end = on_end
        self._waits_for: Awaited | None = None
        self._cancelled = False

    def go_on(self, _: object = None) -> None:
        """Run until it waits, or ends."""
        self._waits_for = None
        try:
            if self._cancelled:
                self._cancelled = False
                waits_for = self._steps.throw(asyncio.CancelledError())
            else:
                waits_for = _next(self._steps, _ENDED)  # so that an end raises nothing
        except StopIteration:  # thrown into, it ended
            self._on_end(None)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - as a task keeps what its coroutine raises
            self._on_end(error)
        else:
            if waits_for is _ENDED:
                self._on_end(None)
            elif waits_for is None:  # it only lets others run
                self._loop.call_soon(self.go_on)
            else:
                self._waits_for = waits_for
                if isinstance(waits_for, Direct):
                    waits_for.waiting = self
                else:
                    waits_for.add_done_callback(self.go_on)

    def cancel(self) -> None:
        """Have what it waits for raise `CancelledError` in it; the next wait, where it does not wait now."""
        if self._waits_for is None or not self._waits_for.cancel():
            self._cancelled = True
