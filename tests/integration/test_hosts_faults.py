"""The machine itself fails: its disk is full, a process has no file descriptors left, or does not get to run.

Limits are set on running processes, and processes are stopped by signals, so that it works wherever the tests do. The
full disk is a small one of its own, which takes the right to mount.
"""

import os
import re
import resource
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest

from loadtest.rig.pair import until
from loadtest.rig.processes import Gateway, Processes
from tests.chaos.site import stop_process, wake_process
from tests.conftest import MakeGateway
from tests.integration.rollout_scene import LEASE_SECONDS, Scene, set_up

pytestmark = [pytest.mark.processes, pytest.mark.timeout(90)]

CLIENTS = 40
"""Enough that no low number is free among the worker's descriptors."""
SPARE = 6
DISK_BYTES = 8 * 1024 * 1024
ASKED = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}
ANSWER = b'{"choices": [{"message": {"role": "assistant", "content": "hello"}}]}'


class Model(BaseHTTPRequestHandler):
    """Answers each request on a connection of its own, so that the gateway needs a new descriptor for each."""

    def do_POST(self) -> None:
        """One answer."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Nothing."""


@pytest.fixture
def model() -> Iterator[int]:
    """A model server's port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(5.0)


@pytest.fixture
def scene(processes: Processes) -> Iterator[Scene]:
    """A gateway with its embedded server, two model servers, and an application that has not begun yet."""
    made = set_up(processes, canary_seconds=60)
    yield made
    made.gateway.http.close()


@pytest.fixture
def small_disk(processes: Processes) -> Iterator[Path]:
    """A disk of its own where the gateway keeps its state."""
    place = processes.place / "gateway"  # as `Gateway.configured` names it
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("a full disk takes a small one of its own, and there is no `mount` here")
    if mounted.returncode:
        pytest.skip(f"a full disk takes a small one of its own, which may not be mounted here: {mounted.stderr}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def limited(pid: int, kind: int, most: int) -> Iterator[None]:
    """A running process has a lower limit meanwhile."""
    soft, hard = resource.prlimit(pid, kind)
    resource.prlimit(pid, kind, (most, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, kind, (soft, hard))


def ask(gateway: Gateway, http: httpx.Client | None = None) -> httpx.Response:
    """One question, on a connection of its own unless one is given."""
    if http is not None:
        return http.post("/v1/chat/completions", json=ASKED)
    with httpx.Client(base_url=gateway.data_url, trust_env=False, timeout=5.0) as fresh:
        return fresh.post("/v1/chat/completions", json=ASKED)


@dataclass(frozen=True, slots=True)
class Crowd:
    """A gateway whose one data worker has many connections; `kept` is an application that was served before."""

    gateway: Gateway
    worker: int
    kept: httpx.Client


@pytest.fixture
def crowd(make_gateway: MakeGateway, model: int) -> Iterator[Crowd]:
    """Others have connected, and ask nothing; afterwards the worker is still the same process."""
    gateway = make_gateway(old=model)
    gateway.start()
    gateway.wait_ready()
    (worker,) = gateway.children("child data")
    with httpx.Client(base_url=gateway.data_url, trust_env=False, timeout=5.0) as kept, ExitStack() as others:
        assert ask(gateway, kept).status_code == 200
        before = len(_descriptors(worker))
        for _ in range(CLIENTS):
            others.enter_context(socket.create_connection(("127.0.0.1", gateway.data_port)))
        accepted = before + CLIENTS - 1  # one to a model ended
        until(lambda: len(_descriptors(worker)) >= accepted, "they are accepted", 5.0)
        yield Crowd(gateway, worker, kept)
    assert gateway.children("child data") == [worker]


def _descriptors(pid: int) -> list[int]:
    return [int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()]


def said(processes: Processes) -> str:
    """Everything that the gateway has logged."""
    return (processes.place / "gateway.log").read_text(errors="replace")


def test_a_worker_short_of_descriptors_sheds_in_the_apis_shape_and_recovers(crowd: Crowd, processes: Processes) -> None:
    """Who is connected is served, new ones read a 503; nothing is restarted, and all is well when there are more."""
    gateway, kept = crowd.gateway, crowd.kept
    with limited(crowd.worker, resource.RLIMIT_NOFILE, max(_descriptors(crowd.worker)) + SPARE):
        refused = ask(gateway)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
        assert (refused.headers["connection"], refused.headers["retry-after"]) == ("close", "1")
        assert ask(gateway, kept).status_code == 200
        until(lambda: "file descriptors are in use" in said(processes), "the log says so", 5.0)
        ready = httpx.get(f"{gateway.data_url}/readyz", trust_env=False)
        assert (ready.status_code, list(ready.json()["why"])) == (200, ["descriptors"])
    until(lambda: ask(gateway).status_code == 200, "new clients are served", 5.0)
    until(lambda: "file descriptors are free again" in said(processes), "the log says so", 5.0)
    counted = re.compile(r"^driftgate_connections_shed_total [1-9]", re.MULTILINE)
    until(lambda: counted.search(gateway.http.get("/metrics").text), "it is counted", 5.0)


def test_a_worker_without_any_descriptor_left_blames_no_model_and_goes_on(crowd: Crowd, processes: Processes) -> None:
    """It cannot even accept; who is connected reads a 503, the model server is not held to have failed."""
    gateway, kept = crowd.gateway, crowd.kept
    with limited(crowd.worker, resource.RLIMIT_NOFILE, max(_descriptors(crowd.worker)) + 1):
        for _ in range(10):  # more than a breaker takes
            refused = ask(gateway, kept)
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
        with pytest.raises(httpx.TransportError):
            ask(gateway)
        until(lambda: "file descriptors are in use" in said(processes), "the log says so", 5.0)
    assert ask(gateway, kept).status_code == 200
    assert ask(gateway).status_code == 200


def test_a_rollback_that_the_journal_has_no_room_for_says_so_and_is_written_later(scene: Scene) -> None:
    """It works, it is in Redis, the answer says `pending`; the line is on the disk when there is room again."""
    journal = scene.gateway.state / "journal.jsonl"
    with scene.traffic():
        rollout = scene.start_rollout()
        scene.wait_for("canary")
        until(scene.candidate_users, "users reach the candidate", 10.0)
        (control,) = scene.gateway.children("child control")
        with limited(control, resource.RLIMIT_FSIZE, journal.stat().st_size):
            answer = scene.gateway.command("chat", "rollback", {"reason": "enough seen"})["durability"]
            ended = monotonic()
            assert (answer["state"], answer["redis"]) == ("pending", "committed"), answer
            assert "cannot be written" in answer["journal"]
            sleep(LEASE_SECONDS)  # to see that nobody reaches the candidate any more
            assert b"rolled_back" not in journal.read_bytes()
        until(lambda: b"rolled_back" in journal.read_bytes(), "the journal has it", 5.0)
        assert scene.gateway.children("child control") == [control]
    assert rollout.encode() in journal.read_bytes()
    assert not scene.candidate_users(since=ended + 0.5)
    assert (scene.tally.failed, scene.tally.wrong) == (0, 0), scene.tally.complaints


def test_a_full_disk_ends_exposure_loses_no_rollback_and_starts_nothing_over_and_over(
    small_disk: Path, scene: Scene
) -> None:
    """The embedded server ends at its first write, waits for room, and hears of the rollback when it is back."""
    ballast = small_disk / "ballast"
    with scene.traffic():
        rollout = scene.start_rollout()
        scene.wait_for("canary")
        until(scene.candidate_users, "users reach the candidate", 10.0)
        _fill(ballast)
        until(lambda: "valkey is not started again yet" in said(scene.processes), "the log says why", 10.0)
        full = monotonic()
        answer = scene.gateway.command("chat", "rollback", {"reason": "enough seen"})["durability"]
        assert answer["state"] in ("pending", "failed"), answer  # the journal's last block may have room for a line
        assert "unreachable" in answer["redis"], answer
        sleep(LEASE_SECONDS)  # time for more restarts, and for users to reach the candidate
        assert said(scene.processes).count("valkey ended") == 1
        ballast.unlink()
        ended = scene.wait_for("rolled_back", 20.0)
    assert ended["id"] == rollout
    assert not scene.candidate_users(since=full + LEASE_SECONDS)
    assert (scene.tally.failed, scene.tally.wrong) == (0, 0), scene.tally.complaints
    assert b"rolled_back" in (small_disk / "journal.jsonl").read_bytes()


def _fill(ballast: Path) -> None:
    """Take all the room there is."""
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for size in (65536, 4096, 1):
            with suppress(OSError):
                while os.write(descriptor, bytes(size)):
                    pass
    finally:
        os.close(descriptor)


def test_workers_that_were_frozen_through_a_rollback_send_nobody_to_the_candidate(scene: Scene) -> None:
    """Stopped for longer than a lease: their requests wait and are answered, and what they knew has run out."""
    with scene.traffic():
        scene.start_rollout()
        scene.wait_for("canary")
        until(scene.candidate_users, "users reach the candidate", 10.0)
        workers = scene.gateway.children("child data")
        for worker in workers:
            stop_process(worker)
        try:
            answer = scene.gateway.command("chat", "rollback", {"reason": "enough seen"})["durability"]
            assert (answer["state"], len(answer["workers"]["pending"])) == ("pending", len(workers)), answer
            sleep(LEASE_SECONDS)
        finally:
            woken = monotonic()
            for worker in workers:
                wake_process(worker)
        until(lambda: said(scene.processes).count("this process did not run for") == 2, "the log says so", 5.0)
        sleep(1.0)  # of traffic in which it would be seen
    late = scene.candidate_users(since=woken)
    assert len(late) <= len(workers), "at most one that each was just sending"
    assert (scene.tally.failed, scene.tally.wrong) == (0, 0), scene.tally.complaints
    assert scene.gateway.children("child data") == workers


def test_a_frozen_control_process_ends_exposure_within_a_lease_and_goes_on_when_woken(scene: Scene) -> None:
    """Nobody fails, nobody reaches the candidate once the lease has run out, and the same rollout goes on."""
    with scene.traffic():
        rollout = scene.start_rollout()
        scene.wait_for("canary")
        until(scene.candidate_users, "users reach the candidate", 10.0)
        (control,) = scene.gateway.children("child control")
        stop_process(control)
        frozen = monotonic()
        try:
            sleep(2 * LEASE_SECONDS)  # what must not happen takes this long to be seen not happening
        finally:
            woken = monotonic()
            wake_process(control)
        until(lambda: scene.candidate_users(since=woken), "users reach the candidate again", 20.0)
        assert scene.rollout()["id"] == rollout
    users = scene.candidate_users(since=frozen + LEASE_SECONDS + 0.5)
    assert all(entry.at >= woken for entry in users)
    assert (scene.tally.failed, scene.tally.wrong) == (0, 0), scene.tally.complaints
