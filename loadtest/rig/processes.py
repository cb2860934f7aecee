"""The processes of a load test: replay servers, and the gateway as a user would start it.

They live in a context and end with it. Output goes to files in a temporary directory; its end is shown on failure.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Final

import httpx
import msgspec

from loadtest.rig.ports import free_port
from loadtest.rig.replay_server import Entry

READY_SECONDS: Final = 45.0
"""Of a machine that has much else to do."""
STOP_SECONDS: Final = 20.0
COMPILED_VARIABLE: Final = "DRIFTGATE_COMPILED"
"""Set to 1 by `make … COMPILED=1`: what is started must run the compiled data path."""


class ProcessFailed(Exception):
    """A process did not do what it is there for."""


def listening() -> socket.socket:
    """A loopback listener for a child to inherit."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", 0))
    made.listen(1024)
    return made


def talking_to(port: int, host: str = "127.0.0.1") -> httpx.Client:
    """A client for a server on loopback, whatever proxies the environment names."""
    return httpx.Client(base_url=f"http://{host}:{port}", trust_env=False, timeout=30.0)


@dataclass(slots=True)
class Processes:
    """A context of child processes, stopped in the opposite order of their start."""

    place: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in reversed(list(self.running)):
            self.stop(name)

    def start(
        self, name: str, command: Sequence[str], *, pass_fds: Sequence[int] = (), source: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a process in its own session; `source`: another checkout, whose modules it runs."""
        environment = os.environ | ({"PYTHONPATH": str(source.resolve())} if source is not None else {})
        with (self.place / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=pass_fds, start_new_session=True,
                cwd=source, env=environment,
            )  # fmt: skip
        self.running[name] = process
        return process

    def stop(self, name: str) -> int:
        """End a process by SIGTERM; its exit code."""
        process = self.running.pop(name)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise ProcessFailed(f"{name} did not end within {STOP_SECONDS:.0f} s of SIGTERM") from None

    def kill(self, name: str) -> None:
        """End a process by SIGKILL."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def last_words(self, name: str) -> str:
        """The end of what a process said."""
        path = self.place / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-25:]) if path.exists() else ""


@dataclass(frozen=True, slots=True)
class ReplayServer:
    """A running replay server."""

    name: str
    port: int

    @property
    def base_url(self) -> str:
        """Where its API begins."""
        return f"http://127.0.0.1:{self.port}/v1"

    def log(self) -> list[Entry]:
        """Who was asked what and when."""
        with talking_to(self.port) as http:
            answer = http.get("/log")
        return msgspec.json.decode(answer.content, type=list[Entry])

    def behave(self, **behaviour: float) -> None:
        """Change how it answers; nothing makes it well again."""
        with talking_to(self.port) as http:
            http.post("/behave", json=behaviour).raise_for_status()


def start_replay(processes: Processes, name: str, model: str, recorded: Path) -> ReplayServer:
    """Start a replay server of a recording, under a process name."""
    with listening() as listener:
        fd = listener.fileno()
        command = [sys.executable, "-m", "loadtest.rig.replay_server"]
        command += ["--fd", str(fd), "--model", model, "--recorded", str(recorded)]
        processes.start(name, command, pass_fds=[fd])
        return ReplayServer(name, int(listener.getsockname()[1]))


@dataclass(slots=True)
class Gateway:
    """A running gateway, and its admin API. `name` is that of its process, where there are several."""

    processes: Processes
    config: Path
    data_port: int
    admin_port: int
    host: str = "127.0.0.1"
    name: str = "gateway"
    source: Path | None = None
    python: str = sys.executable
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = talking_to(self.admin_port, self.host)

    @classmethod
    def configured(
        cls,
        processes: Processes,
        template: str,
        values: Mapping[str, object],
        *,
        name: str = "gateway",
        host: str = "127.0.0.1",
        source: Path | None = None,
        python: str = sys.executable,
    ) -> "Gateway":
        """A gateway whose configuration is a template, filled with ports, a directory for its state and `values`."""
        config = processes.place / f"{name.replace(' ', '-')}.yaml"
        made = cls(processes, config, free_port(), free_port(), host, name, source, python)
        text = template.format(host=host, data=made.data_port, admin=made.admin_port, state=made.state, **values)
        made.config.write_text(text)
        return made

    @property
    def state(self) -> Path:
        """Where a gateway that was `configured` keeps its state."""
        return self.config.with_suffix("")

    @property
    def data_url(self) -> str:
        """Where applications ask."""
        return f"http://{self.host}:{self.data_port}"

    def start(self) -> None:
        """Start `driftgate serve`."""
        command = [self.python, "-m", "gateway.cli", "serve", "-c", str(self.config)]
        self.processes.start(self.name, command, source=self.source)

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until both planes answer; raises `ProcessFailed`."""
        until = monotonic() + seconds
        while monotonic() < until:
            gateway = self.processes.running[self.name]
            if gateway.poll() is not None:
                raise ProcessFailed(f"serve ended with {gateway.returncode}:\n{self.processes.last_words(self.name)}")
            if self._answers():
                self._check_data_path()
                return
            sleep(0.05)
        raise ProcessFailed(f"not ready within {seconds:.0f} s:\n{self.processes.last_words(self.name)}")

    def _check_data_path(self) -> None:
        """Whoever asks for the compiled data path shall not measure the other one by mistake."""
        if os.environ.get(COMPILED_VARIABLE) == "1" and 'data_path="compiled"' not in self.http.get("/metrics").text:
            raise ProcessFailed(f"{COMPILED_VARIABLE} is set, but this gateway's data path is interpreted")

    def _answers(self) -> bool:
        try:
            ready = self.http.get(f"{self.data_url}/readyz")
            return ready.is_success and self.http.get("/admin/v1/endpoints").is_success
        except httpx.TransportError:
            return False

    def command(self, endpoint: str, verb: str, body: Mapping[str, object]) -> dict[str, Any]:  # Any: a JSON object
        """POST to an endpoint; raises `ProcessFailed` with the problem's text where it is refused."""
        answer = self.http.post(f"/admin/v1/endpoints/{endpoint}/{verb}", json=dict(body))
        if not answer.is_success:
            raise ProcessFailed(f"{verb} on {endpoint}: {answer.status_code} {answer.text}")
        result: dict[str, Any] = answer.json()
        return result

    def rollout(self, endpoint: str) -> dict[str, Any]:  # Any: a JSON object
        """The latest rollout of an endpoint, empty where there is none."""
        answer = self.http.get(f"/admin/v1/endpoints/{endpoint}")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json().get("rollout") or {}
        return found

    def children(self, role: str = "") -> list[int]:
        """Process ids of the gateway's children of a role (a word of their command line), by age."""
        parent = self.processes.running[self.name].pid
        return [pid for pid in descendants(parent) if role in command_line(pid)]


def worker_of(processes: Processes, name: str, role: str) -> int:
    """The process id of a server's worker (a word of its command line), once it is there."""
    until = monotonic() + READY_SECONDS
    while monotonic() < until:
        for pid in descendants(processes.running[name].pid):
            if role in command_line(pid):
                return pid
        sleep(0.05)
    raise ProcessFailed(f"{name} has no process {role!r}:\n{processes.last_words(name)}")


def descendants(parent: int) -> list[int]:
    """Every process below `parent`, children before grandchildren."""
    found: list[int] = []
    todo = [parent]
    while todo:
        children = Path(f"/proc/{todo[0]}/task/{todo[0]}/children")
        try:
            mine = [int(pid) for pid in children.read_text().split()]
        except OSError:
            mine = []
        found += mine
        todo = todo[1:] + mine
    return found


def command_line(pid: int) -> str:
    """A process's command line, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


def kill(pid: int) -> None:
    """SIGKILL one process that we started."""
    os.kill(pid, signal.SIGKILL)
