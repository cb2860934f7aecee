"""Coroutines without tasks: they go on within the call that brings what they wait for, and end in every way once."""

import asyncio
from collections.abc import Awaitable

import pytest

from gateway.upstream.running import Direct, Running, waiter

pytestmark = pytest.mark.anyio


class Ends:
    """What a coroutine said on its way, and what it ended with."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.ends: list[BaseException | None] = []

    async def wait(self, *awaited: Awaitable[None]) -> None:
        """Wait for one after the other, and say so."""
        self.said.append("began")
        for each in awaited:
            try:
                await each
            except asyncio.CancelledError:
                self.said.append("cancelled")
                raise
            self.said.append("went on")

    def run(self, *awaited: Awaitable[None]) -> Running:
        """Run that without a task."""
        running = Running(asyncio.get_running_loop(), self.wait(*awaited), self.ends.append)
        running.go_on()
        return running


async def test_it_goes_on_within_the_call_that_sets_the_result() -> None:
    """No turn of the loop lies between: not at the start, not at any wait, not at the end."""
    first, second, ends = Direct(), Direct(), Ends()
    ends.run(first, second)
    assert (ends.said, ends.ends) == (["began"], [])
    first.set_result(None)
    assert ends.said == ["began", "went on"]
    second.set_result(None)
    assert (ends.said, ends.ends) == (["began", "went on", "went on"], [None])


async def test_what_is_there_already_costs_no_wait() -> None:
    """A result that came before anybody asked is taken as it is."""
    done, ends = Direct(), Ends()
    done.set_result(None)
    ends.run(done)
    assert ends.ends == [None]


async def test_a_cancellation_is_raised_where_it_waits() -> None:
    """At once, and what came of it is told; a second one changes nothing."""
    ends = Ends()
    running = ends.run(Direct())
    running.cancel()
    running.cancel()
    assert ends.said == ["began", "cancelled"]
    assert [type(end) for end in ends.ends] == [asyncio.CancelledError]


async def test_a_cancellation_after_the_result_is_not_lost() -> None:
    """A future of asyncio tells its waiter a turn later: a cancellation in between still ends it."""
    future, ends = asyncio.get_running_loop().create_future(), Ends()
    running = ends.run(future)
    future.set_result(None)
    running.cancel()
    assert ends.said == ["began"]
    while not ends.ends:  # noqa: ASYNC110 - the loop's next turn
        await asyncio.sleep(0)  # noqa: TID251 - lets the loop turn
    assert ends.said == ["began", "cancelled"]


async def test_a_cancellation_reaches_a_task_that_it_waits_for() -> None:
    """As a task passes it on: what is under way for it ends, too."""
    never, ends = asyncio.Event(), Ends()
    task = asyncio.get_running_loop().create_task(Ends().wait(never.wait()))  # type: ignore[arg-type] # True is no None
    running = ends.run(task)
    await asyncio.sleep(0)  # noqa: TID251 - lets the task begin
    running.cancel()
    while not ends.ends:  # noqa: ASYNC110 - the task ends in its own turn
        await asyncio.sleep(0)  # noqa: TID251 - lets the loop turn
    assert task.cancelled()
    assert ends.said == ["began", "cancelled"]


async def test_what_it_raises_is_told() -> None:
    """An error is an end like any other: it reaches whoever started it, not the callback that it ran in."""

    async def fails() -> None:
        raise LookupError

    ends: list[BaseException | None] = []
    Running(asyncio.get_running_loop(), fails(), ends.append).go_on()
    assert [type(end) for end in ends] == [LookupError]


async def test_a_task_waits_on_a_usual_future() -> None:
    """Code that waits does not care who runs it: in a task it gets what tasks can wait for."""
    loop = asyncio.get_running_loop()
    assert isinstance(waiter(loop), asyncio.Future)
    made: list[object] = []
    loop.call_soon(lambda: made.append(waiter(loop)))
    while not made:  # noqa: ASYNC110 - the loop's next turn
        await asyncio.sleep(0)  # noqa: TID251 - lets the loop turn
    assert isinstance(made[0], Direct)
