"""What a change is worth: CPU per request and memory of one data worker, beside nginx and another checkout.

`python -m loadtest.bench.cpu` plays interleaved rounds: nginx, the gateway without a rollout, and the gateway with
everything on (a rollout at 50 %: assignment, capture, hand-over, counters). `--against ../before` plays the gateway of
another checkout beside it: what a change is worth is a ratio within one run. Load comes from wrk, answers from replay
servers. CPU is read from the proxying process's own accounting in /proc, not from the load generator's throughput, so
neighbours on shared cores disturb it little. The page is `loadtest.bench`'s.

Needs Debian's `nginx` and `wrk`; says so and ends where they are missing.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Final

from loadtest.rig import invented
from loadtest.rig.processes import Gateway, Processes, ProcessFailed, command_line, descendants, free_port, start_replay

ROUNDS: Final = 5
SECONDS: Final = 4
IN_FLIGHT: Final = 32
ENDPOINT: Final = "chat"

_CONFIG: Final = """\
listen: {{data: 127.0.0.1:{data}, admin: 127.0.0.1:{admin}}}
workers: 1
state_dir: {state}
models:
  lumen-1: {{base_url: {stable}}}
  lumen-2: {{base_url: {candidate}}}
endpoints:
  chat: {{stable: lumen-1, plan: half, sticky_by: [header:x-user-id], shadow: {{sample: 20%, noise_floor: 2%}}}}
plans:
  half:
    stages: [{{weight: 50%, bake: 1h}}]
    budgets: {{agreement: off}}
"""
_NGINX: Final = """\
daemon off;
worker_processes 1;
pid {place}/nginx.pid;
error_log {place}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {place}/body;
  proxy_temp_path {place}/proxy;
  fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi;
  scgi_temp_path {place}/scgi;
  upstream models {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{
      proxy_pass http://models;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""
_LUA: Final = """\
local count = 0
local id = 0
function setup(thread) thread:set("id", {seed}) end
function request()
  count = count + 1
  wrk.headers["content-type"] = "application/json"
  wrk.headers["x-user-id"] = "user-" .. id .. "-" .. count
  return wrk.format("POST", "/v1/chat/completions", nil, {body})
end
"""
READY_SECONDS: Final = 60.0
"""For a gateway to start on a machine that is busy with others."""
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to the model server: which port is asked, and which process is accounted."""

    name: str
    port: int
    pid: int


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one way."""

    way: str
    kind: str
    cpu_us: float
    per_second: float
    rss_mib: float
    errors: int


def cpu_seconds(pid: int) -> float:
    """User and system time of one process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_mib(pid: int) -> float:
    """Resident memory of one process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) / 1024 if found else 0.0


def play(way: Way, kind: str, script: Path) -> Round:
    """One round of load."""
    command = ["wrk", "-t1", f"-c{IN_FLIGHT}", f"-d{SECONDS}s", "--timeout", "10s", "-s", str(script)]
    before = cpu_seconds(way.pid)
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{way.port}"], capture_output=True, text=True, check=True, timeout=SECONDS + 30
    )
    spent = cpu_seconds(way.pid) - before
    requests = int(_number(r"(\d+) requests in", done.stdout))
    errors = int(_number(r"Non-2xx or 3xx responses: (\d+)", done.stdout))
    errors += sum(
        int(each) for group in re.findall(r"Socket errors: (.+)", done.stdout) for each in re.findall(r"\d+", group)
    )
    if not requests:
        raise ProcessFailed(f"{way.name} answered nothing:\n{done.stdout}")
    per_second = _number(r"Requests/sec:\s+([\d.]+)", done.stdout)
    return Round(way.name, kind, spent / requests * 1e6, per_second, rss_mib(way.pid), errors)


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found.group(1)) if found else 0.0


def table(rounds: Sequence[Round]) -> str:
    """A Markdown table: medians over the rounds, and each figure against nginx's of the same kind."""
    played = len(rounds) // len({(each.way, each.kind) for each in rounds})
    head = f"{played} rounds of {SECONDS} s, {IN_FLIGHT} in flight"
    rows = [f"| {head} | CPU µs per request | × nginx | requests/s | RSS MiB | errors |", "|---|---|---|---|---|---|"]
    for kind in dict.fromkeys(each.kind for each in rounds):
        nginx = median(each.cpu_us for each in rounds if each.kind == kind and each.way == "nginx proxy_pass")
        for way in dict.fromkeys(each.way for each in rounds):
            mine = [each for each in rounds if each.kind == kind and each.way == way]
            cpu = median(each.cpu_us for each in mine)
            rows.append(
                f"| {way}, {kind} | {cpu:.0f} ({min(each.cpu_us for each in mine):.0f}–"
                f"{max(each.cpu_us for each in mine):.0f}) | {cpu / nginx:.1f} "
                f"| {median(each.per_second for each in mine):,.0f} | {max(each.rss_mib for each in mine):.0f} "
                f"| {sum(each.errors for each in mine)} |"
            )
    return "\n".join(rows)


def scripts(place: Path, recorded: Path) -> dict[str, Path]:
    """The wrk scripts, by kind of request: one recorded prompt below a long system message, 1.6 KB together."""
    made = {}
    prompt = json.loads(recorded.read_text())[0]["instruction"]
    messages = [{"role": "system", "content": "word " * 280}, {"role": "user", "content": prompt}]
    for kind in ("unary", "streamed"):
        body = json.dumps({"model": ENDPOINT, "stream": kind == "streamed", "messages": messages})
        path = place / f"{kind}.lua"
        path.write_text(_LUA.replace("{seed}", "os.time()").replace("{body}", f"[==[{body}]==]"))
        made[kind] = path
    return made


@dataclass(slots=True)
class Driven:
    """A gateway under load, its data worker's process id, and what it is called in the table."""

    gateway: Gateway
    worker: int
    name: str

    def way(self, doing: str) -> Way:
        """It as a way, doing something."""
        return Way(f"{self.name}, {doing}", self.gateway.data_port, self.worker)


def start_gateway(processes: Processes, name: str, models: Mapping[str, str], source: Path | None = None) -> Driven:
    """Start a gateway, of another checkout where one is given, and wait until it serves."""
    place = processes.place / name
    place.mkdir()
    gateway = Gateway(processes, place / "driftgate.yaml", free_port(), free_port(), name=name, source=source)
    text = _CONFIG.format(data=gateway.data_port, admin=gateway.admin_port, state=place / "state", **models)
    gateway.config.write_text(text)
    gateway.start()
    gateway.wait_ready(READY_SECONDS)
    return Driven(gateway, worker_of(processes, name, "data"), name)


def bench(place: Path, rounds: int, against: Path | None) -> list[Round]:
    """Start everything, and play the rounds interleaved; `against`: a checkout whose gateway is played beside ours."""
    with Processes(place) as processes:
        recorded = invented.write(place, "lumen-1", repeat=4)
        stable = start_replay(processes, "stable", "lumen-1", recorded)
        candidate = start_replay(processes, "candidate", "lumen-2", recorded)
        models = {"stable": stable.base_url, "candidate": candidate.base_url}
        driven = [start_gateway(processes, "driftgate", models)]
        if against is not None:
            driven.append(start_gateway(processes, "driftgate before", models, against))
        port = free_port()
        (place / "nginx.conf").write_text(_NGINX.format(place=place, upstream=stable.port, port=port))
        processes.start("nginx", ["nginx", "-p", str(place), "-c", str(place / "nginx.conf")])
        nginx = Way("nginx proxy_pass", port, worker_of(processes, "nginx", "worker process"))
        kinds = scripts(place, recorded)
        found: list[Round] = []
        for _ in range(rounds):
            for kind, script in kinds.items():
                found.append(play(nginx, kind, script))
                found += [play(each.way("no rollout"), kind, script) for each in driven]
            for each in driven:
                each.gateway.command(ENDPOINT, "rollouts", {"candidate": "lumen-2", "reason": "bench"})
            for kind, script in kinds.items():
                found += [play(each.way("rollout at 50 %"), kind, script) for each in driven]
            for each in driven:
                each.gateway.command(ENDPOINT, "rollback", {"reason": "bench"})
        return found


def worker_of(processes: Processes, name: str, role: str) -> int:
    """The process id of a server's worker, once it is there."""
    until = monotonic() + 10.0
    while monotonic() < until:
        for pid in descendants(processes.running[name].pid):
            if role in command_line(pid):
                return pid
        sleep(0.05)
    raise ProcessFailed(f"{name} has no process {role!r}:\n{processes.last_words(name)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU per request beside nginx.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--against", type=Path, help="another checkout, whose gateway is played beside this one")
    given = parser.parse_args(arguments)
    missing = [name for name in ("nginx", "wrk") if shutil.which(name) is None]
    if missing:
        print(f"bench: skipped, {' and '.join(missing)} not installed")
        return 0
    with tempfile.TemporaryDirectory(prefix="dg-bench-") as made:
        rounds = bench(Path(made), given.rounds, given.against)
    print(table(rounds))
    return 1 if any(each.errors for each in rounds) else 0


if __name__ == "__main__":
    sys.exit(main())
