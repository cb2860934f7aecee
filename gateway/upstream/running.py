"""A coroutine without a task: it runs on the callbacks of what it waits for.

A task costs a turn of the loop to begin and one for each time that it goes on. What serves a request waits for one
thing at a time, a client's bytes or a model server's, so whoever brings these goes on with it at once: `Running` does
what a task does, but for that turn.

`Direct` is the future that makes it so: its one callback is called by `set_result` itself. Therefore whoever sets it
does so last, when its own state is in order. `waiter` gives one to whoever runs without a task, and a usual future to a
task, so that code which waits does not care.

What needs a task (timeouts of asyncio, locks with a deadline) gets one of its own: awaiting it is awaiting a future.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final, Protocol


class Awaited(Protocol):
    """What a coroutine waits for: a future of asyncio, or a `Direct`."""

    def add_done_callback(self, callback: Callable[[Any], object], /) -> None:
        """Call it once there is a result."""

    def cancel(self) -> bool:
        """Wait no longer; False where the result is there already."""


_PENDING: Final = 0
_DONE: Final = 1
_CANCELLED: Final = 2


class Direct:
    """A future of one waiter, who goes on within `set_result`."""

    __slots__ = ("_callback", "_state")

    def __init__(self) -> None:
        self._callback: Callable[[Any], object] | None = None
        self._state = _PENDING

    def __await__(self) -> Generator["Direct", None, None]:
        """Wait for the result, which is None."""
        if self._state == _PENDING:
            yield self
        if self._state == _CANCELLED:
            raise asyncio.CancelledError

    def add_done_callback(self, callback: Callable[[Any], object], /) -> None:
        """Call it with the result."""
        self._callback = callback

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
        callback, self._callback = self._callback, None
        if callback is not None:
            callback(self)


def waiter(loop: asyncio.AbstractEventLoop) -> "Direct | asyncio.Future[None]":
    """Something to wait for, as fits whoever waits."""
    return Direct() if asyncio.current_task(loop) is None else loop.create_future()


class Running:
    """A coroutine under way. `on_end` hears of its end once: with what it raised, or None."""

    __slots__ = ("_cancelled", "_coroutine", "_loop", "_on_end", "_waits_for")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Awaited | None, None, None],
        on_end: Callable[[BaseException | None], None],
    ) -> None:
        self._loop = loop
        self._coroutine = coroutine
        self._on_end = on_end
        self._waits_for: Awaited | None = None
        self._cancelled = False

    def go_on(self, _: object = None) -> None:
        """Run until it waits, or ends."""
        self._waits_for = None
        try:
            if self._cancelled:
                self._cancelled = False
                waits_for = self._coroutine.throw(asyncio.CancelledError())
            else:
                waits_for = self._coroutine.send(None)
        except StopIteration:
            self._on_end(None)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - as a task keeps what its coroutine raises
            self._on_end(error)
        else:
            if waits_for is None:  # it only lets others run
                self._loop.call_soon(self.go_on)
            else:
                self._waits_for = waits_for
                waits_for.add_done_callback(self.go_on)

    def cancel(self) -> None:
        """Have what it waits for raise `CancelledError` in it; the next wait, where it does not wait now."""
        if self._waits_for is None or not self._waits_for.cancel():
            self._cancelled = True
