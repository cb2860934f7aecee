"""Redis is taken away in every way there is: no request fails, exposure ends within a lease, and all comes back."""

from time import monotonic, sleep

import pytest

from loadtest.rig.pair import until
from loadtest.rig.processes import Processes
from tests.chaos.site import LEASE_SECONDS, Fault, Site, set_up
from tests.redis_kinds import Server

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

BROKEN_SECONDS = LEASE_SECONDS + 2.0


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("killed", BROKEN_SECONDS), ("frozen 5 s", 5.0), ("frozen 60 s", 60.0)],
)
def test_redis_that_does_not_answer(
    site: Site, redis: Server, request: pytest.FixtureRequest, name: str, seconds: float
) -> None:
    """Killed, or holding every connection and answering nothing: one line is logged, and one when it is back."""
    if seconds > 10:
        request.getfixturevalue("every_fault")
    take, give = (redis.stop, redis.start) if name == "killed" else (redis.freeze, redis.thaw)
    with site.traffic():
        rollout = site.start()
        site.until_exposed()
        logged = [len(site.said(gateway)) for gateway in (0, 1)]
        with site.fault(f"Redis {name}") as fault:
            take()
            try:
                if seconds > LEASE_SECONDS + 1.0:
                    site.nobody_reaches_the_candidate(fault, fault.began, seconds - LEASE_SECONDS - 1.0)
            finally:
                give()
        site.until_exposed()
        fault.lost = site.uncounted(rollout)
        site.roll_back()
    assert fault.errors == 0, site.complaints
    for gateway, length in enumerate(logged):
        said = site.said(gateway)[length:]
        assert said.count("redis is not reachable") <= 2, said
        assert said.count("store lost") == said.count("store is back") <= 1, said


def test_redis_whose_memory_is_full(site: Site, redis: Server) -> None:
    """Nothing is renewed, so exposure ends; a rollback works all the same, and is durable."""
    with site.traffic():
        site.start()
        site.until_exposed()
        with redis.client() as client, site.fault("Redis full, then a rollback") as fault:
            client.config_set("maxmemory", "1")
            try:
                site.nobody_reaches_the_candidate(fault, fault.began, 1.0)
                site.roll_back()
            finally:
                client.config_set("maxmemory", "0")
        now = monotonic()
        sleep(LEASE_SECONDS)  # to see that nobody returns
        assert not site.candidate_users(now)
        site.start()
        site.until_exposed()
        site.roll_back()
    assert fault.errors == 0, site.complaints


def test_redis_that_became_a_replica(site: Site, redis: Server) -> None:
    """Read only: nothing is renewed and nothing widens; when it is a master again, all goes on."""
    with site.traffic():
        site.start()
        site.until_exposed()
        with redis.client() as client, site.fault("Redis read-only") as fault:
            client.replicaof("127.0.0.1", "1")
            try:
                site.nobody_reaches_the_candidate(fault, fault.began, 1.0)
            finally:
                client.replicaof("NO", "ONE")
        site.until_exposed()
        site.roll_back()
    assert fault.errors == 0, site.complaints


def test_redis_that_was_flushed(site: Site, redis: Server) -> None:
    """The rollout is gone: everybody is on stable within a lease, and stays there; the next one starts as ever."""
    with site.traffic():
        site.start()
        site.until_exposed()
        revision = site.rollout()["revision"]
        with redis.client() as client, site.fault("FLUSHALL") as fault:
            client.flushall()
            site.nobody_reaches_the_candidate(fault, fault.began, 1.0)
        site.start()
        assert site.rollout()["revision"] > revision
        site.until_exposed()
        site.roll_back()
    assert fault.errors == 0, site.complaints


def test_redis_that_forgot_its_scripts(site: Site, redis: Server) -> None:
    """SCRIPT FLUSH: nothing happens."""
    with site.traffic():
        rollout = site.start()
        site.until_exposed()
        with redis.client() as client, site.fault("SCRIPT FLUSH") as fault:
            client.script_flush()
            sleep(LEASE_SECONDS)  # long enough for a lease that is not renewed to end
        assert site.candidate_users(fault.began + LEASE_SECONDS - 1.0)
        fault.lost = site.uncounted(rollout)
        site.roll_back()
    assert fault.errors == 0, site.complaints


def test_a_rollback_while_redis_is_gone(site: Site, redis: Server) -> None:
    """It stops the gateway that was asked at once, the other within a lease, says `pending`, and is never undone."""
    with site.traffic():
        rollout = site.start()
        site.until_exposed()
        with site.fault("rollback with Redis killed") as fault:
            redis.stop()
            try:
                assert site.roll_back(gateway=1, durable=False)["state"] == "pending"
                site.nobody_reaches_the_candidate(fault, fault.began, 1.0)
            finally:
                redis.start()
            now = monotonic()
            ended = site.wait_for("rolled_back", 20.0)
        assert ended["id"] == rollout
        sleep(LEASE_SECONDS)  # to see that Redis' older state gives nobody the candidate again
        assert not site.candidate_users(now)
    assert fault.errors == 0, site.complaints


def test_gateways_that_start_without_their_redis(processes: Processes, faults: list[Fault], external: Server) -> None:
    """They serve stable from the first request, and roll out when Redis is there."""
    site = set_up(processes, f"{{url: redis://127.0.0.1:{external.port}}}", faults, gateways=1)
    with site.traffic():
        with site.fault("Redis absent at start") as fault:
            sleep(2.0)  # users are served meanwhile
        external.start()
        until(lambda: "redis is reachable" in site.said() and "store is back" in site.said(), "Redis is seen", 20.0)
        site.start()
        site.until_exposed()
        site.roll_back()
    site.gateways[0].http.close()
    assert fault.errors == 0, site.complaints
