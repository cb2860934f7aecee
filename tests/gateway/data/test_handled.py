"""What a coroutine handles is its own: whoever runs while it waits sees nothing of it.

Python sees to that by itself. What is compiled keeps the exception that is being handled per thread, so a coroutine
that waited within an `except` or a `finally` would leave it to whoever runs next: an upload failed once with the error
of the hand-over. `tests/test_architecture.py` forbids such places; here they would be seen, where CI runs these tests
on the compiled data path.
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeAlias

import anyio
import anyio.lowlevel
import httpx
import pytest

from gateway.data.handover import HandOver
from tests.gateway.data.harness import DataPlane, ShadowSide, data_plane
from tests.gateway.model_server import (
    STREAM_HEAD,
    Script,
    answers,
    breaks_after,
    chunk,
    event,
    hangs,
    hangs_after,
    model_server,
    says,
    whole,
)

pytestmark = pytest.mark.anyio

Does: TypeAlias = Callable[[DataPlane], Awaitable[None]]

PASSED: Final = "passthrough: {/v1/files: chat}"
ASKED: Final = {"model": "chat", "messages": [{"role": "user", "content": "hi"}], "stream": True}
FILE: Final = b"x" * 300_000


@asynccontextmanager
async def handled_by_nobody() -> AsyncIterator[None]:
    """Look in each turn of the loop whether an exception is being handled: by whom, if only this runs?"""
    seen: set[str] = set()

    async def look() -> None:
        while True:
            await anyio.lowlevel.checkpoint()
            left = sys.exc_info()[1]
            if left is not None:
                seen.add(repr(left))

    async with anyio.create_task_group() as looking:
        looking.start_soon(look)
        yield
        looking.cancel_scope.cancel()
    assert not seen


async def asks(plane: DataPlane) -> None:
    """One request, answered in whichever way."""
    await plane.ask(ASKED)


async def uploads(plane: DataPlane) -> None:
    """One upload, answered in whichever way."""
    async with httpx.AsyncClient(base_url=plane.url, trust_env=False, timeout=10) as client:
        await client.post("/v1/files", content=FILE)


async def leaves(plane: DataPlane) -> None:
    """One request whose client does not wait for the end."""
    with anyio.move_on_after(0.1):
        await plane.ask(ASKED)


BEGINS: Final = STREAM_HEAD + chunk(event("x"))
FAILING: Final[dict[str, tuple[Script, Does]]] = {
    "refused": (answers(whole(b"{}", "500 Internal Server Error")), asks),
    "no HTTP": (answers(b"garbage\r\n\r\n"), asks),
    "cut before the head": (breaks_after(b""), asks),
    "cut in the midst": (breaks_after(BEGINS), asks),
    "left before the head": (hangs(), leaves),
    "left in the midst": (hangs_after(BEGINS), leaves),
    "upload cut": (breaks_after(b""), uploads),
}
"""By what goes wrong: what the candidate does (and stable, where it is an upload), and what the client does."""


@pytest.mark.parametrize("fault", FAILING)
async def test_a_request_that_fails_leaves_its_exception_to_nobody(fault: str) -> None:
    """Whatever is caught on its way is gone when others run; again and again, since connections are used again."""
    script, does = FAILING[fault]
    async with (
        model_server(script if does is uploads else says("hello")) as stable,
        model_server(script) as candidate,
        data_plane(stable.base_url, candidate.base_url, more=PASSED) as plane,
    ):
        plane.expose(10_000)
        async with handled_by_nobody():
            for _ in range(3):
                await does(plane)


async def test_a_hand_over_that_is_refused_keeps_that_to_itself(tmp_path: Path) -> None:
    """While it waits to connect again, and when it is connected at last."""
    handover, shadow = HandOver(tmp_path / "shadow.sock"), ShadowSide(tmp_path / "shadow.sock", [])
    async with handled_by_nobody(), anyio.create_task_group() as tasks:
        tasks.start_soon(handover.run)
        for _ in range(10):
            await anyio.lowlevel.checkpoint()  # refused at once: there is no such socket yet
        await shadow.start()
        with anyio.fail_after(5):
            while not (handover.connected and shadow.connected):  # noqa: ASYNC110 - polled with a deadline
                await anyio.sleep(0.005)
        tasks.cancel_scope.cancel()
    shadow.stop()


async def test_an_upload_succeeds_while_the_shadow_worker_is_away() -> None:
    """The hand-over is refused again and again, and each upload ends with its own answer."""
    async with model_server(answers(whole(b"{}"))) as stable, data_plane(stable.base_url, more=PASSED) as plane:
        plane.shadow.stop()
        await plane.connected_to_shadow(connected=False)
        async with httpx.AsyncClient(base_url=plane.url, trust_env=False, timeout=10) as client:
            for _ in range(20):
                assert (await client.post("/v1/files", content=FILE)).status_code == 200
