"""A fleet in the middle of an upgrade: the first version's own code and the present one, as two gateways on one Redis.

The first version is taken from this repository's history. Where a clone is too shallow to have it, these tests are
skipped; what it wrote is kept as files, and read by tests/rollback/test_document.py in any case.
"""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Final

import pytest

from gateway.keys import SECRET_VARIABLE, stored_hash
from loadtest.rig.pair import until
from loadtest.rig.ports import free_port
from loadtest.rig.processes import Gateway, Processes
from routing.names import EndpointKeys
from tests.chaos.site import READY_SECONDS, Fault, Site, set_up
from tests.redis_kinds import Server, redis_on

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

FIRST: Final = "9bf0d4d3957241e5d0fb33368560f346525ab4a0"
"""The last commit whose gateways wrote version 1, and read nothing else."""
KEYS: Final = EndpointKeys("dg", "chat")
SECRET: Final = "a secret of this test, thirty-two bytes"
ADMIN, SHOP, BANK = (f"dg_{name}_{'0' * 32}" for name in ("admin", "shop", "bank"))
KEYS_SECTION: Final = f"""\
keys:
  - {{name: ann, role: admin, hash: {stored_hash(SECRET, ADMIN)}}}
  - {{name: shop, role: app, hash: {stored_hash(SECRET, SHOP)}}}
  - {{name: bank, role: app, hash: {stored_hash(SECRET, BANK)}}}
"""
OLD: Final = 0
NEW: Final = 1


@pytest.fixture(scope="module")
def first_version() -> Iterator[Path]:
    """A checkout of the first version."""
    root = Path(__file__).parents[2]
    found = subprocess.run(["git", "archive", FIRST], cwd=root, capture_output=True, check=False)
    if found.returncode:
        pytest.skip("this clone has no history to take the first version from")
    with tempfile.TemporaryDirectory(prefix="dg") as directory:
        with tarfile.open(fileobj=io.BytesIO(found.stdout)) as archive:
            archive.extractall(directory, filter="data")
        yield Path(directory)


@pytest.fixture(scope="module")
def fleet(first_version: Path, faults: list[Fault]) -> Iterator[tuple[Site, Server]]:
    """An old gateway, which leads, and a new one, which has plans of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="dg") as directory,
        pytest.MonkeyPatch.context() as patch,
        Processes(Path(directory)) as processes,
    ):
        patch.setenv(SECRET_VARIABLE, SECRET)
        place = Path(directory)
        redis = redis_on(free_port(), place, "--appendonly", "yes", "--appendfsync", "always")
        redis.start()
        try:
            site = set_up(processes, f"{{url: redis://127.0.0.1:{redis.port}}}", faults, start=False)
            old, new = site.gateways
            old.source = first_version
            later = "  later:" + new.config.read_text().partition("  standing:")[2].partition("\n")[0] + "\n"
            text = new.config.read_text() + later.replace("{", "{exclude: [key:bank], ", 1)
            new.config.write_text(text.replace("standing: {", "standing: {keep_stable: 0s, "))
            for gateway in site.gateways:
                gateway.config.write_text(gateway.config.read_text() + KEYS_SECTION)
                gateway.http.headers["authorization"] = f"Bearer {ADMIN}"
                _start(gateway)
            yield site, redis
            for number, gateway in enumerate(site.gateways):
                gateway.http.close()
                assert "Traceback" not in site.said(number), site.said(number)
        finally:
            redis.stop()


def _start(gateway: Gateway) -> None:
    gateway.start()
    gateway.wait_ready(READY_SECONDS)


def arms(gateway: Gateway, users: int = 40) -> list[str]:
    """Which arm each of some users is on, at one of the gateways; every one of them gets an answer."""
    found = []
    for number in range(users):
        answer = gateway.http.post(
            f"{gateway.data_url}/v1/chat/completions",
            json={"model": "chat", "messages": [{"role": "user", "content": "who?"}]},
            headers={"x-user-id": f"user-{number}", "authorization": f"Bearer {SHOP}"},
        )
        assert answer.is_success, answer.text
        found.append(answer.headers["x-driftgate-arm"])
    return found


def start(site: Site, gateway: int, plan: str) -> None:
    """Start a rollout at one of the gateways."""
    site.started += 1
    site.gateways[gateway].command(
        "chat", "rollouts", {"candidate": "lumen-2", "plan": plan, "reason": f"start {site.started}"}
    )


def until_exposed(gateway: Gateway) -> None:
    """Some of a gateway's users are on the candidate."""
    until(lambda: "candidate" in arms(gateway, 10), f"{gateway.name} exposes the candidate")


@pytest.mark.parametrize(("starts", "ends"), [(OLD, NEW), (NEW, OLD)])
def test_two_versions_share_a_rollout(fleet: tuple[Site, Server], starts: int, ends: int) -> None:
    """One starts it, both give a user the same arm, and the other's rollback holds on both."""
    site, redis = fleet
    start(site, starts, "standing")
    for gateway in site.gateways:
        until_exposed(gateway)
    assert arms(site.gateways[OLD]) == arms(site.gateways[NEW])
    answer = site.gateways[ends].command("chat", "rollback", {"reason": "enough seen"})
    assert answer["durability"]["state"] == "durable"
    for number, gateway in enumerate(site.gateways):
        until(lambda gateway=gateway: set(arms(gateway, 10)) == {"stable"}, f"{gateway.name} is on stable", 5.0)  # type: ignore[misc]  # a default binds the loop's value
        assert site.rollout(number)["phase"] == "rolled_back"
    with redis.client() as client:
        assert b'"version":1' in (client.get(KEYS.rollout) or b"")


def test_what_the_old_version_would_misread_exposes_nobody_there(fleet: tuple[Site, Server]) -> None:
    """A plan with exclusions: the old gateway does not know what they are, and so all its users stay on stable."""
    site, redis = fleet
    old, new = site.gateways
    site.processes.stop(old.name)
    start(site, NEW, "later")
    until_exposed(new)
    _start(old)
    began = monotonic()
    assert set(arms(old)) == {"stable"}
    assert set(arms(new)) == {"stable", "candidate"}
    with redis.client() as client:
        assert b'"version":2' in (client.get(KEYS.rollout) or b"")
    until(lambda: monotonic() - began > 2.0 and set(arms(old)) == {"stable"}, "the old one still exposes nobody")
    answer = new.command("chat", "rollback", {"reason": "enough seen"})
    assert answer["durability"]["redis"] == "committed"
    assert set(arms(new)) == {"stable"}
