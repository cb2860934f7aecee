"""Export over OTLP, to real receivers."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import anyio
import pytest

from gateway.channel.series import series
from gateway.config.model import TelemetrySpec
from gateway.telemetry.otlp import SPANS_KEPT, Exporting
from gateway.telemetry.spans import Context, Span, context
from tests.gateway.telemetry.collector import Collector, attributes, over_grpc, over_http

pytestmark = pytest.mark.anyio

ASKED = Span(
    trace="0af7651916cd43dd8448eb211c80319c",
    parent="b7ad6b7169203331",
    span="00f067aa0ba902b7",
    path="/v1/chat/completions",
    endpoint="chat",
    model="acme-v13",
    arm="candidate",
    outcome="completed",
    status=200,
    stream=True,
    request_id="req_1",
    rollout="chat-1",
    fallback="",
    began_at=1_700_000_000.0,
    attempt_ms=0.5,
    first_byte_ms=120.0,
    duration_ms=900.0,
)
LABELS = {"endpoint": 'a "quoted" name', "arm": "stable"}
VALUES = {
    series("driftgate_requests_total", **LABELS, outcome="ok"): 7.0,
    series("driftgate_overhead_seconds_bucket", endpoint="chat", le="0.001"): 3.0,
    series("driftgate_overhead_seconds_bucket", endpoint="chat", le="0.01"): 5.0,
    series("driftgate_overhead_seconds_bucket", endpoint="chat", le="+Inf"): 6.0,
    series("driftgate_overhead_seconds_sum", endpoint="chat"): 0.25,
    series("driftgate_overhead_seconds_count", endpoint="chat"): 6.0,
    "driftgate_store_up": 1.0,
    "not_ours_total": 1.0,
}


async def exported(collector: Collector, spec: TelemetrySpec, spans: int) -> None:
    """Export one request and the values until the collector has them."""
    exporting = Exporting(spec, "gateway-1")
    exporting.offer([ASKED])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(exporting.run, lambda: VALUES)
        await anyio.to_thread.run_sync(lambda: collector.wait(spans=spans))
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(("receiver", "protocol"), [(over_http, "http"), (over_grpc, "grpc")])
async def test_spans_and_metrics_reach_a_collector(
    receiver: Callable[[], AbstractContextManager[Collector]], protocol: str
) -> None:
    """What the caller asked of us below the caller's own span, what we asked of the model below that; same numbers."""
    with receiver() as collector:
        spec = TelemetrySpec.model_validate({"otlp": collector.url, "protocol": protocol, "every_seconds": 0.1})
        await exported(collector, spec, 2)
    served, asked = collector.spans
    assert served.trace_id.hex() == asked.trace_id.hex() == ASKED.trace
    assert (served.parent_span_id.hex(), asked.parent_span_id) == (ASKED.parent, served.span_id)
    assert (served.name, asked.name) == ("POST /v1/chat/completions", "ask acme-v13")
    assert served.end_time_unix_nano - served.start_time_unix_nano == 900_000_000
    assert attributes(served)["driftgate.rollout"] == "chat-1"
    assert not [key for key in {**attributes(served), **attributes(asked)} if key.startswith("gen_ai")]
    assert collector.resources[0]["service.name"] == "driftgate"
    requests = collector.metrics["driftgate_requests_total"].sum
    assert (requests.is_monotonic, requests.data_points[0].as_double) == (True, 7.0)
    assert attributes(requests.data_points[0])["endpoint"] == 'a "quoted" name'
    (overhead,) = collector.metrics["driftgate_overhead_seconds"].histogram.data_points
    assert (list(overhead.explicit_bounds), list(overhead.bucket_counts)) == ([0.001, 0.01], [3, 2, 1])
    assert (overhead.count, overhead.sum) == (6, 0.25)
    assert "not_ours_total" not in collector.metrics


async def test_gen_ai_attributes_are_for_those_who_opted_in() -> None:
    """The conventions' name and attributes; headers of the configuration are sent along."""
    with over_http() as collector:
        options = {"otlp": collector.url, "gen_ai": True, "headers": {"x-tenant": "t1"}, "every_seconds": 0.1}
        await exported(collector, TelemetrySpec.model_validate(options), 2)
    asked = collector.spans[1]
    assert asked.name == "chat acme-v13"
    assert attributes(asked)["gen_ai.request.model"] == "acme-v13"
    assert attributes(asked)["gen_ai.operation.name"] == "chat"
    assert {key.lower(): value for key, value in collector.headers.items()}["x-tenant"] == "t1"


async def test_a_collector_that_is_away_costs_nothing_but_the_spans() -> None:
    """They are counted; what waits is bounded."""
    exporting = Exporting(TelemetrySpec(otlp="http://127.0.0.1:9", every_seconds=60.0), "gateway-1")
    exporting.offer([ASKED] * (SPANS_KEPT + 3))
    assert exporting.dropped == 3


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"00-{ASKED.trace}-{ASKED.parent}-01", Context(ASKED.trace, ASKED.parent, True)),
        (f"00-{ASKED.trace}-{ASKED.parent}-00", Context(ASKED.trace, ASKED.parent, False)),
        (f"cc-{ASKED.trace}-{ASKED.parent}-01-later", Context(ASKED.trace, ASKED.parent, True)),
        (f"00-{ASKED.trace}-{ASKED.parent}-01-later", None),
        (f"ff-{ASKED.trace}-{ASKED.parent}-01", None),
        (f"00-{'0' * 32}-{ASKED.parent}-01", None),
        (f"00-{ASKED.trace}-{'0' * 16}-01", None),
        (f"00-{ASKED.trace.upper()}-{ASKED.parent}-01", None),
        ("", None),
        (None, None),
    ],
)
def test_a_trace_context_is_what_the_recommendation_says(text: str | None, found: Context | None) -> None:
    """W3C Trace Context: all else begins a trace of its own."""
    assert context(text) == found
