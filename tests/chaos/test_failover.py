"""A failover that loses the last writes: what was rolled back stays so; what was widened is held at the lower one."""

from collections.abc import Iterator
from time import monotonic, sleep

import pytest

from loadtest.rig.pair import until
from loadtest.rig.processes import Processes
from tests.chaos.site import LEASE_SECONDS, Fault, Site, set_up
from tests.redis_kinds import Watched, replica_in_step, watched_by_sentinels

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


@pytest.fixture
def watched(processes: Processes) -> Iterator[Watched]:
    """A master, a replica, three Sentinels."""
    with watched_by_sentinels(processes.place) as made:
        yield made


@pytest.fixture
def site(processes: Processes, watched: Watched, faults: list[Fault]) -> Iterator[Site]:
    """Two gateways that find their Redis through the Sentinels."""
    made = set_up(processes, f'{{url: "{watched.url}"}}', faults)
    yield made
    for gateway in made.gateways:
        gateway.http.close()


def cut_off(watched: Watched) -> None:
    """The replica gets nothing any more: frozen, it would find later writes in its socket when it wakes."""
    watched.replica.freeze()
    with watched.master.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "replica")


def lose_the_last_writes(watched: Watched) -> None:
    """The master dies while the replica does not have them, and the replica is made the master."""
    watched.master.stop()
    watched.replica.thaw()
    until(lambda: watched.leader_port() == watched.replica.port, "the Sentinels have moved on", 40.0)


def test_a_failover_that_rewinds_a_widening_is_held_at_the_lower_weight(site: Site, watched: Watched) -> None:
    """Widened from 25 to 50 %, which only the dead master knew: held, paused, at 25 %, with an alarm."""
    with site.traffic():
        rollout = site.start("stepwise")
        site.gateways[0].command("chat", "promote", {"reason": "a step"})
        site.until_exposed()
        until(lambda: replica_in_step(watched.master), "the replica has 25 %")
        with site.fault("failover that loses a widening") as fault:
            cut_off(watched)
            site.gateways[0].command("chat", "promote", {"reason": "another step"})
            assert site.rollout()["weight_bps"] == 5_000
            sleep(1.0)  # for both gateways' journals to hear of it
            lose_the_last_writes(watched)
            until(lambda: site.rollout().get("holding") == "paused", "the rollout is held", 30.0)
        held = site.rollout()
        assert (held["id"], held["weight_bps"]) == (rollout, 2_500)
        assert "Redis came back with older state" in held["reason"]
        assert "driftgate resume" in held["reason"]
        assert "older state" in site.said(0) + site.said(1), "the alarm"
        site.until_exposed()
        site.gateways[1].command("chat", "resume", {"reason": "seen"})
        site.roll_back()
    assert fault.errors == 0, site.complaints


def test_a_failover_that_rewinds_a_rollback_does_not_undo_it(site: Site, watched: Watched) -> None:
    """Rolled back, which only the dead master knew: the journal says so again, and nobody returns to the candidate."""
    with site.traffic():
        rollout = site.start()
        site.until_exposed()
        until(lambda: replica_in_step(watched.master), "the replica has the rollout")
        with site.fault("failover that loses a rollback") as fault:
            cut_off(watched)
            asked = monotonic()
            site.roll_back()
            lose_the_last_writes(watched)
            until(lambda: _phase_at_the_new_master(watched) == "rolled_back", "it is rolled back again", 30.0)
            site.nobody_reaches_the_candidate(fault, asked, 0.5)
        now = monotonic()
        sleep(LEASE_SECONDS)  # to see that nobody returns
        assert not site.candidate_users(now)
        assert site.rollout()["id"] == rollout
    assert fault.errors == 0, site.complaints


def _phase_at_the_new_master(watched: Watched) -> str:
    with watched.replica.client() as client:
        stored = (client.get("dg:{chat}:rollout") or b"").decode()
    return "rolled_back" if '"phase":"rolled_back"' in stored else stored[:0]
