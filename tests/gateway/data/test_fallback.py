"""Candidate trouble never reaches the application, and is counted where it belongs."""

import anyio
import httpx
import pytest

from gateway.data.firstbyte import ENOUGH, LEAST_SECONDS
from loadtest.rig.ports import free_port
from routing.arms import Arm
from shadow.exchange import Api, Outcome
from shadow.windows import UNKNOWN, window_of
from tests.gateway.data.harness import DataPlane, data_plane
from tests.gateway.model_server import (
    DONE,
    LAST_CHUNK,
    STREAM_HEAD,
    Asked,
    Line,
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
from tests.gateway.packing import PACKS, flushed

pytestmark = pytest.mark.anyio

ASK = {"model": "chat", "messages": [{"role": "user", "content": "hi"}], "user": "ann"}
EVENT_ERROR = STREAM_HEAD + chunk(b'data: {"error": {"message": "out of memory", "code": 500}}\n\n') + LAST_CHUNK
ERROR = b'{"error": {"message": "boom"}}'
LATE_ERROR = STREAM_HEAD + chunk(b": ping\n\n") + chunk(b'data: {"error": {"message": "no"}}\n\n' + DONE) + LAST_CHUNK


def packed_head(coding: str) -> bytes:
    """Of a compressed stream."""
    return STREAM_HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: %b\r\n\r\n" % coding.encode())


def packed_error(coding: str) -> bytes:
    """A whole answer that is an error, compressed."""
    return whole(PACKS[coding](ERROR), headers=("content-type: application/json", f"content-encoding: {coding}"))


def packed_event_error(coding: str) -> bytes:
    """The same as a stream's first event."""
    return packed_head(coding) + chunk(PACKS[coding](b"data: " + ERROR + b"\n\n")) + LAST_CHUNK


TROUBLE: list[tuple[Script, str]] = [
    (answers(whole(b"{}", "404 Not Found")), "status_404"),
    (answers(whole(b"{}", "401 Unauthorized")), "status_401"),
    (answers(whole(b"{}", "429 Too Many Requests")), "status_429"),
    (answers(whole(b"{}", "503 Service Unavailable")), "status_503"),
    (answers(whole(b"", "302 Found", ("location: http://elsewhere/",))), "status_302"),
    (answers(whole(ERROR)), "error_body"),
    (answers(whole(b"")), "empty"),
    *((answers(packed_error(coding)), "error_body") for coding in ("gzip", "br", "zstd")),
    (answers(EVENT_ERROR), "stream_error"),
    *((answers(packed_event_error(coding)), "stream_error") for coding in ("gzip", "br", "zstd")),
    (answers(LATE_ERROR), "stream_error"),
    (answers(STREAM_HEAD + chunk(b'event: error\ndata: {"type":"error"}\n\n') + LAST_CHUNK), "stream_error"),
    (answers(STREAM_HEAD + LAST_CHUNK), "empty"),
    (breaks_after(b""), "reset"),
    (breaks_after(STREAM_HEAD), "reset"),
    (breaks_after(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"), "reset"),
    (answers(b"garbage\r\n\r\n"), "malformed"),
    (hangs(), "timeout"),
    (hangs_after(STREAM_HEAD), "timeout"),
    (hangs_after(STREAM_HEAD + chunk(b": ping\n\n")), "stalled"),
]


@pytest.mark.parametrize(("script", "reason"), TROUBLE, ids=[f"{n}-{reason}" for n, (_, reason) in enumerate(TROUBLE)])
@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
async def test_whatever_the_candidate_does_stable_answers(script: Script, reason: str, stream: bool) -> None:
    """The client gets stable's 200 with the reason in a header; the failure counts against the candidate."""
    limits = "limits: {first_byte: 300ms, idle: 300ms}"
    async with (
        model_server(says("from stable")) as old,
        model_server(script) as new,
        data_plane(old.base_url, new.base_url, more=limits) as plane,
    ):
        plane.expose(10_000)
        answer = await plane.ask(ASK | {"stream": stream})
        assert answer.status_code == 200
        assert b"from" in answer.content
        assert b"error" not in answer.content
        assert answer.headers["x-driftgate-arm"] == "stable"
        assert answer.headers["x-driftgate-fallback"] == reason
        assert answer.headers["x-driftgate-rollout"] == "r1"
        assert len(new.asked) == len(old.asked) == 1
        assert new.asked[0].header("authorization") == "Bearer sk-new"
        names = ("assigned.candidate", "fallback", "stable", "hard_failure.candidate", "candidate", "assigned.stable")
        assert [plane.counted(name) for name in names] == [1, 1, 1, 1, 0, 0]
        exchange = (await plane.handed_over(1))[0]
        assert (exchange.assigned, exchange.answered) == (Arm.CANDIDATE, Arm.STABLE)
        assert (exchange.failure, exchange.outcome) == (reason, Outcome.COMPLETED)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "compress"])
async def test_a_compressed_stream_of_the_candidate_begins_as_soon_as_it_says_something(encoding: str) -> None:
    """Whether that is an error is read in its coding; what cannot be read is an answer. Nothing waits for more."""
    first, *rest = flushed(encoding if encoding in PACKS else "gzip", event("one"), event("two") + DONE)
    second = b"".join(rest)
    read = anyio.Event()

    async def says_one_by_one(asked: Asked, line: Line) -> None:
        await line.send(packed_head(encoding) + chunk(first))
        await read.wait()
        await line.send(chunk(second) + LAST_CHUNK)

    async with (
        model_server(says("from stable")) as old,
        model_server(says_one_by_one) as new,
        data_plane(old.base_url, new.base_url) as plane,
        httpx.AsyncClient(base_url=plane.url, trust_env=False, timeout=10) as client,
    ):
        plane.expose(10_000)
        got = b""
        async with client.stream("POST", "/v1/chat/completions", json=ASK | {"stream": True}) as answer:
            async for piece in answer.aiter_raw():
                got += piece
                read.set()
        assert (answer.headers["x-driftgate-arm"], answer.headers["content-encoding"]) == ("candidate", encoding)
        assert got == first + second


async def test_a_candidate_that_is_not_there_costs_the_client_nothing() -> None:
    """Nobody listens at the candidate's address."""
    async with (
        model_server(says("from stable")) as old,
        data_plane(old.base_url, f"http://127.0.0.1:{free_port()}/v1") as plane,
    ):
        plane.expose(10_000)
        answer = await plane.ask(ASK)
    assert (answer.status_code, answer.headers["x-driftgate-fallback"]) == (200, "refused")


@pytest.mark.parametrize(
    ("candidate", "stable", "harm"),
    [
        ("400 Bad Request", "400 Bad Request", 0),
        ("422 Unprocessable Entity", "400 Bad Request", 0),
        ("404 Not Found", "500 Internal Server Error", 1),
        ("500 Internal Server Error", "400 Bad Request", 1),
        ("503 Service Unavailable", "500 Internal Server Error", 0),
    ],
)
async def test_what_both_arms_reject_is_the_requests_fault(candidate: str, stable: str, harm: int) -> None:
    """Stable's own error is returned; it is harm only where stable was better than the candidate."""
    async with (
        model_server(answers(whole(b'{"error":{"message":"stable says no"}}', stable))) as old,
        model_server(answers(whole(b'{"error":{"message":"candidate says no"}}', candidate))) as new,
        data_plane(old.base_url, new.base_url) as plane,
    ):
        plane.expose(10_000)
        answer = await plane.ask(ASK)
        assert answer.status_code == int(stable[:3])
        assert answer.json()["error"]["message"] == "stable says no"
        assert plane.counted("hard_failure.candidate") == harm
        assert plane.counted("hard_failure.stable") == (1 if stable.startswith("5") else 0)
        exchange = (await plane.handed_over(1))[0]
        assert exchange.outcome is (Outcome.FAILED if stable.startswith("5") else Outcome.REJECTED)
        assert bool(exchange.failure) is bool(harm)


async def test_both_servers_gone_is_a_502_and_nobodys_harm() -> None:
    """There is no answer to give, and nothing to learn about the candidate."""
    dead = f"http://127.0.0.1:{free_port()}/v1"
    async with data_plane(dead, dead) as plane:
        plane.expose(10_000)
        answer = await plane.ask(ASK)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
        assert answer.headers["x-driftgate-fallback"] == "refused"
        assert plane.counted("hard_failure.candidate") == 0
        assert plane.counted("hard_failure.stable") == 1


async def test_stable_is_never_replaced_by_the_candidate() -> None:
    """A failing stable fails: traffic is not all sent to the candidate."""
    async with model_server(says("hi")) as new, data_plane(f"http://127.0.0.1:{free_port()}/v1", new.base_url) as plane:
        plane.expose(0)
        assert (await plane.ask(ASK)).status_code == 502
        assert new.asked == []


async def test_after_its_first_event_a_candidate_is_on_its_own() -> None:
    """Two models are never spliced: the stream ends in an error event, and the failure is the candidate's."""
    async with (
        model_server(says("from stable")) as old,
        model_server(breaks_after(STREAM_HEAD + chunk(event("half")))) as new,
        data_plane(old.base_url, new.base_url) as plane,
    ):
        plane.expose(10_000)
        answer = await plane.ask(ASK | {"stream": True})
        assert answer.content.startswith(event("half"))
        assert b'"code":"upstream_stream_error"' in answer.content
        assert old.asked == []
        assert (plane.counted("candidate"), plane.counted("hard_failure.candidate")) == (1, 1)
        exchange = (await plane.handed_over(1))[0]
        assert (exchange.outcome, exchange.failure, exchange.complete) == (Outcome.FAILED, "reset", False)


async def test_the_deadline_is_learned_from_stable() -> None:
    """Once stable's first bytes are known to be quick, a candidate that hangs costs seconds, not the whole limit."""
    async with (
        model_server(says("quick")) as old,
        model_server(hangs()) as new,
        data_plane(old.base_url, new.base_url) as plane,
    ):
        for _ in range(ENOUGH):
            await plane.ask(ASK)
        plane.expose(10_000)
        with anyio.fail_after(LEAST_SECONDS + 2):
            answer = await plane.ask(ASK)
        assert answer.headers["x-driftgate-fallback"] == "timeout"


async def test_a_variant_that_cannot_write_the_body_is_no_500() -> None:
    """Turns that are no list: the candidate's prompt has no place, stable answers; and a stable variant says 400."""
    variants = '  terse: {extends: new, system_prompt: "Be\\nterse."}'
    async with model_server(says("x")) as server, data_plane(server.base_url, models=variants) as plane:
        plane.expose(10_000, candidate="terse")
        answer = await plane.ask(ASK)
        assert answer.headers["x-driftgate-arm"] == "candidate"
        assert b"Be\\nterse." in server.asked[-1].body
        answer = await plane.ask(ASK | {"messages": 7})
        assert (answer.status_code, answer.headers["x-driftgate-fallback"]) == (200, "unwritable")


async def test_the_candidate_is_asked_by_its_own_name_and_key() -> None:
    """The splice and the credentials are those of the arm."""
    async with (
        model_server(says("a")) as old,
        model_server(says("b")) as new,
        data_plane(old.base_url, new.base_url) as plane,
    ):
        plane.expose(10_000)
        answer = await plane.ask(ASK)
        assert answer.json()["model"] == "new"
        assert answer.headers["x-driftgate-arm"] == "candidate"
        assert new.asked[0].header("authorization") == "Bearer sk-new"


async def test_a_long_whole_answer_of_the_candidate_passes() -> None:
    """Above the bound that is held for a possible fallback, the rest streams through."""
    long = b'{"x":"' + b"y" * 3_000_000 + b'"}'
    async with model_server(answers(whole(long))) as server, data_plane(server.base_url) as plane:
        plane.expose(10_000)
        answer = await plane.ask(ASK)
        assert answer.content == long
        exchange = (await plane.handed_over(1))[0]
        assert (exchange.answer_body, exchange.complete) == (b"", False)


async def _arms(plane: DataPlane, users: range) -> dict[int, str]:
    found = {}
    for user in users:
        answer = await plane.ask(ASK | {"user": f"u{user}"})
        found[user] = answer.headers["x-driftgate-arm"]
    return found


async def test_arms_are_sticky_and_widening_moves_nobody_back() -> None:
    """The same user keeps the same arm; at a wider weight the candidate only gains users."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        plane.expose(2_000)
        narrow = await _arms(plane, range(40))
        assert await _arms(plane, range(40)) == narrow
        plane.expose(6_000)
        wide = await _arms(plane, range(40))
    moved = {user for user in narrow if narrow[user] == "candidate"}
    assert 0 < len(moved) < 40
    assert moved < {user for user in wide if wide[user] == "candidate"}


async def test_a_rollback_is_in_force_with_the_next_request() -> None:
    """Latched, the rollout gets nothing more, whatever grants still arrive."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        plane.expose(10_000)
        assert (await plane.ask(ASK)).headers["x-driftgate-arm"] == "candidate"
        plane.table.roll_back("chat", "r1", 9)
        plane.revision = 10
        plane.expose(10_000)
        assert (await plane.ask(ASK)).headers["x-driftgate-arm"] == "stable"


async def test_a_mirror_stage_counts_and_hands_over_without_exposing() -> None:
    """At weight 0 stable answers everybody, and the shadow side gets the exchanges."""
    async with model_server(says("hello")) as server, data_plane(server.base_url) as plane:
        plane.expose(0)
        answer = await plane.ask(ASK, x_user_id="u-1", x_custom="kept", authorization="Bearer x")
        exchange = (await plane.handed_over(1))[0]
    assert answer.headers["x-driftgate-arm"] == "stable"
    assert (exchange.weight_bps, exchange.assigned, exchange.keyless) == (0, Arm.STABLE, False)
    assert exchange.answer_body == answer.content
    assert b'"model":"chat"' in exchange.request_body
    assert (b"x-custom", b"kept") in exchange.headers
    assert not {name for name, _ in exchange.headers} & {b"authorization", b"x-driftgate-key"}
    assert len(exchange.vote_key) == 32
    assert "u-1" not in exchange.vote_key


async def test_a_request_without_any_key_stands_for_itself() -> None:
    """No header, no user, no conversation: the request id is the key, and the exchange says so."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        plane.expose(0)
        await plane.ask({"model": "chat"})
        await plane.ask({"model": "chat"})
        first, second = await plane.handed_over(2)
    assert first.keyless
    assert first.vote_key != second.vote_key


async def test_requests_that_vote_for_themselves_are_still_one_unit_of_assignment() -> None:
    """A batch account goes one way with all its jobs; the voting key is the unit where it is what was assigned by."""
    async with (
        model_server(says("x")) as server,
        data_plane(server.base_url, more="  jobs: {stable: old, vote_by: request}") as plane,
    ):
        plane.expose(0, endpoint="jobs")
        await plane.ask(ASK | {"model": "jobs"})
        await plane.ask(ASK | {"model": "jobs"})
        plane.expose(0)
        await plane.ask(ASK)
        one, other, plain = await plane.handed_over(3)
    assert one.vote_key != other.vote_key
    assert one.unit == other.unit == plain.vote_key
    assert plain.unit == ""


async def test_an_exchange_carries_the_window_that_it_was_assigned_in() -> None:
    """By the rollout's age, which its grant tells; one that does not tell puts it in none."""
    began = 1_000_000.0
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        plane.expose(0, started_at=began)
        await plane.ask(ASK)
        plane.expose(0)
        await plane.ask(ASK)
        known, unknown = await plane.handed_over(2)
    assert known.window == window_of(known.started_at, began) > 100
    assert unknown.window == UNKNOWN


async def test_without_a_grant_nothing_is_evidence() -> None:
    """No rollout: nothing is counted for one, nothing is handed over."""
    async with model_server(says("x")) as server, data_plane(server.base_url) as plane:
        await plane.ask(ASK)
        assert plane.handover.sent == 0
        assert plane.counts.waiting("chat", "r1") == {}


@pytest.mark.parametrize("pin", ["", "candidate"])
async def test_embeddings_are_never_split_and_shadowed(pin: str) -> None:
    """Vectors of two models in one index corrupt it: stable answers, whatever the weight, and pairs are compared."""
    async with model_server(answers(whole(b"{}"))) as server, data_plane(server.base_url) as plane:
        plane.expose(10_000)
        pinned = {"x_driftgate_arm": pin} if pin else {}
        answer = await plane.ask({"model": "chat", "input": "x"}, path="/v1/embeddings", **pinned)
        assert answer.headers["x-driftgate-arm"] == "stable"
        (told,) = await plane.handed_over(1)
        assert (told.api, told.assigned, told.answered) == (Api.EMBEDDINGS, Arm.STABLE, Arm.STABLE)
        assert (told.drawn, told.pinned) == (False, False)
        assert plane.counted("undrawn.unsplit") == plane.counted("stable") == 1


async def test_a_script_that_waits_is_relayed_as_it_goes() -> None:
    """The candidate's stream flows like stable's once its first event was seen."""
    go_on = anyio.Event()

    async def script(asked: Asked, line: Line) -> None:
        await line.send(STREAM_HEAD + chunk(event("one")))
        await go_on.wait()
        await line.send(chunk(DONE) + LAST_CHUNK)

    import httpx  # noqa: PLC0415 - only here

    async with (
        model_server(script) as server,
        data_plane(server.base_url) as plane,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        plane.expose(10_000)
        async with client.stream("POST", f"{plane.url}/v1/chat/completions", json=ASK | {"stream": True}) as answer:
            pieces = answer.aiter_raw()
            assert await anext(pieces) == event("one")
            go_on.set()
            assert b"".join([piece async for piece in pieces]) == DONE
