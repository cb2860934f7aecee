"""Export over OTLP, to real receivers."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import anyio
import pytest
from msgspec.structs import replace

from gateway.channel.series import series
from gateway.config.model import TelemetrySpec
from gateway.telemetry.gen_ai import MOST_SERIES, Meters
from gateway.telemetry.otlp import SPANS_KEPT, Exporting
from gateway.telemetry.spans import Context, Span, context
from gateway.telemetry.usage import Said
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
    first_byte_ms=120.5,
    duration_ms=900.0,
    said=Said("chatcmpl-1", "acme-v13-0613", ("stop",), 9, 12),
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
    found = {key: value for key, value in attributes(asked).items() if key.startswith("gen_ai.")}
    assert [each.string_value for each in found.pop("gen_ai.response.finish_reasons").values] == ["stop"]
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "acme-v13",
        "gen_ai.request.stream": True,
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "acme-v13-0613",
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 12,
    }
    assert {key.lower(): value for key, value in collector.headers.items()}["x-tenant"] == "t1"


async def test_gen_ai_metrics_are_of_what_was_sampled() -> None:
    """Tokens by kind, and times as the application and as the gateway saw them, in the conventions' buckets."""
    with over_http() as collector:
        options = {"otlp": collector.url, "gen_ai": True, "every_seconds": 0.1}
        await exported(collector, TelemetrySpec.model_validate(options), 2)
    points = {name: collector.metrics[name].histogram.data_points for name in collector.metrics if "gen_ai" in name}
    tokens = {attributes(each)["gen_ai.token.type"]: each for each in points["gen_ai.client.token.usage"]}
    assert {kind: each.sum for kind, each in tokens.items()} == {"input": 9.0, "output": 12.0}
    assert list(tokens["input"].explicit_bounds)[:4] == [1, 4, 16, 64]
    assert list(tokens["input"].bucket_counts)[:4] == [0, 0, 1, 0]
    assert attributes(tokens["input"])["gen_ai.response.model"] == "acme-v13-0613"
    (served,), (first,) = points["gen_ai.server.request.duration"], points["gen_ai.server.time_to_first_token"]
    assert (served.sum, first.sum, attributes(served)["gen_ai.request.model"]) == (0.9, 0.1205, "chat")
    (asked,) = points["gen_ai.client.operation.duration"]
    (chunk,) = points["gen_ai.client.operation.time_to_first_chunk"]
    assert (asked.sum, chunk.sum) == (pytest.approx(0.8995), pytest.approx(0.12))
    assert attributes(asked)["gen_ai.request.model"] == "acme-v13"
    assert "error.type" not in attributes(asked)


async def test_names_in_answers_do_not_fill_the_memory() -> None:
    """A model server that calls itself something else each time gets no series beyond a bound."""
    meters = Meters()
    for number in range(MOST_SERIES + 10):
        meters.add(replace(ASKED, said=Said(model=f"m-{number}", input_tokens=1)))
    assert sum(len(each.data.data_points) for each in meters.metrics((0, 1))) == MOST_SERIES


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
