"""A candidate that is many times slower than stable (U7), with whole processes under steady traffic."""

from time import sleep

import pytest

from loadtest.rig.pair import until
from loadtest.rig.processes import Processes
from tests.integration.rollout_scene import set_up

pytestmark = [pytest.mark.processes, pytest.mark.timeout(90)]

SLOW_SECONDS = 20.0


def test_u7_a_slow_candidate_costs_users_nothing_and_the_rollout_holds(processes: Processes) -> None:
    """Mirrors pile up to their bound and are shed; nobody waits for them, and nothing is concluded from silence."""
    scene = set_up(processes)
    with scene.traffic():
        scene.start_rollout()
        scene.candidate.behave(first_byte_seconds=SLOW_SECONDS)
        until(lambda: scene.rollout()["requests"]["shed"] > 0, "mirrors are shed", 20.0)
        asked = len(scene.stable.log())
        sleep(3.0)  # what must not happen takes this long to be seen not happening
        during = len(scene.stable.log()) - asked
        rollout = scene.rollout()
    assert rollout["phase"] == "shadowing"
    assert not [row for row in rollout["signals"] if row["verdict"] == "harm"]
    assert (scene.tally.failed, scene.tally.wrong, scene.tally.fallback) == (0, 0, 0), scene.tally.complaints
    assert during > 100
    assert not scene.candidate_users()
    scene.gateway.http.close()
