"""Webhooks: who is told what, that nobody waits for them, and that a deaf one is given up."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from gateway.config.model import Alert
from gateway.control.alerts import QUEUE_EVENTS, Alerts
from rollback.rollout import Holding, Phase, Rollout

pytestmark = pytest.mark.anyio

MakeRollout = Callable[..., Rollout]


@dataclass
class Hook:
    """A webhook's receiver. It answers with these statuses in turn, then with 200."""

    statuses: list[int] = field(default_factory=list)
    got: list[Any] = field(default_factory=list)
    url: str = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.got.append(json.loads(await reader.readexactly(length)))
                status = self.statuses.pop(0) if self.statuses else 200
                writer.write(b"HTTP/1.1 %d x\r\ncontent-length: 0\r\n\r\n" % status)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(*statuses: int) -> AsyncIterator[Hook]:
    """A receiver on a free port."""
    hook = Hook(list(statuses))
    server = await asyncio.start_server(hook.answer, "127.0.0.1", 0)
    hook.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    async with server:
        yield hook


@asynccontextmanager
async def alerting(*alerts: Alert) -> AsyncIterator[Alerts]:
    """Alerts that are being delivered."""
    found = Alerts(alerts, first_pause_seconds=0.05)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(found.run)
        yield found
        tasks.cancel_scope.cancel()


async def until(true: Callable[[], bool]) -> None:
    """Wait for a delivery."""
    with anyio.fail_after(15):
        while not true():  # noqa: ASYNC110  # the receiver is another task without an event
            await anyio.sleep(0.01)


async def test_an_end_is_told_with_its_reason(a_rollout: MakeRollout) -> None:
    """A rollback pages by default; the text is one line for a chat."""
    async with listening() as hook, alerting(Alert(url=hook.url)) as alerts:
        running = a_rollout()
        alerts.transition(running, a_rollout(phase=Phase.ROLLED_BACK, weight_bps=0, reason="refusal +4 pp"))
        await until(lambda: bool(hook.got))
        assert hook.got[0]["event"] == "rolled_back"
        assert hook.got[0]["severity"] == "page"
        assert hook.got[0]["text"] == "chat: new rolled back: refusal +4 pp"


async def test_only_what_was_asked_for_is_told(a_rollout: MakeRollout) -> None:
    """A hook for promotions hears nothing of holds; ordinary holds are told to nobody."""
    async with (
        listening() as promotions,
        listening() as holds,
        alerting(Alert(url=promotions.url, on=("promoted",)), Alert(url=holds.url, on=("holding",))) as alerts,
    ):
        alerts.holding(a_rollout(holding=Holding.BAKE))
        alerts.holding(a_rollout(holding=Holding.NOT_ENOUGH))
        alerts.holding(a_rollout(holding=Holding.BLIND, reason="blind for 5 min"))
        alerts.transition(a_rollout(), a_rollout(phase=Phase.PROMOTED))
        await until(lambda: bool(promotions.got) and bool(holds.got))
        assert [event["event"] for event in promotions.got] == ["promoted"]
        assert [(event["event"], event["severity"]) for event in holds.got] == [("blind", "page")]


async def test_a_failing_hook_is_tried_again(a_rollout: MakeRollout) -> None:
    """One error costs a moment, not the alert."""
    async with listening(500) as hook, alerting(Alert(url=hook.url)) as alerts:
        alerts.transition(None, a_rollout(phase=Phase.PROMOTED))
        await until(lambda: len(hook.got) == 2)
        assert alerts.dropped == 0


async def test_a_hook_that_is_not_there_is_given_up_and_counted(a_rollout: MakeRollout) -> None:
    """Nobody waits for it, and the next alert has its turn."""
    async with listening() as hook, alerting(Alert(url="http://127.0.0.1:1/"), Alert(url=hook.url)) as alerts:
        alerts.transition(None, a_rollout(phase=Phase.PROMOTED))
        await until(lambda: alerts.dropped == 1 and len(hook.got) == 1)


async def test_the_queue_is_bounded(a_rollout: MakeRollout) -> None:
    """A storm of events is cut off, and counted."""
    alerts = Alerts([Alert(url="http://127.0.0.1:1/")])
    for _ in range(QUEUE_EVENTS + 3):
        alerts.transition(None, a_rollout(phase=Phase.PROMOTED))
    assert alerts.dropped == 3
