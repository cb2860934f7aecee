"""A gateway is stopped under load: it is not ready any more, lets answers end, flushes, and exits 0."""

import socket
from contextlib import ExitStack
from time import monotonic

import pytest
import redis as plain_redis

from loadtest.rig.pair import until
from loadtest.rig.processes import Processes
from routing.names import EndpointKeys
from tests.chaos.site import READY_SECONDS, Fault, set_up
from tests.redis_kinds import Server

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

STREAMS = 50
DRAIN_SECONDS = 10.0
BODY = b'{"model": "chat", "stream": true, "messages": [{"role": "user", "content": "go"}]}'
ASKED = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nx-user-id: user-%d\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
FIRST = b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n'
REST = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


def chunk(data: bytes) -> bytes:
    """One chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def received(client: socket.socket, marker: bytes) -> bytes:
    """What comes until a marker, or until the end."""
    client.settimeout(DRAIN_SECONDS + 5)
    found = b""
    while marker not in found and (more := client.recv(65_536)):
        found += more
    return found


def test_a_stop_under_fifty_streams_cuts_none_of_them(processes: Processes, faults: list[Fault]) -> None:
    """SIGTERM while fifty answers are half there: new connections are refused, every stream ends whole, exit 0."""
    with socket.create_server(("127.0.0.1", 0), backlog=STREAMS) as model, ExitStack() as open_ones:
        site = set_up(processes, "{url: embedded}", faults, gateways=1, workers=2, start=False)
        gateway = site.gateways[0]
        text = gateway.config.read_text()
        gateway.config.write_text(text.replace(site.stable.base_url, f"http://127.0.0.1:{model.getsockname()[1]}/v1"))
        gateway.start()
        gateway.wait_ready(READY_SECONDS)
        clients, answering = [], []
        for number in range(STREAMS):
            client = open_ones.enter_context(socket.create_connection((gateway.host, gateway.data_port)))
            client.sendall(ASKED % (number, len(BODY), BODY))
            asked = open_ones.enter_context(model.accept()[0])
            assert b'"go"' in received(asked, b'"go"')
            asked.sendall(HEAD + chunk(FIRST))
            clients.append(client)
            answering.append(asked)
        for client in clients:
            assert FIRST in received(client, FIRST)
        fault = Fault(name=f"SIGTERM under {STREAMS} streams", began=monotonic(), sent=STREAMS, before=site.state())
        gateway.processes.running[gateway.name].terminate()
        until(lambda: not _connects(gateway.host, gateway.data_port), "new connections are refused", 5.0)
        for asked in answering:
            asked.sendall(chunk(REST) + b"0\r\n\r\n")
        whole = [b"data: [DONE]" in received(client, b"0\r\n\r\n") for client in clients]
        fault.errors = whole.count(False)
        assert gateway.processes.running[gateway.name].wait(DRAIN_SECONDS + 10) == 0
        fault.ended, fault.after = monotonic(), "stopped, exit 0"
        faults.append(fault)
        gateway.http.close()
    assert fault.errors == 0
    assert "cut at the drain deadline" not in site.said()


def test_the_last_answers_before_a_stop_are_counted(
    processes: Processes, faults: list[Fault], external: Server
) -> None:
    """What was answered just before SIGTERM is in Redis when the gateway has gone: the last flush has landed."""
    external.start()
    site = set_up(processes, f"{{url: redis://127.0.0.1:{external.port}}}", faults, gateways=1)
    gateway = site.gateways[0]
    with site.traffic():
        rollout = site.start()
        asked, fault = site.asked, Fault(name="SIGTERM under a rollout", began=monotonic(), before=site.state())
        site.until_exposed()
    answered = site.asked - asked
    gateway.processes.running[gateway.name].terminate()
    assert gateway.processes.running[gateway.name].wait(30.0) == 0
    with plain_redis.Redis(port=external.port) as client:
        counts = {k.decode(): int(v) for k, v in client.hgetall(EndpointKeys("dg", "chat").counts(rollout)).items()}
    counted = counts.get("stable", 0) + counts.get("candidate", 0)
    fault.ended, fault.after, fault.sent = monotonic(), "stopped, exit 0", answered
    fault.lost = max(0, answered - counted)
    faults.append(fault)
    gateway.http.close()
    assert site.failed == 0, site.complaints
    assert fault.lost <= 1, f"{answered} answered, {counts}"  # one may have been asked just before the start


def _connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True
