from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.supervisor.places import locked_state_dir
from loadtest.rig.ports import free_port
from loadtest.rig.processes import Processes
from tests.conftest import MakeGateway
from tests.gateway.cli.listener import Admin, Run
from tests.redis_server import RedisServer, binary_of

ANSWER = {"choices": [{"message": {"role": "assistant", "content": "OK"}}]}


@pytest.fixture
def model(admin: Admin) -> Admin:
    """A model server that answers."""
    admin.on("POST /v1/chat/completions", ANSWER)
    return admin


@pytest.fixture
def config(tmp_path: Path, model: Admin) -> str:
    """A configuration in the directory of the commands, whose model answers."""
    text = f"""\
listen: {{data: "127.0.0.1:{free_port()}", admin: "127.0.0.1:{free_port()}"}}
state_dir: state
models: {{a: {{base_url: "{model.url}/v1"}}}}
endpoints: {{chat: {{stable: a}}}}
"""
    (tmp_path / "driftgate.yaml").write_text(text, encoding="utf-8")
    return text


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of the operator's own."""
    place = tmp_path / "redis"
    place.mkdir()
    server = RedisServer(binary_of("valkey"), place)
    server.start()
    yield server
    server.stop()


def levels(ran_json: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    """Check → level."""
    return {finding["check"]: finding["level"] for finding in ran_json["findings"]}


def test_a_machine_that_can_serve_has_nothing_failing(run: Run, config: str) -> None:
    """Before the first start: every part is looked at, and what cannot be yet says so."""
    done = run("doctor")
    assert done.code == 0, done.out
    lines = done.out.splitlines()
    assert any(line.startswith("✓ ok   model a: answers in") for line in lines)
    assert any(line.startswith("✓ ok   port data: ") and line.endswith("is free") for line in lines)
    assert any(line.startswith("– skip admin: no gateway runs here") for line in lines)
    assert lines[-1].endswith("0 failing, 1 to look at")


def test_each_failing_line_says_what_to_do(run: Run, tmp_path: Path, config: str, model: Admin) -> None:
    """A model that refuses its key, one that is not there, a Redis that does not answer, a missing secret."""
    model.on("POST /v1/chat/completions", {"error": "no"}, status=401)
    away = 'away: {base_url: "http://127.0.0.1:9/v1"}'
    keys = f"keys: [{{name: ci, role: deployer, hash: 'hmac-sha256:{'0' * 64}'}}]\n"
    text = config.replace("models: {", f"models: {{{away}, ") + "redis: {url: redis://127.0.0.1:9/0}\n" + keys
    (tmp_path / "driftgate.yaml").write_text(text, encoding="utf-8")
    done = run("doctor", "--json")
    assert done.code == 1
    fixes = {finding["check"]: finding["fix"] for finding in done.json["findings"] if finding["level"] == "fail"}
    assert fixes == {
        "keys": "export DRIFTGATE_KEY_SECRET, the same on every gateway",
        "model a": "check api_key of models.a",
        "model away": "start it, or check base_url of models.away",
        "redis": "start it, or correct redis.url; until then stable serves everything",
    }


def test_a_file_with_errors_is_the_first_thing_to_correct(run: Run, tmp_path: Path) -> None:
    """Nothing else can be looked at; the place of the error is named."""
    (tmp_path / "driftgate.yaml").write_text("models: {}\nworkrs: 3\n", encoding="utf-8")
    done = run("doctor")
    assert done.code == 1
    assert "✗ fail config: driftgate.yaml:2:1: workrs: unknown key" in done.out
    assert "→ correct it, then `driftgate check driftgate.yaml`" in done.out


def test_a_redis_that_forgets_is_named(run: Run, tmp_path: Path, config: str, redis: RedisServer) -> None:
    """An evicting server throws evidence away, and one without a file loses state with a crash."""
    redis.client().config_set("maxmemory", "100mb")
    redis.client().config_set("maxmemory-policy", "allkeys-lru")
    redis.client().config_set("appendonly", "no")
    text = config + f"redis: {{url: '{redis.url}', replicas: 1}}\n"
    (tmp_path / "driftgate.yaml").write_text(text, encoding="utf-8")
    seen = levels(run("doctor", "--json").json)
    assert seen["redis"] == "ok"
    assert seen["redis memory"] == "fail"
    assert seen["redis replicas"] == "fail"
    assert seen["clock"] == "ok"


def test_a_journal_that_knows_more_than_redis_is_named(
    run: Run, tmp_path: Path, config: str, redis: RedisServer
) -> None:
    """A promotion that Redis lost, towards a model that the file no longer has."""
    text = config + f"redis: {{url: '{redis.url}'}}\n"
    (tmp_path / "driftgate.yaml").write_text(text, encoding="utf-8")
    journal = tmp_path / "state" / "journal.jsonl"
    journal.parent.mkdir()
    line = '{"type":"generation","endpoint":"chat","generation":{"number":2,"model":"%s","since_at":1.0,"by":"x"}}\n'
    journal.write_text(line % "a", encoding="utf-8")
    findings = {finding["check"]: finding for finding in run("doctor", "--json").json["findings"]}
    assert findings["state chat"]["level"] == "warn"
    assert findings["state chat"]["seen"] == "the journal knows generation 2 (a), Redis has none"
    journal.write_text(line % "gone", encoding="utf-8")
    findings = {finding["check"]: finding for finding in run("doctor", "--json").json["findings"]}
    assert findings["state chat"]["fix"] == "add models.gone again"


def test_a_state_directory_in_use_without_an_admin_plane_is_a_failure(run: Run, tmp_path: Path, config: str) -> None:
    """A gateway holds the lock, and does not answer."""
    with locked_state_dir(tmp_path / "state"):
        seen = levels(run("doctor", "--json").json)
    assert (seen["state_dir"], seen["admin"]) == ("ok", "fail")


@pytest.mark.processes
def test_a_running_gateway_is_looked_into(
    run: Run, make_gateway: MakeGateway, processes: Processes, model: Admin
) -> None:
    """Its admin plane, and the embedded server on its private socket."""
    gateway = make_gateway(old=int(model.url.rpartition(":")[2]), new=int(model.url.rpartition(":")[2]))
    gateway.start()
    gateway.wait_ready()
    done = run("doctor", "-c", str(gateway.config), "--json")
    assert done.code == 0, done.out
    seen = levels(done.json)
    assert {seen[check] for check in ("admin", "gateway", "redis", "clock", "state chat", "port data")} == {"ok"}
