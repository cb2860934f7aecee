"""What a rollout and its applications see when processes are killed, Redis stops, or the candidate's server fails."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from loadtest.rig.pair import until
from loadtest.rig.processes import Processes, descendants, is_alive, kill
from tests.integration.rollout_scene import IN_FLIGHT, LEASE_SECONDS, Scene, set_up
from tests.redis_server import RedisServer, binary_of

pytestmark = [pytest.mark.processes, pytest.mark.timeout(90)]


@pytest.fixture
def scene(processes: Processes) -> Iterator[Scene]:
    """A gateway with its embedded server, two model servers, and an application that has not begun yet."""
    made = set_up(processes)
    yield made
    made.gateway.http.close()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Debian's Redis, which the test may stop."""
    server = RedisServer(binary_of("redis"), tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("role", "may_fail"),
    [("child data 1", IN_FLIGHT), ("child shadow", 0), ("child control", 0)],
    ids=["data worker", "shadow worker", "control process"],
)
def test_a_killed_process_costs_at_most_its_own_requests_and_no_rollout(scene: Scene, role: str, may_fail: int) -> None:
    """SIGKILL at 50 %: only requests in a killed data worker may fail, and the rollout ends promoted all the same."""
    with scene.traffic():
        rollout = scene.start_rollout()
        scene.wait_for("canary")
        (victim,) = scene.gateway.children(role)
        kill(victim)
        until(lambda: [pid for pid in scene.gateway.children(role) if pid != victim], f"{role} is back", 15.0)
        ended = scene.wait_for("promoted", 45.0)
    assert ended["id"] == rollout
    assert scene.tally.failed <= may_fail, scene.tally.complaints
    assert scene.tally.wrong == 0, scene.tally.complaints
    assert scene.candidate_users()


def test_a_killed_supervisor_takes_its_children_along_and_the_next_serve_goes_on(scene: Scene) -> None:
    """No process is left over, and the same rollout ends promoted after a new start on the same state."""
    with scene.traffic():
        rollout = scene.start_rollout()
        scene.wait_for("canary")
        children = descendants(scene.processes.running["gateway"].pid)
        scene.processes.kill("gateway")
        until(lambda: not [pid for pid in children if is_alive(pid)], "every child has ended", 10.0)
        scene.gateway.start()
        scene.gateway.wait_ready()
        ended = scene.wait_for("promoted", 45.0)
    assert ended["id"] == rollout
    assert scene.tally.wrong == 0, scene.tally.complaints


def test_without_redis_nobody_fails_and_nobody_reaches_the_candidate_after_one_lease(
    processes: Processes, redis: RedisServer
) -> None:
    """Redis stops during a canary: stable serves within one lease, and exposure returns by itself with Redis."""
    scene = set_up(processes, redis=redis.url)
    with scene.traffic():
        rollout = scene.start_rollout()
        scene.wait_for("canary")
        until(scene.candidate_users, "users reach the candidate", 10.0)
        redis.stop()
        stopped = monotonic()
        sleep(2 * LEASE_SECONDS)  # what must not happen takes this long to be seen not happening
        assert not scene.candidate_users(since=stopped + LEASE_SECONDS)
        redis.start()
        returned = monotonic()
        until(lambda: scene.candidate_users(since=returned), "users reach the candidate again", 20.0)
        ended = scene.wait_for("promoted", 30.0)
    assert ended["id"] == rollout
    assert (scene.tally.failed, scene.tally.wrong) == (0, 0), scene.tally.complaints
    scene.gateway.http.close()


def test_a_candidate_whose_server_dies_is_rolled_back_and_no_client_sees_an_error(scene: Scene) -> None:
    """At 50 % the candidate's server is killed: stable answers in its place, until the rollback seconds later."""
    with scene.traffic():
        scene.start_rollout()
        scene.wait_for("canary")
        until(scene.candidate_users, "users reach the candidate", 10.0)
        scene.processes.kill("candidate")
        died = monotonic()
        scene.wait_for("rolled_back", 20.0)
        took = monotonic() - died
    assert scene.tally.failed == 0, scene.tally.complaints
    assert scene.tally.wrong <= IN_FLIGHT, "only streams that had begun, which cannot move to stable, may be cut"
    assert scene.tally.fallback > 0
    assert took < 10.0


def test_a_candidate_that_answers_404_is_rolled_back_and_no_client_sees_an_error(scene: Scene) -> None:
    """A misspelt model name, say: every request falls back, and the rollout ends within seconds."""
    with scene.traffic():
        scene.start_rollout()
        scene.wait_for("canary")
        scene.candidate.behave(status=404)
        began = monotonic()
        scene.wait_for("rolled_back", 20.0)
        ended = monotonic()
        sleep(LEASE_SECONDS)  # to see that nobody reaches the candidate any more
    assert ended - began < 10.0
    assert (scene.tally.failed, scene.tally.wrong) == (0, 0), scene.tally.complaints
    assert scene.tally.fallback > 0
    assert not scene.candidate_users(since=ended + 0.5)
