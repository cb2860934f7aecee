"""One child kept alive: what keeps it from being started again is told once, and waited for."""

import resource
import sys
from pathlib import Path

import anyio
import pytest

from gateway import valkey
from gateway.supervisor.keeper import ChildSpec, Keeper

pytestmark = pytest.mark.anyio

READY_AND_GONE = (sys.executable, "-c", "import os, sys; os.write(int(sys.argv[1]), b'1')")


async def test_a_child_that_would_only_end_again_is_not_started(caplog: pytest.LogCaptureFixture) -> None:
    """It is started once, then not while there is an obstacle; a stop does not wait for that."""
    asked = anyio.Event()

    def obstacle() -> str:
        anyio.from_thread.run_sync(asked.set)
        return "the disk is full"

    keeper = Keeper(ChildSpec("child", READY_AND_GONE, obstacle=obstacle))
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keeper.run)
            await asked.wait()
            assert keeper.starts == 1
            await keeper.stop(5.0, anyio.Event())
    assert caplog.text.count("child is not started again yet: the disk is full") == 1


async def test_a_child_is_started_again_when_the_obstacle_is_gone() -> None:
    """The disk has room again, and nobody has to do anything."""
    answers = ["the disk is full", ""]

    def obstacle() -> str:
        return answers.pop(0) if answers else ""

    keeper = Keeper(ChildSpec("child", READY_AND_GONE, obstacle=obstacle))
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keeper.run)
            while keeper.starts < 2:  # noqa: ASYNC110 - there is no event
                await anyio.sleep(0.02)
            await keeper.stop(5.0, anyio.Event())
    assert not answers


async def test_a_command_that_cannot_be_run_is_given_up_and_not_raised(caplog: pytest.LogCaptureFixture) -> None:
    """No descriptor, no process left, no such file: the supervisor and its other children go on."""
    keeper = Keeper(ChildSpec("child", ("/nowhere/to/be/found",)))
    with anyio.fail_after(20):
        await keeper.run()
    assert keeper.gave_up.is_set()
    assert "child cannot be started: No such file or directory" in caplog.text


def test_what_keeps_valkey_from_writing_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands for a disk without room."""
    directory = tmp_path / "valkey"
    directory.mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (valkey.ROOM_BYTES // 2, hard))
    try:
        assert "cannot be written (File too large)" in valkey.obstacle(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert valkey.obstacle(tmp_path) == ""
    assert not list(directory.iterdir())
