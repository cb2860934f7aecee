"""A whole gateway that traces, exports and logs as it was told to."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loadtest.rig.processes import Gateway, Processes, talking_to
from tests.conftest import MakeGateway
from tests.gateway.telemetry.collector import Collector, attributes, over_http

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECRET = "the prompt that must not leave"
ANSWER = {
    "id": "chatcmpl-1",
    "model": "acme-0613",
    "choices": [
        {"message": {"role": "assistant", "content": "the answer that must not leave"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2},
}


@pytest.fixture
def model() -> Iterator[tuple[int, list[str | None]]]:
    """A model server: its port, and the `traceparent` of each question."""
    seen: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            seen.append(self.headers.get("traceparent"))
            body = json.dumps(ANSWER).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's own signature
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_port, seen
        server.shutdown()
        thread.join()


def ask(gateway: Gateway, flags: str) -> None:
    """One question with a trace context."""
    body = {"model": "chat", "messages": [{"role": "user", "content": SECRET}]}
    with talking_to(gateway.data_port) as http:
        headers = {"traceparent": f"00-{TRACE}-{CALLER}-{flags}"}
        http.post("/v1/chat/completions", json=body, headers=headers).raise_for_status()


def started(make_gateway: MakeGateway, port: int, collector: Collector) -> Gateway:
    """A gateway that exports to the collector, and logs JSON."""
    more = f"telemetry: {{otlp: '{collector.url}', every: 500ms, sample: 0%, gen_ai: true}}\n"
    more += "log: {format: json, level: debug}\n"
    gateway = make_gateway(old=port, new=port, more=more)
    gateway.start()
    gateway.wait_ready(60.0)
    return gateway


@pytest.mark.processes
def test_a_sampled_request_becomes_a_trace_and_its_context_goes_on_as_it_came(
    make_gateway: MakeGateway, processes: Processes, model: tuple[int, list[str | None]]
) -> None:
    """The caller's decision is followed, metrics have the contract's names, and no prompt is in any of it."""
    port, seen = model
    with over_http() as collector:
        gateway = started(make_gateway, port, collector)
        ask(gateway, "00")
        ask(gateway, "01")
        collector.wait(spans=2)
        collector.wait_for("gen_ai.server.request.duration")
        log = (processes.place / "gateway.log").read_text(encoding="utf-8")
    assert seen == [f"00-{TRACE}-{CALLER}-00", f"00-{TRACE}-{CALLER}-01"]
    served, asked = collector.spans
    assert (served.trace_id.hex(), served.parent_span_id.hex()) == (TRACE, CALLER)
    assert attributes(served)["driftgate.endpoint"] == "chat"
    assert asked.parent_span_id == served.span_id
    said = attributes(asked)
    assert (said["gen_ai.response.model"], said["gen_ai.usage.input_tokens"]) == ("acme-0613", 9)
    (counted,) = collector.metrics["gen_ai.server.request.duration"].histogram.data_points
    assert counted.count == 1, "what is not sampled is not measured here"
    assert {"driftgate_store_up", "driftgate_build_info"} <= set(collector.metrics)
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"supervisor"} <= {line["process"] for line in lines}
    assert all({"at", "level", "logger", "message"} <= line.keys() for line in lines)
    assert "must not leave" not in log + str(collector.spans) + str(collector.metrics)
