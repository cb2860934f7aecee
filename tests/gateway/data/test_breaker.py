"""A candidate whose server keeps failing, as the application sees it: not at all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.upstream.breaker import FAILURES
from loadtest.rig.ports import free_port
from shadow.exchange import Outcome
from tests.gateway.data.harness import DataPlane, data_plane
from tests.gateway.model_server import (
    STREAM_HEAD,
    ModelServer,
    Script,
    answers,
    breaks_after,
    chunk,
    event,
    model_server,
    says,
    whole,
)

pytestmark = pytest.mark.anyio

QUESTION = {"model": "chat", "messages": [{"role": "user", "content": "hello"}]}


@asynccontextmanager
async def exposed(stable: Script, candidate: Script) -> AsyncIterator[tuple[DataPlane, ModelServer, ModelServer]]:
    """A data plane that gives every request to the candidate."""
    async with (
        model_server(stable) as old,
        model_server(candidate) as new,
        data_plane(old.base_url, new.base_url) as plane,
    ):
        plane.expose(10_000)
        yield plane, old, new


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (answers(whole(b'{"error":{}}', "401 Unauthorized")), "status_401"),
        (answers(whole(b"", "500 Internal Server Error")), "status_500"),
        (breaks_after(b""), "reset"),
        (answers(whole(b'{"error":{"message":"no"}}')), "error_body"),
    ],
    ids=["wrong key", "500", "reset", "error with status 200"],
)
async def test_a_candidate_that_keeps_failing_is_spared_and_still_to_blame(script: Script, reason: str) -> None:
    """After a row of failures it is not even asked; each request is stable's answer and the candidate's failure."""
    async with exposed(says("stable"), script) as (plane, _, candidate):
        reasons = []
        for _ in range(FAILURES + 3):
            answer = await plane.ask(QUESTION)
            assert (answer.status_code, answer.headers["x-driftgate-arm"]) == (200, "stable")
            reasons.append(answer.headers["x-driftgate-fallback"])
        assert reasons[:FAILURES] == [reason] * FAILURES
        assert set(reasons[FAILURES:]) <= {"breaker_open", reason}  # on a slow machine a trial may be due
        assert len(candidate.asked) == reasons.count(reason) < len(reasons)
        assert plane.counted("hard_failure.candidate") == FAILURES + 3
        failures = [exchange.failure for exchange in await plane.handed_over(FAILURES + 3)]
        assert failures == reasons


async def test_pinned_requests_that_fail_keep_nobody_from_the_candidate() -> None:
    """Who may pin tries things out. An open breaker would count as everybody's failures, and roll the rollout back."""
    async with exposed(says("stable"), answers(whole(b"", "500 Internal Server Error"))) as (plane, _, candidate):
        for _ in range(FAILURES + 1):
            pinned = await plane.ask(QUESTION, x_driftgate_arm="candidate")
            assert pinned.headers["x-driftgate-fallback"] == "status_500"
        assert len(candidate.asked) == FAILURES + 1
        assert (await plane.ask(QUESTION)).headers["x-driftgate-fallback"] == "status_500", "asked like any other"


async def test_a_candidate_that_is_not_there_is_not_tried_for_ever() -> None:
    """The same for a refused connection."""
    nobody = f"http://127.0.0.1:{free_port()}/v1"
    async with model_server(says("stable")) as stable, data_plane(stable.base_url, nobody) as plane:
        plane.expose(10_000)
        reasons = [(await plane.ask(QUESTION)).headers["x-driftgate-fallback"] for _ in range(FAILURES + 1)]
        assert reasons == ["refused"] * FAILURES + ["breaker_open"]


async def test_a_client_with_bad_requests_takes_no_candidate_away() -> None:
    """What stable rejects as well is the request's own fault: the next good request is asked as ever."""
    rejects = answers(whole(b'{"error":{}}', "400 Bad Request"))
    async with exposed(rejects, rejects) as (plane, _, candidate):
        for _ in range(2 * FAILURES):
            assert (await plane.ask(QUESTION)).status_code == 400
        assert len(candidate.asked) == 2 * FAILURES
        assert plane.counted("hard_failure.candidate") == 0


async def test_a_candidate_whose_streams_break_is_left_alone() -> None:
    """Each stream begins well; that it breaks is a failure all the same."""
    breaking = breaks_after(STREAM_HEAD + chunk(event("half")))
    async with exposed(says("stable"), breaking) as (plane, *_):
        for _ in range(FAILURES):
            answer = await plane.ask({**QUESTION, "stream": True})
            assert b'"error"' in answer.content
        answer = await plane.ask({**QUESTION, "stream": True})
        assert answer.headers["x-driftgate-fallback"] == "breaker_open"
        exchanges = await plane.handed_over(FAILURES + 1)
        assert [exchange.outcome for exchange in exchanges] == [Outcome.FAILED] * FAILURES + [Outcome.COMPLETED]


async def test_stable_is_asked_however_it_failed() -> None:
    """There is nobody else: the application sees stable's failures, one by one, and its recovery at once."""
    failing = True

    async def script(asked: object, line: object) -> None:
        await (breaks_after(b"") if failing else says("back"))(asked, line)  # type: ignore[arg-type] # passed on

    async with model_server(script) as stable, data_plane(stable.base_url) as plane:
        for _ in range(2 * FAILURES):
            assert (await plane.ask(QUESTION)).status_code == 502
        failing = False
        assert (await plane.ask(QUESTION)).status_code == 200
        assert len(stable.asked) == 2 * FAILURES + 1
