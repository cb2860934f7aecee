"""Two gateways whose wall clocks are two hours apart: nothing is decided by them."""

import re
from datetime import datetime
from pathlib import Path

import pytest

from loadtest.rig.processes import Processes
from tests.chaos.site import READY_SECONDS, Fault, set_up
from tests.redis_kinds import Server

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

HOUR = 3600
SHIFTED = """\
import datetime
import time

_time, _time_ns, _Datetime = time.time, time.time_ns, datetime.datetime
time.time = lambda: _time() + {shift}
time.time_ns = lambda: _time_ns() + {shift} * 1_000_000_000


class Shifted(_Datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(seconds={shift})


datetime.datetime = Shifted
"""
"""Read by every Python process before its own first line: the wall clock is wrong, the monotonic one is not."""


def _wrong_clock(place: Path, name: str, shift: int) -> Path:
    directory = place / f"clock-of-{name}"
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(SHIFTED.format(shift=shift), encoding="utf-8")
    return directory


def test_gateways_whose_clocks_are_wrong_by_an_hour_either_way(
    processes: Processes, faults: list[Fault], external: Server
) -> None:
    """Leases hold, stages bake as long as they should, a rollback on one stops both, and the audit has Redis' time."""
    external.start()
    site = set_up(processes, f"{{url: redis://127.0.0.1:{external.port}}}", faults, start=False)
    for gateway, shift in zip(site.gateways, (HOUR, -HOUR), strict=True):
        gateway.source = _wrong_clock(processes.place, gateway.name, shift)
        gateway.start()
    for gateway in site.gateways:
        gateway.wait_ready(READY_SECONDS)
    with external.client() as client:
        began = client.time()[0]
    with site.traffic():
        with site.fault("clocks wrong by an hour either way") as fault:
            rollout = site.start("quick")
            site.wait_for("canary", 60.0)
            site.until_exposed()
            site.roll_back(gateway=1)
        audit = site.audit(rollout)
    with external.client() as client:
        ended = client.time()[0]
    assert fault.errors == 0, site.complaints
    baked = {entry["action"]: entry["at"] for entry in audit}
    assert 1.0 <= baked["widen"] - baked["start"] < HOUR / 2, audit
    assert all(began - 1 <= entry["at"] <= ended + 1 for entry in audit), audit
    for number, shift in enumerate((HOUR, -HOUR)):
        dated = re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", site.said(number), re.MULTILINE)
        assert dated
        first = datetime.strptime(dated.group(), "%Y-%m-%d %H:%M:%S").astimezone()  # a log has local time
        assert abs(first.timestamp() - began - shift) < HOUR / 2, "its clock was wrong indeed"
    for gateway in site.gateways:
        gateway.http.close()
