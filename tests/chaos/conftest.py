"""What breaking things costs: every test adds a row, and the rows become a table.

`--every-fault` adds those that take minutes; `--chaos-page FILE` writes the table to a file (`make chaos` does both).
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from loadtest.rig.ports import free_port
from loadtest.rig.processes import Processes
from tests.chaos.site import LEASE_SECONDS, RATE, Fault, Site, set_up
from tests.redis_kinds import Server, redis_on

ROWS: Final = pytest.StashKey[list[Fault]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of `make chaos`."""
    parser.addoption("--every-fault", action="store_true", help="also the faults that take minutes")
    parser.addoption("--chaos-page", metavar="FILE", help="write the table of faults to FILE")


def pytest_configure(config: pytest.Config) -> None:
    """Room for the rows."""
    config.stash.setdefault(ROWS, [])


@pytest.fixture
def every_fault(request: pytest.FixtureRequest) -> None:
    """Skips what takes minutes, unless it was asked for."""
    if not request.config.getoption("--every-fault", default=False):
        pytest.skip("takes minutes: `make chaos` runs it")


@pytest.fixture(scope="session")
def faults(request: pytest.FixtureRequest) -> list[Fault]:
    """The rows so far."""
    return request.config.stash.setdefault(ROWS, [])


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A short directory."""
    with tempfile.TemporaryDirectory(prefix="dg") as directory:
        yield Path(directory)


@pytest.fixture(scope="module")
def redis(place: Path) -> Iterator[Server]:
    """Debian's Redis over TCP, which syncs every write, and which tests may stop, freeze and fill."""
    server = redis_on(free_port(), place, "--appendonly", "yes", "--appendfsync", "always")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def external() -> Iterator[Server]:
    """A Redis of the test's own, which it starts when it wants it."""
    with tempfile.TemporaryDirectory(prefix="dg") as directory:
        server = redis_on(free_port(), Path(directory))
        yield server
        server.stop()


@pytest.fixture(scope="module")
def two(place: Path, redis: Server, faults: list[Fault]) -> Iterator[Site]:
    """Two gateways on that Redis."""
    with Processes(place) as processes:
        made = set_up(processes, f"{{url: redis://127.0.0.1:{redis.port}}}", faults)
        yield made
        for number, gateway in enumerate(made.gateways):
            gateway.http.close()
            assert "Traceback" not in made.said(number), made.said(number)


@pytest.fixture
def site(two: Site) -> Iterator[Site]:
    """The two gateways, with nothing running there."""
    yield two
    if two.rollout().get("phase") not in (None, "promoted", "rolled_back", "idle"):
        two.roll_back(durable=False)


def table(faults: list[Fault]) -> str:
    """The rows as Markdown."""
    head = (
        "| fault | seconds | requests | client errors | added p99, worst second, ms | on stable after, s "
        "| state before → after | evidence lost |"
    )
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for fault in faults:
        stable = "–" if fault.to_stable is None else f"{fault.to_stable:.2f}"
        took = fault.ended - fault.began
        lines.append(
            f"| {fault.name} | {took:.0f} | {fault.sent} | {fault.errors} | {fault.added_p99_ms:.0f} | {stable} "
            f"| {fault.before} → {fault.after} | {'–' if fault.lost is None else fault.lost} |"
        )
    return "\n".join(lines)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the table, and write it where that was asked for."""
    faults = config.stash.get(ROWS, [])
    if not faults:
        return
    terminalreporter.section("faults")
    terminalreporter.write_line(table(faults))
    page = config.getoption("--chaos-page", default=None)
    if page:
        Path(page).write_text(PAGE.format(table=table(faults), lease=LEASE_SECONDS, rate=RATE), encoding="utf-8")


PAGE: Final = """\
# What breaking things costs

Written by `make chaos`. Two gateways, each a supervisor with its own processes on a loopback address of its own, share
one Redis; an application asks each of them {rate:.0f} times a second while a rollout stands at 50 %. Leases last
{lease:.0f} s. Everything is counted from the outside: errors by the applications, who was asked by the model servers'
own logs. *On stable after* is the time from the fault (or the rollback during it) to the last user request that started
on the candidate; – where the fault took nobody off it. *Added p99* is the worst second's p99 minus that of the calm
seconds before, on a machine with two cores that runs all of this. *Evidence lost* counts answers of
the candidate that no counter in Redis knows of afterwards; – where that was not counted.

{table}
"""
