"""Webhooks: who is told what, that nobody waits for them, and that a deaf one is given up."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from gateway.config.model import Alert
from gateway.control import telling
from gateway.control.alerts import QUEUE_EVENTS, Alerts
from rollback.rollout import Holding, Phase, Rollout

pytestmark = pytest.mark.anyio

MakeRollout = Callable[..., Rollout]


@dataclass
class Hook:
    """A webhook's receiver. It answers with these statuses in turn, then with 200."""

    statuses: list[int] = field(default_factory=list)
    got: list[Any] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.bodies.append(await reader.readexactly(length))
                self.got.append(json.loads(self.bodies[-1]))
                fields = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
                self.heads.append({name.lower(): value for name, _, value in fields})
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
    found = Alerts(alerts, "http://127.0.0.1:8081", first_pause_seconds=0.02)
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
        assert hook.got[0]["title"] == "chat: new rolled back"
        assert hook.got[0]["text"].splitlines() == [
            "chat: new rolled back: refusal +4 pp",
            "safe to sleep; next: nothing: all traffic is on old, and the rollout has ended",
            "act: driftgate explain chat",
            "see: http://127.0.0.1:8081/endpoints/chat",
        ]


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
        assert hook.got[0]["id"] == hook.got[1]["id"] == hook.heads[1]["idempotency-key"]


async def test_a_hook_that_says_no_is_not_asked_again(a_rollout: MakeRollout) -> None:
    """A wrong address or key is no better a second later; it is counted, and the next alert has its turn."""
    async with listening(403) as hook, alerting(Alert(url=hook.url)) as alerts:
        alerts.transition(None, a_rollout(phase=Phase.PROMOTED))
        alerts.transition(None, a_rollout(id="chat-2", phase=Phase.PROMOTED))
        await until(lambda: len(hook.got) == 2)
        assert [event["rollout"] for event in hook.got] == [a_rollout().id, "chat-2"]
        assert alerts.dropped == 1


async def test_a_signed_hook_can_be_checked(a_rollout: MakeRollout) -> None:
    """The signature is over the time and the very bytes, by the shared secret."""
    secret = "a secret of sixteen or more"
    async with listening() as hook, alerting(Alert(url=hook.url, secret=secret)) as alerts:
        alerts.transition(None, a_rollout(phase=Phase.PROMOTED))
        await until(lambda: bool(hook.got))
        at = hook.heads[0]["x-driftgate-signature"].partition(",")[0].removeprefix("t=")
        expected = hmac.digest(secret.encode(), at.encode() + b"." + hook.bodies[0], hashlib.sha256).hex()
        assert hook.heads[0]["x-driftgate-signature"] == f"t={at},v1={expected}"


async def test_a_hold_that_comes_and_goes_is_told_once(a_rollout: MakeRollout) -> None:
    """For one stage; the next stage is another story, and so is another hold."""
    async with listening() as hook, alerting(Alert(url=hook.url)) as alerts:
        for _ in range(3):
            alerts.holding(a_rollout(holding=Holding.MISMATCH))
            alerts.holding(a_rollout(holding=Holding.NOT_ENOUGH))
        alerts.holding(a_rollout(holding=Holding.MISMATCH, stage=2))
        alerts.transition(None, a_rollout(phase=Phase.PROMOTED))
        await until(lambda: bool(hook.got) and hook.got[-1]["event"] == "promoted")
        assert [event["event"] for event in hook.got] == ["holding", "holding", "promoted"]


async def test_a_deaf_hook_delays_no_other(a_rollout: MakeRollout) -> None:
    """Each outlet has a queue and a task of its own."""
    async with listening(*[500] * 1000) as deaf, listening() as hook:
        outlets = Alerts([Alert(url=deaf.url), Alert(url=hook.url)], "http://x", first_pause_seconds=60.0)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(outlets.run)
            outlets.transition(None, a_rollout(phase=Phase.PROMOTED))
            outlets.transition(None, a_rollout(id="chat-2", phase=Phase.PROMOTED))
            await until(lambda: len(hook.got) == 2)
            tasks.cancel_scope.cancel()


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # one of apprise's own plugins asks
async def test_apprise_tells_the_same(a_rollout: MakeRollout) -> None:
    """Through one of its own plugins, to a real receiver."""
    async with listening() as hook:
        target = hook.url.replace("http://", "json://")
        async with alerting(Alert(apprise=target)) as alerts:
            alerts.transition(a_rollout(), a_rollout(phase=Phase.ROLLED_BACK, weight_bps=0, reason="refusal +4 pp"))
            await until(lambda: bool(hook.got))
            assert hook.got[0]["title"] == "[page] chat: new rolled back"
            assert "safe to sleep" in hook.got[0]["message"]
            assert hook.got[0]["type"] == "failure"


@pytest.mark.parametrize(
    ("holding", "weight_bps", "sleep", "command"),
    [
        (Holding.APPROVAL, 1000, True, "driftgate approve chat"),
        (Holding.BLIND, 1000, False, "driftgate rollback chat --reason TEXT"),
        (Holding.BLIND, 0, True, "driftgate rollback chat --reason TEXT"),
        (Holding.STABLE_FAILING, 0, False, "driftgate doctor"),
        (Holding.BURN, 1000, True, "driftgate status chat"),
    ],
)
def test_an_alert_says_whether_one_may_sleep(
    a_rollout: MakeRollout, holding: Holding, weight_bps: int, sleep: bool, command: str
) -> None:
    """Users that are not exposed to the candidate are no reason to get up; stable's own trouble always is."""
    told = telling.advice(a_rollout(holding=holding, weight_bps=weight_bps))
    assert (told.safe_to_sleep, told.command) == (sleep, command)
    assert told.next


async def test_a_lost_redis_is_told_once_and_only_when_it_stays_lost(a_rollout: MakeRollout) -> None:
    """A restart wakes nobody; exposure has ended by itself, so that one may sleep."""
    now = [0.0]
    async with listening() as hook, anyio.create_task_group() as tasks:
        alerts = Alerts([Alert(url=hook.url)], "http://x", steady=lambda: now[0])
        tasks.start_soon(alerts.run)
        for fault, at in (("gone", 0.0), ("gone", 14.0), ("", 15.0), ("gone", 16.0), ("gone", 31.0), ("gone", 60.0)):
            now[0] = at
            alerts.blind(telling.store_lost(fault) if fault else None, [a_rollout()])
        alerts.transition(None, a_rollout(phase=Phase.PROMOTED))
        await until(lambda: len(hook.got) == 2)
        assert [event["event"] for event in hook.got] == ["blind", "promoted"]
        assert hook.got[0]["severity"] == "page"
        assert (hook.got[0]["safe_to_sleep"], hook.got[0]["command"]) == (True, "driftgate doctor")
        assert "Redis is lost (gone)" in hook.got[0]["reason"]
        tasks.cancel_scope.cancel()


async def test_a_journal_that_stays_unwritable_is_told_like_a_lost_redis(a_rollout: MakeRollout) -> None:
    """Nothing is judged meanwhile, and the disk is what somebody must look at."""
    now = [0.0]
    async with listening() as hook, anyio.create_task_group() as tasks:
        alerts = Alerts([Alert(url=hook.url)], "http://x", steady=lambda: now[0])
        tasks.start_soon(alerts.run)
        for now[0] in (0.0, 16.0, 40.0):
            alerts.blind(telling.journal_lost("the journal x cannot be written: No space left"), [a_rollout()])
        await until(lambda: len(hook.got) == 1)
        assert hook.got[0]["reason"] == "the journal x cannot be written: No space left: nothing is judged"
        assert "the disk has room" in hook.got[0]["next"]
        tasks.cancel_scope.cancel()


def test_every_hold_is_either_told_or_was_asked_for() -> None:
    """A new reason for holding must be put on one side."""
    silent = {holding for holding in Holding if not telling.is_told(holding)}
    assert silent == {Holding.PAUSED, Holding.FROZEN, Holding.OUTSIDE_HOURS, Holding.NOT_ENOUGH, Holding.BAKE}


async def test_a_hook_that_is_not_there_is_given_up_and_counted(a_rollout: MakeRollout) -> None:
    """Nobody waits for it, and the next alert has its turn."""
    async with listening() as hook, alerting(Alert(url="http://127.0.0.1:1/"), Alert(url=hook.url)) as alerts:
        alerts.transition(None, a_rollout(phase=Phase.PROMOTED))
        await until(lambda: alerts.dropped == 1 and len(hook.got) == 1)


async def test_the_queue_is_bounded(a_rollout: MakeRollout) -> None:
    """A storm of events is cut off, and counted."""
    alerts = Alerts([Alert(url="http://127.0.0.1:1/")], "http://x")
    for number in range(QUEUE_EVENTS + 3):
        alerts.transition(None, a_rollout(id=f"chat-{number}", phase=Phase.PROMOTED))
    assert alerts.dropped == 3
