"""Export over OTLP, by HTTP or gRPC: spans of requests and decisions soon, metrics every few seconds.

Nothing waits for it. The exporters are OpenTelemetry's own; they block, so they work in threads. A collector that is
away costs a log line when it goes and one when it is back; spans meanwhile are dropped and counted, metrics come with
the next export.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import anyio
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from gateway.config.model import TelemetrySpec
from gateway.telemetry import decisions, gen_ai, points
from gateway.telemetry.decisions import Decided
from gateway.telemetry.spans import Span
from gateway.version import __version__
from rollback.carrying import Change
from rollback.rollout import Rollout
from rollback.verdict import SignalReport

logger = logging.getLogger(__name__)

SPANS_KEPT: Final = 4096
SPANS_AT_ONCE: Final = 512
SPANS_EVERY_SECONDS: Final = 1.0
EXPORT_SECONDS: Final = 10
"""How long one export may take, its own tries included."""
SCOPE: Final = InstrumentationScope("driftgate", __version__)
_FIRST_SERVER_ERROR: Final = 500
_NS: Final = 1_000_000_000


@dataclass(slots=True, eq=False)
class Exporting:
    """What is exported by one gateway. `instance` tells its gateways apart."""

    spec: TelemetrySpec
    instance: str
    dropped: int = 0
    _waiting: deque[Span | Decided] = field(default_factory=deque)
    _down: set[str] = field(default_factory=set)
    _gen_ai: gen_ai.Meters = field(default_factory=gen_ai.Meters)

    @property
    def resource(self) -> Resource:
        """Who exports."""
        return Resource(
            {"service.name": "driftgate", "service.version": __version__, "service.instance.id": self.instance}
        )

    def changed(self, change: Change) -> None:
        """A transition was carried out here."""
        self.offer([decisions.of_change(change)])

    def held(self, rollout: Rollout, reports: Sequence[SignalReport]) -> None:
        """The reason for holding has changed."""
        self.offer([decisions.of_hold(rollout, reports, _now() / _NS)])

    def offer(self, spans: Iterable[Span | Decided]) -> None:
        """Take spans, as far as there is room; those that are dropped are measured all the same."""
        for span in spans:
            if self.spec.gen_ai and isinstance(span, Span):
                self._gen_ai.add(span)
            if len(self._waiting) >= SPANS_KEPT:
                self.dropped += 1
            else:
                self._waiting.append(span)

    async def run(self, values: Callable[[], Mapping[str, float]]) -> None:
        """Export for ever; `values` gives every counter. Returns at once where no collector is configured."""
        if self.spec.otlp is None:
            return
        spans, metrics = exporters(self.spec)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._export_spans, spans)
                tasks.start_soon(self._export_metrics, metrics, values)
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(1.0):
                await anyio.to_thread.run_sync(spans.shutdown, abandon_on_cancel=True)
                await anyio.to_thread.run_sync(metrics.shutdown, abandon_on_cancel=True)

    async def _export_spans(self, exporter: SpanExporter) -> None:
        while True:
            await anyio.sleep(SPANS_EVERY_SECONDS)
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(SPANS_AT_ONCE, len(self._waiting)))]
                made = [span for each in batch for span in self._readable(each)]
                done = await anyio.to_thread.run_sync(exporter.export, made, abandon_on_cancel=True)
                went = done is SpanExportResult.SUCCESS
                self.dropped += 0 if went else len(batch)
                self._note("spans", went=went)

    def _readable(self, each: Span | Decided) -> Iterator[ReadableSpan]:
        if isinstance(each, Decided):
            return decisions.readable(each, self.resource, SCOPE)
        return readable(each, self.resource, with_gen_ai=self.spec.gen_ai)

    async def _export_metrics(self, exporter: MetricExporter, values: Callable[[], Mapping[str, float]]) -> None:
        began = _now()
        while True:
            await anyio.sleep(self.spec.every_seconds)
            counted = (began, _now())
            more = self._gen_ai.metrics(counted)
            made = points.metrics(values(), self.resource, SCOPE, counted, more=more)
            done = await anyio.to_thread.run_sync(exporter.export, made, abandon_on_cancel=True)
            self._note("metrics", went=done is MetricExportResult.SUCCESS)

    def _note(self, what: str, *, went: bool) -> None:
        if went and what in self._down:
            self._down.discard(what)
            logger.warning("the collector takes %s again", what)
        elif not went and what not in self._down:
            self._down.add(what)
            logger.error("the collector at telemetry.otlp does not take %s; they are dropped until it does", what)


def _now() -> int:
    return time.time_ns()


def exporters(spec: TelemetrySpec) -> tuple[SpanExporter, MetricExporter]:
    """OpenTelemetry's exporters to the configured collector."""
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)  # a line for each try; we say it once
    assert spec.otlp is not None  # the caller has looked
    headers = dict(spec.headers)
    if spec.protocol == "http":
        from opentelemetry.exporter.otlp.proto.http import metric_exporter, trace_exporter  # noqa: PLC0415  # only if asked

        base = spec.otlp.rstrip("/")
        return (
            trace_exporter.OTLPSpanExporter(f"{base}/v1/traces", headers=headers, timeout=EXPORT_SECONDS),
            metric_exporter.OTLPMetricExporter(f"{base}/v1/metrics", headers=headers, timeout=EXPORT_SECONDS),
        )
    from opentelemetry.exporter.otlp.proto.grpc import (  # noqa: PLC0415  # an extra, and a large one
        metric_exporter as grpc_metrics,
    )
    from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_traces  # noqa: PLC0415

    insecure = spec.otlp.startswith("http://")
    return (
        grpc_traces.OTLPSpanExporter(spec.otlp, insecure=insecure, headers=headers, timeout=EXPORT_SECONDS),
        grpc_metrics.OTLPMetricExporter(spec.otlp, insecure=insecure, headers=headers, timeout=EXPORT_SECONDS),
    )


def readable(span: Span, resource: Resource, *, with_gen_ai: bool) -> Iterator[ReadableSpan]:
    """A request as spans: what the caller asked of us, and below it what we asked of a model, if it came to that."""
    flags = TraceFlags(TraceFlags.SAMPLED)
    trace = int(span.trace, 16)
    served = SpanContext(trace, int(span.span, 16), is_remote=False, trace_flags=flags)
    caller = SpanContext(trace, int(span.parent, 16), is_remote=True, trace_flags=flags) if span.parent else None
    failed = span.status >= _FIRST_SERVER_ERROR or span.outcome == "failed"
    status = Status(StatusCode.ERROR, span.outcome) if failed else Status(StatusCode.UNSET)
    began, ended = int(span.began_at * _NS), int((span.began_at + span.duration_ms / 1000) * _NS)
    yield ReadableSpan(
        f"POST {span.path}",
        context=served,
        parent=caller,
        resource=resource,
        attributes=_served(span),
        links=[Link(decisions.context_of(span.rollout))] if span.rollout else [],
        kind=SpanKind.SERVER,
        status=status,
        start_time=began,
        end_time=ended,
        instrumentation_scope=SCOPE,
    )
    if not span.attempt_ms:
        return
    asked = SpanContext(trace, _below(int(span.span, 16)), is_remote=False, trace_flags=flags)
    yield ReadableSpan(
        gen_ai.name(span) if with_gen_ai else f"ask {span.model}",
        context=asked,
        parent=served,
        resource=resource,
        attributes={**_asked(span), **(gen_ai.attributes(span) if with_gen_ai else {})},
        kind=SpanKind.CLIENT,
        status=status,
        start_time=int((span.began_at + span.attempt_ms / 1000) * _NS),
        end_time=ended,
        instrumentation_scope=SCOPE,
    )


def _below(span: int) -> int:
    """The id of a span's only child."""
    return (span ^ 1) or 2


def _served(span: Span) -> dict[str, str | int | bool]:
    found: dict[str, str | int | bool] = {
        "http.request.method": "POST",
        "http.response.status_code": span.status,
        "url.path": span.path,
        "driftgate.endpoint": span.endpoint,
        "driftgate.arm": span.arm,
        "driftgate.outcome": span.outcome,
        "driftgate.request_id": span.request_id,
        "driftgate.stream": span.stream,
    }
    found |= {"driftgate.rollout": span.rollout} if span.rollout else {}
    return found | ({"driftgate.fallback": span.fallback} if span.fallback else {})


def _asked(span: Span) -> dict[str, str | bool | float]:
    found: dict[str, str | bool | float] = {"driftgate.model": span.model, "driftgate.arm": span.arm}
    return found | ({"driftgate.first_byte_ms": span.first_byte_ms} if span.first_byte_ms else {})
