"""The hand-over to the shadow worker: what is given over, and what is dropped and counted."""

import gzip
import json
import logging
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from gateway.data.draft import Draft, exchange_of
from gateway.data.handover import HandOver
from gateway.data.incoming import Incoming
from gateway.data.sticky import Keyed
from routing.arms import Arm, AssignedBy
from routing.assignment import Assignment
from routing.bucketing import key_hash
from routing.exposure import Generation, Grant, Route
from shadow.exchange import Api, Exchange, Outcome
from tests.gateway.data.harness import ShadowSide, data_plane
from tests.gateway.model_server import answers, model_server, says, whole

pytestmark = pytest.mark.anyio


UNSPEAKABLE = "/v1/\ud800"


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it, for a while."""
    with anyio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - polled with a deadline
            await anyio.sleep(0.005)


async def finished(count: int) -> list[Draft]:
    """Requests as they are when they are over, of a data plane whose shadow worker is away."""
    drafts = list[Draft]()
    async with model_server(says("y")) as server, data_plane(server.base_url) as plane:
        plane.expose(0)
        plane.shadow.stop()
        await plane.connected_to_shadow(connected=False)
        plane.handover.on_drop = drafts.append
        for _ in range(count):
            await plane.ask({"model": "chat"})
    return drafts


def unspeakable(draft: Draft) -> Draft:
    """The same with half a character in its path, which no encoding knows."""
    asked, incoming = draft.asked, draft.asked.incoming
    head = Incoming(incoming.method, UNSPEAKABLE, incoming.query)
    draft.asked = Keyed(head, asked.body, asked.fields, asked.model_span, asked.caller, asked.request_id)
    return draft


GRANT = Grant("chat-7", "v13", "pepper", weight_bps=2_500, stage=4, revision=9, epoch=6, started_at=1_000.0)


def told(draft: Draft, sticky: str | None = "alice") -> Exchange:
    """What is handed over of a draft that has been given a value of its own for every field."""
    draft.route = Route("mail", Generation(3, "v12", 0.0, "ci"), GRANT)
    draft.sticky, draft.began_at, draft.first_byte_at = sticky, 1_100.0, draft.started_at + 0.25
    draft.outcome, draft.failure, draft.status = Outcome.REJECTED, "timeout", 422
    return exchange_of(draft, draft.started_at + 0.5)


async def test_everything_is_handed_over_under_its_own_name() -> None:
    """An exchange is made of values in order, and each of them stands where its name is."""
    drafts = await finished(5)
    for draft in drafts:
        draft.assignment = Assignment(Arm.CANDIDATE, AssignedBy.BUCKET, GRANT)
    asked, now = drafts[0].asked, drafts[0].started_at + 0.5
    plain = told(drafts[0])
    assert plain == Exchange(
        request_body=asked.body,
        answer_body=b"".join(drafts[0].captured),
        request_id=asked.request_id,
        endpoint="mail",
        api=Api.CHAT,
        stream=False,
        rollout="chat-7",
        candidate="v13",
        stable="v12",
        salt="pepper",
        epoch=6,
        stage=4,
        weight_bps=2_500,
        assigned=Arm.CANDIDATE,
        answered=Arm.STABLE,
        pinned=False,
        vote_key=key_hash("pepper", "alice"),
        keyless=False,
        slices=(),
        started_at=1_100.0,
        first_byte_ms=drafts[0].first_byte_ms(),
        duration_ms=(now - drafts[0].started_at) * 1000,
        outcome=Outcome.REJECTED,
        failure="timeout",
        status=422,
        path="/v1/chat/completions",
        headers=tuple(asked.incoming.passed),
        complete=True,
        unit="",
        window=4,
        drawn=True,
        data_class="",
    )
    drafts[1].stream = True
    drafts[2].assignment = Assignment(Arm.CANDIDATE, AssignedBy.PIN, GRANT)
    drafts[3].assignment = Assignment(Arm.CANDIDATE, AssignedBy.RING, GRANT)
    drafts[4].broke = "reset"
    others = [told(drafts[1]), told(drafts[2]), told(drafts[3], None), told(drafts[4])]
    assert [(it.stream, it.pinned, it.drawn, it.keyless, it.complete) for it in others] == [
        (True, False, True, False, True),
        (False, True, False, False, True),
        (False, False, False, True, True),
        (False, False, True, False, False),
    ]


async def test_a_shadow_worker_that_does_not_read_costs_drops_and_nothing_else() -> None:
    """The buffer fills to its bound; from then on exchanges are dropped and counted while requests are served."""
    body = {"model": "chat", "messages": [{"role": "user", "content": "x" * 200_000}]}
    async with (
        model_server(says("y")) as server,
        data_plane(server.base_url, shadow_reads=False, shadow_buffer=1_000_000) as plane,
    ):
        plane.expose(0)
        for _ in range(40):
            assert (await plane.ask(body)).status_code == 200
        assert plane.handover.dropped["full"] > 10
        assert plane.counted("handover_dropped") == plane.handover.dropped["full"]
        assert plane.counted("handover_dropped.0.stable") == plane.handover.dropped["full"]
        assert plane.counted("stable") == 40


async def test_an_answer_that_unpacks_to_more_than_there_is_room_for_is_dropped_and_counted() -> None:
    """How long a frame is shows only when it is made: what is too much then is counted as any other drop."""
    packed = gzip.compress(json.dumps({"choices": "y" * 800_000}).encode())
    headers = ("content-type: application/json", "content-encoding: gzip")
    async with (
        model_server(answers(whole(packed, headers=headers))) as server,
        data_plane(server.base_url, shadow_reads=False, shadow_buffer=1_000_000) as plane,
    ):
        plane.expose(0)
        for _ in range(4):
            assert (await plane.ask({"model": "chat"})).status_code == 200
        plane.handover.flush()
        assert (plane.handover.sent, plane.handover.dropped["full"]) == (1, 3)
        assert plane.counted("handover_dropped.0.stable") == 3


async def test_a_stop_waits_until_the_shadow_worker_has_taken_everything() -> None:
    """What is more than the sockets hold is still here when a worker ends: it is given over first, every byte of it."""
    body = {"model": "chat", "messages": [{"role": "user", "content": "x" * 1_000_000}]}
    async with model_server(says("y")) as server, data_plane(server.base_url, shadow_reads=False) as plane:
        plane.expose(0)
        for _ in range(3):
            assert (await plane.ask(body)).status_code == 200
        drained = anyio.Event()

        async def drain() -> None:
            await plane.handover.drain(10.0)
            drained.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(drain)
            await anyio.wait_all_tasks_blocked()
            assert not drained.is_set()
            plane.shadow.reads_on.set()
            exchanges = await plane.handed_over(3)
        assert drained.is_set()
    assert [len(exchange.request_body) > 1_000_000 for exchange in exchanges] == [True] * 3


async def test_a_shadow_worker_that_restarts_is_found_again() -> None:
    """While it is away exchanges are dropped and counted; afterwards they arrive."""
    async with model_server(says("y")) as server, data_plane(server.base_url) as plane:
        plane.expose(0)
        plane.shadow.stop()
        await plane.connected_to_shadow(connected=False)
        await plane.ask({"model": "chat"})
        assert plane.handover.dropped["away"] == 1
        await plane.shadow.start()
        await plane.connected_to_shadow()
        await plane.ask({"model": "chat"})
        assert len(await plane.handed_over(1)) == 1


async def test_an_exchange_too_long_for_a_frame_leaves_its_bodies_behind() -> None:
    """What happened is still handed over: only the bytes are missing, and it says so."""
    async with model_server(says("y")) as server, data_plane(server.base_url) as plane:
        plane.expose(0)
        await plane.ask({"model": "chat", "x": "y" * 9_000_000})
        exchange = (await plane.handed_over(1))[0]
    assert (exchange.request_body, exchange.answer_body, exchange.complete) == (b"", b"", False)


async def test_a_request_that_cannot_be_said_in_a_frame_costs_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of those that are handed over together it alone is dropped and counted, and the log says so without its words."""
    drafts = await finished(5)
    drafts[1], drafts[3] = unspeakable(drafts[1]), unspeakable(drafts[3])
    handover, dropped, exchanges = HandOver(tmp_path / "s", gather_seconds=60.0), list[Draft](), list[Exchange]()
    handover.on_drop = dropped.append
    shadow = ShadowSide(tmp_path / "s", exchanges)
    await shadow.start()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(handover.run)
        await until(lambda: handover.connected)
        for draft in drafts:
            handover.offer(draft, draft.started_at + 1.0)
        with caplog.at_level(logging.ERROR):
            handover.flush()
        await until(lambda: len(exchanges) == 3)
        tasks.cancel_scope.cancel()
    shadow.stop()
    assert [exchange.request_id for exchange in exchanges] == [drafts[at].asked.request_id for at in (0, 2, 4)]
    assert (handover.sent, handover.dropped, dropped) == (3, {"error": 2}, [drafts[1], drafts[3]])
    said = [record.message.partition(":")[0] for record in caplog.records if record.name == "gateway.data.handover"]
    assert said == ["a request of chat cannot be handed over, and is not compared"]
    assert UNSPEAKABLE not in caplog.text


async def test_requests_that_were_gathered_for_a_worker_that_left_are_dropped_and_counted(tmp_path: Path) -> None:
    """The moment it is gone, so that nothing is kept for who may never come again; and serving goes on."""
    drafts = await finished(3)
    handover, dropped = HandOver(tmp_path / "s", gather_seconds=60.0), list[Draft]()
    handover.on_drop = dropped.append
    shadow = ShadowSide(tmp_path / "s", [])
    await shadow.start()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(handover.run)
        await until(lambda: handover.connected and shadow.connected)
        for draft in drafts:
            handover.offer(draft, draft.started_at + 1.0)
        assert (handover.sent, handover.dropped) == (0, {})
        shadow.stop()
        await until(lambda: not handover.connected)
        tasks.cancel_scope.cancel()
    assert (handover.sent, handover.dropped, dropped) == (0, {"away": 3}, drafts)
