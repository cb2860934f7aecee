"""Each process is killed at each step of a rollout: it goes on where it was, and no step is skipped or done twice."""

from collections.abc import Callable
from typing import Final

import pytest

from loadtest.rig.pair import until
from loadtest.rig.processes import Processes, kill
from tests.chaos.site import IN_FLIGHT, READY_SECONDS, Fault, Site, set_up

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]

ROLES: Final = ("child data", "child shadow", "child control", "valkey")
WEIGHTS: Final = (0, 2_500, 5_000, 10_000)


def at_each_step(site: Site, act: Callable[[], object]) -> str:
    """Start a rollout, do something at each of its weights, and wait for its promotion; the rollout's id."""
    rollout = site.start("quick")
    for weight in WEIGHTS:
        until(lambda: site.weight() >= weight, f"{weight / 100:g} %", 90.0)  # noqa: B023 - waited for within the loop
        act()
    site.wait_for("promoted", 120.0)
    return rollout


def steps_are_single(site: Site, rollout: str) -> None:
    """The audit record tells of each step once, in order, under a revision of its own."""
    entries = site.audit(rollout)
    assert [entry["weight_bps"] for entry in entries if entry["phase_to"] != "promoted"] == list(WEIGHTS), entries
    assert [entry["phase_to"] for entry in entries].count("promoted") == 1
    revisions = [entry["revision"] for entry in entries]
    assert revisions == sorted(set(revisions)), revisions


@pytest.mark.usefixtures("every_fault")
def test_each_process_is_killed_at_each_step(processes: Processes, faults: list[Fault]) -> None:
    """Sixteen deaths in one rollout, which ends promoted; only what was in a killed data worker may fail."""
    site = set_up(processes, "{url: embedded}", faults, gateways=1)

    def kill_each() -> None:
        for role in ROLES:
            victim = site.process(0, role)
            kill(victim)
            until(
                lambda: [pid for pid in site.gateways[0].children(role) if pid != victim],  # noqa: B023 - as above
                f"{role} is back",
                30.0,
            )

    with site.traffic():
        with site.fault("each process killed at each step") as fault:
            rollout = at_each_step(site, kill_each)
        steps_are_single(site, rollout)
    site.gateways[0].http.close()
    assert fault.errors <= len(WEIGHTS) * IN_FLIGHT, site.complaints


@pytest.mark.usefixtures("every_fault")
def test_the_whole_gateway_is_killed_at_each_step(processes: Processes, faults: list[Fault]) -> None:
    """Four times: the next `serve` goes on with the same rollout, and it ends promoted."""
    site = set_up(processes, "{url: embedded}", faults, gateways=1)
    gateway = site.gateways[0]

    def kill_all() -> None:
        site.processes.kill(gateway.name)
        gateway.start()
        gateway.wait_ready(READY_SECONDS)

    with site.traffic():
        with site.fault("the whole gateway killed at each step") as fault:
            rollout = at_each_step(site, kill_all)
        steps_are_single(site, rollout)
    gateway.http.close()
    assert fault.after == "promoted 100 %"
