"""The admin API over real sockets: commands, views, errors."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import anyio
import pytest

from gateway.version import __version__, data_path
from tests.gateway.control.gateways import Gateway, own_redis, running

pytestmark = pytest.mark.anyio


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    """A control process without keys."""
    async with own_redis() as redis, running(tmp_path, redis) as found:
        yield found


async def test_an_idle_endpoint_is_shown_with_its_stable_model(gateway: Gateway) -> None:
    """Before the first rollout there is the configuration's generation, and no rollout."""
    answer = (await gateway.http.get("/admin/v1/endpoints/chat")).json()
    assert (answer["name"], answer["stable"], answer["generation"], answer["rollout"]) == ("chat", "old", 0, None)
    assert answer["generations"] == [{"number": 0, "model": "old", "since_at": 0.0, "by": "config"}]
    listed = (await gateway.http.get("/admin/v1/endpoints")).json()["endpoints"]
    assert [endpoint["name"] for endpoint in listed] == ["chat", "mail"]


async def test_a_started_rollout_is_on_every_worker(gateway: Gateway) -> None:
    """The answer has the contract's fields, and the worker has its lease."""
    started = await gateway.start(reason="v2 weights")
    rollout = started["rollout"]
    assert isinstance(rollout, dict)
    assert (rollout["phase"], rollout["stage"], rollout["stages"], rollout["weight_bps"]) == ("shadowing", 0, 3, 0)
    assert (rollout["stable"], rollout["candidate"], rollout["plan"]) == ("old", "new", "default")
    assert rollout["requests"] == dict.fromkeys(["stable", "candidate", "fallback", "cancelled", "shadowed", "shed"], 0)
    assert "no requests yet" in str(started["notes"])
    await gateway.until(lambda: gateway.worker.weight == 0)
    by_id = (await gateway.http.get(f"/admin/v1/rollouts/{rollout['id']}")).json()
    assert (by_id["id"], by_id["phase"]) == (rollout["id"], "shadowing")


async def test_promoting_step_by_step_and_to_the_end(gateway: Gateway) -> None:
    """Each step reaches the workers; the end makes a generation, here, in Redis and in the journal."""
    await gateway.start()
    await gateway.post("promote", {"step": True})
    await gateway.until(lambda: gateway.worker.weight == 1_000)
    await gateway.post("promote", {"full": True}, 409)
    ended = await gateway.post("promote", {"full": True, "reason": "we are sure"})
    rollout = ended["rollout"]
    assert isinstance(rollout, dict)
    assert (rollout["phase"], rollout["reason"]) == ("promoted", "we are sure")
    await gateway.until(lambda: gateway.worker.route.stable.model == "new")
    grant = gateway.worker.route.grant
    assert grant is not None
    assert (grant.weight_bps, grant.kept, grant.candidate) == (0, True, "old"), "only mirrors, to the old stable"
    shown = (await gateway.http.get("/admin/v1/endpoints/chat")).json()
    assert (shown["stable"], shown["generation"]) == ("new", 1)
    assert '"model":"new"' in gateway.runtime.journal.read_text()


async def test_pausing_and_resuming(gateway: Gateway) -> None:
    """A pause is a hold with its reason; pausing twice says what would go on."""
    await gateway.start()
    paused = await gateway.post("pause", {"reason": "lunch"})
    rollout = paused["rollout"]
    assert isinstance(rollout, dict)
    assert (rollout["holding"], rollout["reason"], rollout["paused"]) == ("paused", "lunch", True)
    assert "resume" in str((await gateway.post("pause", {}, 409))["detail"])
    assert (await gateway.http.post("/admin/v1/endpoints/chat/resume")).status_code == 200


async def test_the_audit_record_names_who_did_what_and_why(gateway: Gateway) -> None:
    """Newest first, as many as asked for."""
    await gateway.start(reason="because")
    await gateway.post("pause", {"reason": "wait"})
    entries = (await gateway.http.get("/admin/v1/endpoints/chat/audit", params={"limit": 2})).json()["entries"]
    assert [(entry["action"], entry["actor"], entry["reason"]) for entry in entries] == [
        ("pause", "anybody", "wait"),
        ("start", "anybody", "because"),
    ]
    assert (entries[1]["phase_from"], entries[1]["phase_to"]) == ("idle", "shadowing")


REFUSED: Final = [
    ({"candidate": "old"}, 409, "stable model of chat already"),
    ({"candidate": "nope"}, 409, "no model 'nope'"),
    ({"candidate": "new", "plan": "nope"}, 422, "no plan 'nope'"),
    ({"candidate": "broken"}, 422, "answers 404"),
    ({"candidate": "away"}, 422, "gives no answer (refused"),
    ({"candidate": "new", "colour": "red"}, 400, "colour"),
    ({}, 400, "candidate"),
    ({"candidate": 3}, 400, "candidate"),
]


async def test_what_cannot_be_started_says_why(gateway: Gateway) -> None:
    """Each refusal is a problem with a sentence that names the cause."""
    for body, status, says in REFUSED:
        problem = await gateway.post("rollouts", body, status)
        assert says in str(problem["detail"])
        assert problem["status"] == status


async def test_a_second_rollout_needs_replace(gateway: Gateway) -> None:
    """Refused while one runs; with `replace` the running one is rolled back first."""
    first = await gateway.start()
    refused = await gateway.post("rollouts", {"candidate": "new"}, 409)
    assert "--replace" in str(refused["detail"])
    second = await gateway.start(replace=True)
    assert isinstance(first["rollout"], dict)
    assert isinstance(second["rollout"], dict)
    ended = (await gateway.http.get(f"/admin/v1/rollouts/{first['rollout']['id']}")).json()
    assert ended["phase"] == "rolled_back"
    assert second["rollout"]["revision"] == 3
    assert second["rollout"]["epoch"] == 2


WRONG: Final = [
    ("GET", "/admin/v1/endpoints/nope", b"", 404),
    ("GET", "/admin/v1/rollouts/nope", b"", 404),
    ("GET", "/nope", b"", 404),
    ("DELETE", "/admin/v1/endpoints/chat", b"", 405),
    ("POST", "/admin/v1/endpoints/chat/pause", b"{", 400),
    ("POST", "/admin/v1/endpoints/chat/pause", b"\xff", 400),
    ("POST", "/admin/v1/endpoints/chat/pause", b"{}", 409),
    ("POST", "/admin/v1/endpoints/chat/rollouts", b"x" * 100_000, 413),
    ("GET", "/admin/v1/endpoints/chat/audit?limit=0", b"", 400),
]


async def test_errors_are_problem_details(gateway: Gateway) -> None:
    """RFC 9457, never a traceback; what the framework refuses says what to do, too."""
    told = []
    for method, path, content, status in WRONG:
        answer = await gateway.http.request(method, path, content=content)
        assert answer.status_code == status, (method, path, content[:20])
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert set(answer.json()) == {"type", "title", "status", "detail", "instance"}
        assert "Traceback" not in answer.text
        told.append((answer.json()["detail"], answer.headers.get("allow", "")))
    assert told[2][0] == "there is nothing at this path; GET /schema lists what there is"
    assert told[3] == ("DELETE is not possible here; possible: GET, HEAD", "GET, HEAD")
    assert (await gateway.post("rollouts", {}, 400))["detail"] == "body: Object missing required field `candidate`"
    assert (await gateway.post("rollouts", None, 400))["detail"] == "send a JSON object"


async def test_head_is_get_without_the_body(gateway: Gateway) -> None:
    """Health checkers ask so; even of the stream of events, which would have no end."""
    for path in ("/healthz", "/readyz", "/admin/v1/endpoints", "/metrics", "/schema", "/admin/v1/events", "/nope"):
        with anyio.fail_after(10):
            answer = await gateway.http.head(path)
        assert answer.status_code == (404 if path == "/nope" else 200), path
        assert answer.content == b""
    assert (await gateway.http.head("/admin/v1/endpoints/chat/pause")).status_code == 405


async def test_metrics_name_their_charset_once(gateway: Gateway) -> None:
    """Prometheus 3 refuses a scrape whose content type names a parameter twice."""
    answer = await gateway.http.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_events_tell_of_a_transition(gateway: Gateway) -> None:
    """The stream begins with the state, and goes on when it changes."""
    phases: list[str] = []
    with anyio.fail_after(10):
        async with gateway.http.stream("GET", "/admin/v1/events") as stream:
            async for line in stream.aiter_lines():
                if not line.startswith("data: "):
                    continue
                chat = json.loads(line.removeprefix("data: "))["endpoints"][0]
                phases.append(chat["rollout"]["phase"] if chat["rollout"] else "idle")
                if len(phases) == 1:
                    await gateway.start()
                if phases[-1] == "shadowing":
                    break
    assert phases[0] == "idle"


async def test_metrics_have_the_contracts_names(gateway: Gateway) -> None:
    """Workers' counters and the control process's own, in one text."""
    gateway.worker.counts['driftgate_requests_total{arm="stable",endpoint="chat",outcome="ok"}'] = 5.0
    await gateway.start()
    await gateway.post("promote", {"step": True})
    await gateway.post("rollback", {"reason": "test"})
    with anyio.fail_after(10):
        while 'outcome="ok"} 5' not in (text := (await gateway.http.get("/metrics")).text):  # noqa: ASYNC110
            await anyio.sleep(0.05)
    for line in (
        "# TYPE driftgate_requests_total counter",
        "driftgate_store_up 1",
        'driftgate_rollbacks_total{trigger="operator"} 1',
        'driftgate_rollbacks_total{trigger="guardrail"} 0',  # from the start, so that the first one is an increase
        'driftgate_exposure_ratio{endpoint="chat",kind="target"} 0',
        'driftgate_rollout_phase{endpoint="chat",phase="rolled_back"} 1',
        'driftgate_rollout_phase{endpoint="mail",phase="idle"} 1',
        f'driftgate_build_info{{data_path="{data_path()}",version="{__version__}"}} 1',
    ):
        assert line in text


async def test_the_schema_names_every_route(gateway: Gateway) -> None:
    """OpenAPI at /schema, as JSON."""
    schema = (await gateway.http.get("/schema")).json()
    assert "/admin/v1/endpoints/{endpoint}/rollback" in schema["paths"]
    assert schema["info"]["title"] == "driftgate"


async def test_health_is_one_thing_and_readiness_another(gateway: Gateway) -> None:
    """Alive at once; ready after the first tick; degraded, with the reason, when Redis is gone."""
    assert (await gateway.http.get("/healthz")).json()["status"] == "ok"
    assert (await gateway.http.get("/readyz")).json()["status"] == "ok"
    gateway.redis.stop()
    with anyio.fail_after(10):
        while (ready := await gateway.http.get("/readyz")).json()["status"] != "degraded":  # noqa: ASYNC110
            await anyio.sleep(0.05)
    assert ready.status_code == 200
    assert ready.json()["why"]
