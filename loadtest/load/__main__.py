"""A gateway under a realistic load, while one rollout widens and another is rolled back; `make load` and `make soak`.

The demo's model servers, plan and endpoints; keys for three tenants; the applications of `loadtest.locustfile`, which
locust plays headless. Ends with 0 only if no request failed, `chat` was widened, and `support` was rolled back.

    make load                        one minute
    make soak                        ten: rollouts are started again when they end, some 40 of them, and the memory and
                                     descriptors of every process of the gateway are read every few seconds; their
                                     slopes are printed, and must stay below the bounds here
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, median
from time import monotonic, sleep
from typing import Any, Final

import httpx

from gateway.demo import scene
from gateway.demo.personas import HEALTHY, OVERCAUTIOUS, STABLE
from gateway.demo.scene import Ports
from gateway.keys import SECRET_VARIABLE, new_token, stored_hash
from gateway.roles import Role
from loadtest.rig.accounting import descriptors, rss_mib
from loadtest.rig.ports import free_port
from loadtest.rig.processes import Gateway, Processes, ProcessFailed, command_line, listening

SECONDS: Final = 60.0
SOAK_SECONDS: Final = 600.0
EVERY_SECONDS: Final = 5.0
WARM_SECONDS: Final = 300.0
"""Of a soak, not counted: caches, pools and allocators fill up, and the control process has seen a dozen rollouts."""
MOST_MIB_PER_HOUR: Final = {"data": 30.0, "shadow": 60.0, "control": 90.0}
"""A data worker's leak of one kilobyte in each of 100 requests a second would be 350. The other two attend to some 200
rollouts an hour here, where a gateway has a few a day. A shadow worker still fills what it remembers, all of it bounded
(`docs/capacity.md`): 10 to 20 from the fifth to the tenth minute, 4 from there to the twentieth."""
MOST_KIB_PER_ROLLOUT: Final = 500.0
"""Of Valkey: an ended rollout leaves its document and compressed audit (up to a number of them), and its counters for
an hour. Uncompressed, the entries of one that was promoted were 830 by themselves, and its voters 475."""
MOST_DESCRIPTORS_PER_HOUR: Final = 200.0
"""One left behind by each rollout would be some 330; connections that come and go make 50 either way."""
LOCUSTFILE: Final = Path(__file__).resolve().parents[1] / "locustfile.py"
TENANTS: Final = ("shop", "bank", "lab")
WIDENED: Final = ("canary", "baking", "promoted")


@dataclass(slots=True)
class Reading:
    """What was read of the gateway's processes, by role: seconds, MiB, descriptors, and rollouts that had ended."""

    at: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    mib: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    open: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    ended: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def read(self, gateway: Gateway, now: float, ended: int) -> None:
        """Read every process once."""
        for pid in gateway.children():
            with suppress(OSError):  # it may have ended meanwhile
                role = f"{_role(command_line(pid))} ({pid})"
                mib, count = rss_mib([pid]), descriptors(pid)
                self.at[role].append(now)
                self.mib[role].append(mib)
                self.open[role].append(count)
                self.ended[role].append(ended)

    def report(self) -> list[str]:
        """A table of slopes; returns what is not flat."""
        problems = []
        print("| process | MiB | MiB per hour | KiB per rollout | descriptors | per hour |\n|---|---|---|---|---|---|")
        for role, instants in self.at.items():
            if len(instants) < 3:
                continue
            hourly = linear_regression(instants, self.mib[role]).slope * 3600
            each = 0.0
            if self.ended[role][-1] > self.ended[role][0]:
                each = linear_regression(self.ended[role], self.mib[role]).slope * 1024
            opened = linear_regression(instants, self.open[role]).slope * 3600
            middle = median(self.mib[role]), median(self.open[role])
            print(f"| {role} | {middle[0]:.1f} | {hourly:+.1f} | {each:+.0f} | {middle[1]:.0f} | {opened:+.1f} |")
            if hourly > MOST_MIB_PER_HOUR.get(role.split()[0], float("inf")):
                problems.append(f"the memory of {role} grows by {hourly:.1f} MiB an hour")
            if opened > MOST_DESCRIPTORS_PER_HOUR:
                problems.append(f"the descriptors of {role} grow by {opened:.0f} an hour")
            if role.startswith("valkey") and each > MOST_KIB_PER_ROLLOUT:
                problems.append(f"the memory of {role} grows by {each:.0f} KiB with each rollout")
        return problems


def _role(command: str) -> str:
    """Which of the gateway's processes it is: `data 0`, `shadow`, `control`, or the program's own name."""
    words = command.split()
    at = next((index for index, word in enumerate(words) if word.endswith("child")), None)
    if at is not None:
        return " ".join(words[at + 1 : at + 3])
    return Path(words[0]).name if words else "gone"


@dataclass(slots=True)
class Rollouts:
    """The two rollouts, and all ends that they came to."""

    gateway: Gateway
    again: bool
    seen: dict[str, set[str]] = field(default_factory=lambda: {"chat": set(), "support": set()})
    ends: dict[str, dict[str, str]] = field(default_factory=lambda: {"chat": {}, "support": {}})
    reasons: list[str] = field(default_factory=list)
    due: set[str] = field(default_factory=lambda: {"chat", "support"})

    def start(self, endpoint: str) -> None:
        """Start the endpoint's rollout towards whatever does not serve it now; again later where it is refused.

        A plan is made from the traffic of the last minute, and may be found too long for it.
        """
        serving = self.gateway.http.get(f"/admin/v1/endpoints/{endpoint}").json()["stable"]
        candidate = {"chat": HEALTHY.model, "support": OVERCAUTIOUS.model}[endpoint]
        wanted = STABLE.model if serving == candidate else candidate
        try:
            self.gateway.command(endpoint, "rollouts", {"candidate": wanted, "plan": "demo", "reason": "load"})
        except ProcessFailed as refused:
            self.reasons.append(f"{endpoint}: {refused}")
        else:
            self.due.discard(endpoint)

    def look(self) -> None:
        """See where they are; start what is due, and ended ones again where wanted."""
        for endpoint in sorted(self.due):
            self.start(endpoint)
        for endpoint, seen in self.seen.items():
            rollout = self.gateway.rollout(endpoint)
            phase = str(rollout.get("phase"))
            seen.add(phase)
            if phase in ("promoted", "rolled_back") and rollout["id"] not in self.ends[endpoint]:
                self.ends[endpoint][str(rollout["id"])] = phase
                self.reasons.append(f"{endpoint} → {rollout['candidate']}: {phase}, {rollout['reason']}")
                if self.again:
                    self.due.add(endpoint)

    def problems(self) -> list[str]:
        """What did not go as it must: the first rollout of `chat` widens, that of `support` is rolled back."""
        found = []
        if not self.seen["chat"] & set(WIDENED):
            found.append(f"chat was not widened; it was {', '.join(sorted(self.seen['chat']))}")
        if next(iter(self.ends["support"].values()), "") != "rolled_back":
            found.append(f"support was not rolled back; it was {', '.join(sorted(self.seen['support']))}")
        return found


def start(processes: Processes, keys: dict[str, str], operator: str) -> Gateway:
    """The demo's model servers, and a gateway between them."""
    ports = {}
    groups = {"stables": [STABLE.model], "candidates": [HEALTHY.model, OVERCAUTIOUS.model]}
    for seed, (name, models) in enumerate(groups.items(), start=1):
        with listening() as listener:
            command = [sys.executable, "-m", "gateway.demo.model_server", f"--fd={listener.fileno()}", f"--seed={seed}"]
            processes.start(name, [*command, *models], pass_fds=[listener.fileno()])
            ports[name] = int(listener.getsockname()[1])
    gateway = Gateway(processes, processes.place / "driftgate.yaml", free_port(), free_port())
    all_ports = Ports(gateway.data_port, gateway.admin_port, ports["stables"], ports["candidates"])
    text = scene.configuration(all_ports, processes.place / "state", workers=2)
    secret = os.environ[SECRET_VARIABLE] = new_token()
    held = [
        {"name": name, "role": Role.APP, "tenant": name, "hash": stored_hash(secret, key)} for name, key in keys.items()
    ]
    held.append({"name": "operator", "role": Role.ADMIN, "hash": stored_hash(secret, operator)})
    gateway.config.write_text(f"{text}keys: {json.dumps(held)}\n")
    gateway.http.headers["authorization"] = f"Bearer {operator}"
    gateway.start()
    gateway.wait_ready()
    return gateway


def locust(processes: Processes, gateway: Gateway, keys: dict[str, str], seconds: float) -> subprocess.Popen[bytes]:
    """Start the applications."""
    command = [sys.executable, "-m", "locust", "--headless", "-f", str(LOCUSTFILE)]
    command += ["--host", f"http://127.0.0.1:{gateway.data_port}", "--only-summary"]
    command += ["--stop-timeout", "10", "--json-file", str(processes.place / "locust"), "--loglevel", "WARNING"]
    os.environ |= {"DRIFTGATE_LOAD_KEYS": json.dumps(keys), "DRIFTGATE_LOAD_SECONDS": str(seconds)}
    return processes.start("locust", command)


def play(place: Path, seconds: float, *, soak: bool) -> list[str]:
    """Everything; what went wrong."""
    keys, operator = {name: new_token() for name in TENANTS}, new_token()
    with Processes(place) as processes:
        gateway = start(processes, keys, operator)
        applications = locust(processes, gateway, keys, seconds)
        rollouts, reading = Rollouts(gateway, again=soak), Reading()
        began = monotonic()
        sleep(5.0)  # the plan is made from traffic that is there
        while applications.poll() is None:
            if monotonic() > began + seconds + 60.0:
                raise ProcessFailed(f"locust did not end:\n{processes.last_words('locust')}")
            rollouts.look()
            if soak and monotonic() > began + WARM_SECONDS:
                reading.read(gateway, monotonic(), sum(map(len, rollouts.ends.values())))
            sleep(EVERY_SECONDS if soak else 1.0)
        rollouts.look()
        problems = [*_counted(place), *rollouts.problems()]
        for reason in rollouts.reasons:
            print(reason)
        if soak:
            problems += reading.report()
        if problems:
            print(processes.last_words("locust"), processes.last_words("gateway"), sep="\n", file=sys.stderr)
        gateway.http.close()
        return problems


def _counted(place: Path) -> list[str]:
    """The applications' own count of requests, printed as a table; what failed."""
    rows: list[dict[str, Any]] = json.loads((place / "locust.json").read_text())  # Any: a JSON object
    print("| requests | number | failed | p50 ms | p99 ms |\n|---|---|---|---|---|")
    problems = []
    for row in rows:
        times = {int(float(ms)): int(number) for ms, number in row["response_times"].items()}
        cells = (row["name"], row["num_requests"], row["num_failures"], _at(times, 0.5), _at(times, 0.99))
        print(f"| {' | '.join(map(str, cells))} |")
        if row["num_failures"]:
            problems.append(f"{row['num_failures']} of {row['num_requests']} requests failed: {row['name']}")
    if not sum(row["num_requests"] for row in rows):
        problems.append("nobody asked anything")
    return problems


def _at(times: dict[int, int], share: float) -> int:
    """A percentile of a histogram of rounded milliseconds."""
    left = share * sum(times.values())
    for ms in sorted(times):
        left -= times[ms]
        if left <= 0:
            return ms
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print, judge."""
    parser = argparse.ArgumentParser(description="A realistic load while one rollout widens and another rolls back.")
    parser.add_argument("--soak", action="store_true", help="ten minutes, and the slopes of memory and descriptors")
    parser.add_argument("--seconds", type=float)
    given = parser.parse_args(arguments)
    seconds = given.seconds or (SOAK_SECONDS if given.soak else SECONDS)
    with tempfile.TemporaryDirectory(prefix="dg-load-") as made:
        try:
            problems = play(Path(made), seconds, soak=given.soak)
        except (ProcessFailed, httpx.HTTPError) as failure:
            problems = [str(failure)]
    for problem in problems:
        print(f"load: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
