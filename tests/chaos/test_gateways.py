"""Two gateways on one Redis: one assignment, one controller, one rollback for both; and what happens when one fails."""

import json
from time import monotonic, sleep

import pytest

from loadtest.rig.pair import until
from loadtest.rig.processes import descendants, is_alive, kill
from routing.names import EndpointKeys, leader_key
from tests.chaos.site import GRACE_SECONDS, LEASE_SECONDS, READY_SECONDS, Site, stop_process, wake_process
from tests.redis_kinds import Server

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

LEADER = leader_key("dg")
KEYS = EndpointKeys("dg", "chat")


def leader(site: Site, redis: Server) -> int:
    """Which gateway leads."""

    def named() -> tuple[int, ...]:
        with redis.client() as client:
            holder = (client.get(LEADER) or b"").decode()
        own = [(gateway.state / "gateway-id").read_text().strip() for gateway in site.gateways]
        return tuple(number for number, name in enumerate(own) if name == holder)

    return until(named, "somebody leads")[0]


def revisions(site: Site, rollout: str) -> list[int]:
    """The revisions of a rollout's transitions, in the order in which they were made."""
    return [entry["revision"] for entry in site.audit(rollout)]


def test_both_gateways_give_a_user_the_same_arm(site: Site) -> None:
    """The bucket is the key's own: wherever a user asks, the same model answers."""
    with site.traffic():
        site.start()
        site.until_exposed()
    arms: dict[str, list[str]] = {}
    for gateway in site.gateways:
        for number in range(40):
            user = f"same-{number}"
            answer = gateway.http.post(
                f"{gateway.data_url}/v1/chat/completions",
                json={"model": "chat", "messages": [{"role": "user", "content": "who?"}]},
                headers={"x-user-id": user},
            )
            arms.setdefault(user, []).append(answer.headers["x-driftgate-arm"])
    assert all(first == second for first, second in arms.values()), arms
    assert {first for first, _ in arms.values()} == {"stable", "candidate"}


def test_a_rollback_on_one_gateway_stops_both(site: Site) -> None:
    """Asked of one: the other's users leave the candidate too, long before any lease ends."""
    with site.traffic():
        site.start()
        site.until_exposed()
        with site.fault("rollback on one of two gateways") as fault:
            asked = monotonic()
            site.roll_back(gateway=1)
            site.nobody_reaches_the_candidate(fault, asked, 0.5)
    assert fault.errors == 0, site.complaints
    assert fault.to_stable is not None
    assert fault.to_stable < LEASE_SECONDS


def test_the_other_gateway_takes_over_when_the_leader_dies(site: Site, redis: Server) -> None:
    """SIGKILL for the leading supervisor, and so for all its processes: the other leads, and the rollout goes on."""
    with site.traffic():
        rollout = site.start()
        site.until_exposed()
        first = leader(site, redis)
        other = 1 - first
        dying = site.gateways[first]
        children = descendants(site.processes.running[dying.name].pid)
        with site.fault("leading gateway killed") as fault:
            site.applications[first].stop.set()  # who asks a machine that is gone asks another one
            sleep(GRACE_SECONDS)
            failed = site.failed
            site.processes.kill(dying.name)
            until(lambda: not [pid for pid in children if is_alive(pid)], "all its processes ended", 5.0)
            until(lambda: leader(site, redis) == other, "the other one leads", 20.0)
            now = monotonic()
            until(lambda: site.candidate_users(now + LEASE_SECONDS), "the lease is renewed", 3 * LEASE_SECONDS)
        assert site.failed == failed, site.complaints
        assert site.rollout(other)["id"] == rollout
        dying.start()
        dying.wait_ready(READY_SECONDS)
        site.roll_back(gateway=first)
    assert fault.errors == 0, site.complaints


def test_a_leader_that_was_frozen_past_its_lease_is_fenced(site: Site, redis: Server) -> None:
    """The other one leads and moves on; what the woken one still does changes nothing, and no step is done twice."""
    with site.traffic():
        rollout = site.start("quick")
        site.wait_for("shadowing")
        first = leader(site, redis)
        control = site.process(first, "child control")
        with site.fault("leading controller frozen, then woken") as fault:
            stop_process(control)
            try:
                until(lambda: leader(site, redis) == 1 - first, "the other one leads", 20.0)
                site.wait_for("canary", gateway=1 - first)
            finally:
                wake_process(control)
            site.wait_for("promoted", 90.0, gateway=1 - first)
        entries = site.audit(rollout)
        assert [entry["weight_bps"] for entry in entries if entry["phase_to"] != "promoted"] == [0, 2500, 5000, 10000]
        found = revisions(site, rollout)
        assert found == sorted(set(found)), "every revision once, in order"
        site.gateways[0].command("chat", "rollback", {"reason": "back to lumen-1"})
    assert fault.errors == 0, site.complaints


def test_a_document_of_a_newer_version_grants_nothing(site: Site, redis: Server) -> None:
    """A rolling upgrade: one gateway writes what the other cannot read. Both are at weight 0, and say what to do."""
    with site.traffic():
        site.start()
        site.until_exposed()
        with redis.client() as client, site.fault("state of a newer version") as fault:
            stored = client.get(KEYS.rollout) or b""
            newer = {**json.loads(stored), "version": 99, "revision": json.loads(stored)["revision"] + 1}
            client.set(KEYS.rollout, json.dumps(newer))
            site.nobody_reaches_the_candidate(fault, fault.began, 1.0)
            admin = site.gateways[0].http  # which says for a moment, where Redis was slow to answer, only that
            until(lambda: "version 99" in admin.get("/admin/v1/endpoints/chat").text, "it says what it cannot read")
            client.set(KEYS.rollout, json.dumps({**newer, "version": 1}))
        site.until_exposed()
        site.roll_back()
    assert fault.errors == 0, site.complaints


@pytest.mark.parametrize("role", ["child control", "child shadow", "child data"])
def test_a_killed_process_on_one_of_two_gateways(site: Site, role: str) -> None:
    """Only what was in a killed data worker may fail; the rollout stands, and its users stay on the candidate."""
    with site.traffic():
        rollout = site.start()
        site.until_exposed()
        with site.fault(f"{role.removeprefix('child ')} process killed") as fault:
            victim = site.process(0, role)
            kill(victim)
            until(lambda: [pid for pid in site.gateways[0].children(role) if pid != victim], f"{role} is back", 20.0)
            site.gateways[0].wait_ready(READY_SECONDS)
            sleep(LEASE_SECONDS)  # longer than a lease that nobody renews would last
        assert site.candidate_users(fault.ended - 1.0)
        fault.lost = site.uncounted(rollout)
        until(lambda: "away" not in site.gateways[0].http.get(f"{site.gateways[0].data_url}/readyz").text, "it is well")
        site.roll_back()
    may_fail = 16 if role == "child data" else 0
    assert fault.errors <= may_fail, site.complaints
