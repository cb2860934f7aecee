"""One gateway's processes, for real: they start in order, come back when killed, and leave nothing behind."""

import os
import signal
import socket
import sys
from collections.abc import Callable
from time import monotonic, sleep

import httpx
import pytest

from loadtest.rig.processes import Gateway, command_line, descendants, is_alive, kill
from tests.conftest import MakeGateway

pytestmark = pytest.mark.processes

BODY = b'{"model": "chat", "messages": [{"role": "user", "content": "hi"}]}'
ASKED = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)
ANSWERED = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n"hello"'

ROLES = ("valkey", "child control", "child shadow", "child data")


def until(true: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
    """Wait for something that another process does; fails when it does not come."""
    deadline = monotonic() + seconds
    while not true():
        assert monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        sleep(0.02)


def is_ready(gateway: Gateway) -> bool:
    """Whether both planes answer."""
    try:
        return httpx.get(f"http://127.0.0.1:{gateway.data_port}/readyz", trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_sigterm_ends_every_process_and_exits_0(make_gateway: MakeGateway) -> None:
    """Nothing is left running, and the exit code says that all was well."""
    gateway = make_gateway()
    gateway.start()
    gateway.wait_ready()
    children = descendants(gateway.processes.running["gateway"].pid)
    lines = [command_line(pid) for pid in children]
    assert all(any(role in line for line in lines) for role in ROLES), lines
    assert gateway.processes.stop("gateway") == 0
    assert not [pid for pid in children if is_alive(pid)]


def test_ctrl_c_is_an_orderly_stop_too(make_gateway: MakeGateway) -> None:
    """SIGINT reaches the supervisor alone; the children are in sessions of their own."""
    gateway = make_gateway()
    gateway.start()
    gateway.wait_ready()
    process = gateway.processes.running["gateway"]
    children = descendants(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.wait(20.0) == 0
    assert not [pid for pid in children if is_alive(pid)]
    assert "Traceback" not in gateway.processes.last_words("gateway")


@pytest.mark.parametrize("role", ROLES)
def test_a_killed_process_comes_back(make_gateway: MakeGateway, role: str) -> None:
    """Each role is started again within moments, and the gateway is ready with it."""
    gateway = make_gateway()
    gateway.start()
    gateway.wait_ready()
    (first,) = gateway.children(role)
    kill(first)
    until(lambda: any(pid != first for pid in gateway.children(role)), f"another {role}")
    until(lambda: is_ready(gateway), f"ready again without {role}'s first process")
    assert "Traceback" not in gateway.processes.last_words("gateway")


def test_connections_wait_while_the_only_data_worker_restarts(make_gateway: MakeGateway) -> None:
    """The supervisor keeps the listening socket, so nobody is refused."""
    gateway = make_gateway()
    gateway.start()
    gateway.wait_ready()
    (worker,) = gateway.children("child data")
    kill(worker)
    answer = httpx.get(f"http://127.0.0.1:{gateway.data_port}/healthz", trust_env=False, timeout=15.0)
    assert answer.status_code == 200


@pytest.mark.parametrize("frozen", ["none", *ROLES])
def test_children_end_when_the_supervisor_is_killed(make_gateway: MakeGateway, frozen: str) -> None:
    """SIGKILL leaves no orphan, not even a frozen one, and a new `serve` takes over on the same port and files."""
    gateway = make_gateway()
    gateway.start()
    gateway.wait_ready()
    children = descendants(gateway.processes.running["gateway"].pid)
    for pid in gateway.children(frozen):
        os.kill(pid, signal.SIGSTOP)
    gateway.processes.kill("gateway")
    until(lambda: not [pid for pid in children if is_alive(pid)], "every orphan ended", 5.0)
    gateway.start()
    gateway.wait_ready()


def test_a_second_serve_on_the_same_state_is_refused(make_gateway: MakeGateway) -> None:
    """One sentence that says who has it and what to do; the first serves on."""
    gateway = make_gateway()
    gateway.start()
    gateway.wait_ready()
    second = gateway.processes.start("second", [*_serve(), str(gateway.config)])
    assert second.wait(20.0) == 1
    said = gateway.processes.last_words("second")
    assert "uses the state directory" in said
    assert "Traceback" not in said
    assert is_ready(gateway)


def test_a_second_serve_on_the_same_port_is_refused(make_gateway: MakeGateway) -> None:
    """It does not take half of the first one's requests by sharing the port."""
    gateway = make_gateway()
    gateway.start()
    gateway.wait_ready()
    text = gateway.config.read_text()
    other = gateway.config.with_name("other.yaml")
    other.write_text(text.replace("/state", "/other-state"))
    second = gateway.processes.start("second", [*_serve(), str(other)])
    assert second.wait(20.0) == 1
    said = gateway.processes.last_words("second")
    assert f"cannot listen on 127.0.0.1:{gateway.data_port}" in said
    assert "listen.data" in said
    assert "Traceback" not in said


def test_serve_starts_without_its_external_redis(make_gateway: MakeGateway) -> None:
    """Redis is off the request path: the gateway serves stable, and says that it is degraded."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    gateway = make_gateway(more=f"redis: {{url: redis://127.0.0.1:{port}/0}}\n")
    gateway.start()
    gateway.wait_ready()
    ready = httpx.get(f"http://127.0.0.1:{gateway.data_port}/readyz", trust_env=False)
    assert ready.status_code == 200
    assert "degraded" in ready.text
    assert not gateway.children("valkey")


def test_a_new_connection_is_refused_while_answers_drain(make_gateway: MakeGateway) -> None:
    """A client that is refused asks elsewhere at once; one that is queued for nobody waits for the drain to end."""
    with socket.create_server(("127.0.0.1", 0)) as model:
        gateway = make_gateway(old=model.getsockname()[1], more="limits: {drain: 8s}\n")
        gateway.start()
        gateway.wait_ready()
        with socket.create_connection(("127.0.0.1", gateway.data_port)) as client:
            client.sendall(ASKED)
            asked, _ = model.accept()  # the answer that the drain waits for
            with asked:
                gateway.processes.running["gateway"].send_signal(signal.SIGTERM)
                until(lambda: not _listens(gateway.data_port), "refused", 5.0)
                assert gateway.processes.running["gateway"].poll() is None
                asked.sendall(ANSWERED)
                assert b"hello" in _everything(client)
    assert gateway.processes.stop("gateway") == 0


def test_files_that_cannot_be_made_are_explained(make_gateway: MakeGateway) -> None:
    """Where Valkey's directory should be stands a file: a sentence, and exit code 1."""
    gateway = make_gateway()
    state = gateway.config.with_name("state")
    state.mkdir()
    (state / "valkey").write_text("")
    gateway.start()
    assert gateway.processes.running["gateway"].wait(20.0) == 1
    assert "no place for its files" in gateway.processes.last_words("gateway")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _everything(connection: socket.socket) -> bytes:
    connection.settimeout(10.0)
    found = b""
    while b"hello" not in found and (more := connection.recv(65_536)):
        found += more
    return found


def _serve() -> list[str]:
    return [sys.executable, "-m", "gateway.cli", "serve", "-c"]
