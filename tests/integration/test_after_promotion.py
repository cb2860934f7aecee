"""After a promotion, with real processes: mirrors go to the old stable, and a late regression brings it back."""

from collections.abc import Iterator
from time import monotonic, sleep

import pytest

from loadtest.rig.pair import until
from loadtest.rig.processes import Processes
from tests.integration.rollout_scene import LEASE_SECONDS, Scene, set_up

pytestmark = [pytest.mark.processes, pytest.mark.timeout(90)]


@pytest.fixture
def scene(processes: Processes) -> Iterator[Scene]:
    """A gateway with its embedded server, two model servers, and an application that has not begun yet."""
    made = set_up(processes)
    yield made
    made.gateway.http.close()


def test_a_promoted_model_that_breaks_is_taken_back_by_itself(scene: Scene) -> None:
    """The new model answers and mirrors go to the old one; when the new one fails, the old one serves again."""
    with scene.traffic():
        rollout = scene.start_rollout()
        scene.gateway.command("chat", "promote", {"full": True, "reason": "a test"})
        promoted_at = monotonic()

        def mirrored() -> bool:
            return any(entry.shadow and entry.at > promoted_at + LEASE_SECONDS for entry in scene.stable.log())

        until(mirrored, "the old stable is mirrored to", 20.0)
        shown = scene.rollout()
        assert (shown["phase"], shown["weight_bps"]) == ("promoted", 10_000)
        assert scene.tally.failed == 0, scene.tally.complaints
        users_of_old = [entry for entry in scene.stable.log() if not entry.shadow and entry.at > promoted_at + 0.5]
        assert users_of_old == []

        scene.candidate.behave(status=500)
        until(lambda: scene.rollout()["phase"] == "rolled_back", "the promotion is taken back", 30.0)
        ended = monotonic()
        sleep(LEASE_SECONDS)  # to see that nobody reaches the broken model any more
    shown = scene.rollout()
    assert shown["id"] == rollout
    assert shown["reason"].startswith("errors +")
    assert shown["reason"].endswith("after the promotion, so lumen-1 is stable again")
    assert scene.gateway.http.get("/admin/v1/endpoints/chat").json()["stable"] == "lumen-1"
    assert not scene.candidate_users(since=ended + 0.5)
