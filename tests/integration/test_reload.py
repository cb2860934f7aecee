"""SIGHUP, for real: a new configuration is applied by every process without a failed request, or refused whole."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from loadtest.rig.pair import until
from loadtest.rig.processes import Processes, kill
from tests.integration.rollout_scene import Scene, set_up

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

ROLES = ("child data", "child shadow", "child control")


@pytest.fixture
def scene(processes: Processes) -> Iterator[Scene]:
    """A gateway with its embedded server, two model servers, and an application that has not begun yet."""
    made = set_up(processes)
    yield made
    made.gateway.http.close()


def said(scene: Scene) -> str:
    """Everything that the gateway has logged."""
    return (scene.processes.place / "gateway.log").read_text(errors="replace")


def hang_up(
    scene: Scene, before: str, after: str, expected: str, meanwhile: Callable[[], object] = lambda: None
) -> None:
    """Change the file, ask for it to be read again, and wait for what is said then."""
    file: Path = scene.gateway.config
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))
    length = len(said(scene))
    scene.processes.running["gateway"].send_signal(signal.SIGHUP)

    def there() -> bool:
        meanwhile()
        return expected in said(scene)[length:]

    until(there, expected, 30.0)


def children(scene: Scene) -> dict[str, set[int]]:
    """The processes of each role."""
    return {role: set(scene.gateway.children(role)) for role in ROLES}


def test_a_new_configuration_is_applied_by_every_process_and_no_request_fails(scene: Scene) -> None:
    """During a canary: other processes, the same rollout, and it ends promoted; then a model of the new file is one."""
    with scene.traffic():
        rollout = scene.start_rollout()
        scene.wait_for("canary")
        before = children(scene)
        extra = f"  lumen-3: {{base_url: {scene.stable.base_url}, model: lumen-1}}\nendpoints:"
        hang_up(scene, "endpoints:", extra, "applied as generation 2")
        until(lambda: not any(before[role] & children(scene)[role] for role in ROLES), "the old ones have ended", 30.0)
        assert [len(found) for found in children(scene).values()] == [2, 1, 1]
        ended = scene.wait_for("promoted", 45.0)
        assert ended["id"] == rollout
        scene.gateway.command("chat", "rollouts", {"candidate": "lumen-3", "reason": "it is in the file now"})
        answer = scene.gateway.command("chat", "rollback", {"reason": "enough"})
    assert answer["durability"]["state"] == "durable", answer["durability"]
    assert (scene.tally.failed, scene.tally.wrong) == (0, 0), scene.tally.complaints


def test_what_cannot_be_applied_is_refused_whole_with_the_reason(scene: Scene) -> None:
    """An error in the file, another number of workers, a candidate that is gone: everything goes on as it was."""
    with scene.traffic():
        scene.start_rollout()
        scene.wait_for("canary")
        before = children(scene)
        good = scene.gateway.config.read_text()
        for text, other, expected in (
            ("workers: 2", "workrs: 2", "did you mean workers?"),
            ("workers: 2", "workers: 3", "workers cannot change while serving: restart to apply it"),
            ("  lumen-2: {", "  lumen-9: {", "models.lumen-2 cannot go while chat-"),
        ):
            hang_up(scene, text, other, expected)
            scene.gateway.config.write_text(good)
        assert "generation 1 goes on" in said(scene)
        assert "applied as generation" not in said(scene)
        assert children(scene) == before
        scene.wait_for("promoted", 45.0)
    assert (scene.tally.failed, scene.tally.wrong) == (0, 0), scene.tally.complaints


@pytest.mark.parametrize("role", ["child data", "child control"])
def test_where_a_new_process_cannot_be_started_the_old_generation_goes_on(scene: Scene, role: str) -> None:
    """Each new one is killed as soon as it is there, three times: then the old configuration serves on."""
    before = children(scene)
    victims: list[int] = []

    def kill_the_new() -> None:
        for pid in set(scene.gateway.children(role)) - before[role] - set(victims):
            if len(victims) < 3 * len(before[role]):
                victims.append(pid)
                kill(pid)

    hang_up(scene, "lease: 2s", "lease: 3s", "could not be started with it", kill_the_new)
    until(lambda: is_well(scene), "the old generation is well", 20.0)
    now = children(scene)
    assert now["child data"] & before["child data"]
    assert [len(found) for found in now.values()] == [2, 1, 1]
    with scene.traffic():
        scene.start_rollout()
        rollout = scene.wait_for("promoted", 60.0)
    assert rollout["reason"]
    assert (scene.tally.failed, scene.tally.wrong) == (0, 0), scene.tally.complaints


def is_well(scene: Scene) -> bool:
    """Whether the admin plane answers, and readiness names nothing that is missing."""
    try:
        ready = scene.gateway.http.get(f"http://127.0.0.1:{scene.gateway.data_port}/readyz")
        return scene.gateway.http.get("/admin/v1/endpoints").is_success and "away" not in ready.text
    except httpx.TransportError:
        return False


def test_a_stable_model_that_the_file_no_longer_has_is_said_at_start(scene: Scene) -> None:
    """After a restart the configured model serves, and log and readiness say what to add."""
    with scene.traffic():
        scene.start_rollout()
        scene.wait_for("promoted", 60.0)
    scene.processes.stop("gateway")
    text = scene.gateway.config.read_text()
    scene.gateway.config.write_text(text.replace("  lumen-2: {", "  lumen-9: {"))
    scene.gateway.start()
    scene.gateway.wait_ready()
    expected = "models.lumen-2 serves chat as generation 1 and is not in the configuration: lumen-1 serves instead"
    ready = scene.gateway.http.get(f"http://127.0.0.1:{scene.gateway.data_port}/readyz")
    assert expected in ready.text
    assert expected in said(scene)
