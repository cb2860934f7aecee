"""The `gen_ai.*` names of OpenTelemetry's semantic conventions, for those who opted in (`telemetry.gen_ai`).

The conventions are still in development: whatever they become is a change to this module alone. Prompts and answers
(`gen_ai.input.messages`, `gen_ai.output.messages`) are not among them here.

The metrics are of *sampled* requests, as the spans are, since no other answer is read: distributions, and totals only
where everything is sampled. `gen_ai.client.*` is what this gateway asked of a model, `gen_ai.server.*` what the
application asked of this gateway. The metrics of the contract count every request.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias

from opentelemetry.sdk.metrics.export import AggregationTemporality, Histogram, HistogramDataPoint, Metric

from gateway.telemetry.spans import Span

Attributes: TypeAlias = Mapping[str, str | bool | int | float | Sequence[str]]
Labels: TypeAlias = tuple[tuple[str, str], ...]

_OPERATIONS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "/v1/chat/completions": ("chat", "openai"),
        "/v1/completions": ("text_completion", "openai"),
        "/v1/responses": ("chat", "openai"),
        "/v1/embeddings": ("embeddings", "openai"),
        "/v1/messages": ("chat", "anthropic"),
    }
)
"""Operation, and whose API is spoken; who really serves is not known here."""

_SECONDS: Final = tuple(0.01 * 2**power for power in range(14))
_FIRST_TOKEN_SECONDS: Final = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
_TOKENS: Final = tuple(float(4**power) for power in range(14))
"""Bounds as the conventions advise."""

_FAMILIES: Final[Mapping[str, tuple[str, str, tuple[float, ...]]]] = MappingProxyType(
    {
        "gen_ai.client.token.usage": ("{token}", "Number of input and output tokens used.", _TOKENS),
        "gen_ai.client.operation.duration": ("s", "GenAI operation duration.", _SECONDS),
        "gen_ai.client.operation.time_to_first_chunk": ("s", "Time to receive the first chunk of a stream.", _SECONDS),
        "gen_ai.server.request.duration": ("s", "Generative AI server request duration.", _SECONDS),
        "gen_ai.server.time_to_first_token": (
            "s",
            "Time to the first token of a successful response.",
            _FIRST_TOKEN_SECONDS,
        ),
    }
)
"""Unit, description, bounds."""

MOST_SERIES: Final = 1000
"""Model names in answers are the model servers' to choose: beyond this many series new ones are not begun."""


def attributes(span: Span) -> Attributes:
    """The attributes of asking a model."""
    said = span.said
    found: dict[str, str | bool | int | float | Sequence[str]] = {**_of(span), "gen_ai.request.model": span.model}
    found |= {"gen_ai.request.stream": True} if span.stream else {}
    found |= {"gen_ai.response.id": said.id} if said.id else {}
    found |= {"gen_ai.response.model": said.model} if said.model else {}
    found |= {"gen_ai.response.finish_reasons": said.finish} if said.finish else {}
    found |= {"gen_ai.usage.input_tokens": said.input_tokens} if said.input_tokens is not None else {}
    found |= {"gen_ai.usage.output_tokens": said.output_tokens} if said.output_tokens is not None else {}
    return found


def name(span: Span) -> str:
    """The span's name as the conventions want it: `chat acme-v13`."""
    return f"{_OPERATIONS.get(span.path, ('chat', ''))[0]} {span.model}"


def _of(span: Span) -> dict[str, str]:
    operation, provider = _OPERATIONS.get(span.path, ("chat", "openai"))
    return {"gen_ai.operation.name": operation, "gen_ai.provider.name": provider}


@dataclass(slots=True)
class _Counted:
    """One series of a histogram."""

    counts: list[int]
    total: float = 0.0


@dataclass(slots=True)
class Meters:
    """The histograms of sampled requests."""

    _series: dict[tuple[str, Labels], _Counted] = field(default_factory=dict)

    def add(self, span: Span) -> None:
        """Count one request."""
        for family, labels, value in _values(span):
            key = (family, tuple(labels.items()))
            bounds = _FAMILIES[family][2]
            if key not in self._series and len(self._series) >= MOST_SERIES:
                continue
            held = self._series.setdefault(key, _Counted([0] * (len(bounds) + 1)))
            held.counts[bisect_left(bounds, value)] += 1
            held.total += value

    def metrics(self, counted: tuple[int, int]) -> Iterator[Metric]:
        """What was counted from `counted[0]` to `counted[1]`, in Unix nanoseconds."""
        for family, (unit, text, bounds) in _FAMILIES.items():
            points = [
                HistogramDataPoint(
                    attributes=dict(labels),
                    start_time_unix_nano=counted[0],
                    time_unix_nano=counted[1],
                    count=sum(held.counts),
                    sum=held.total,
                    bucket_counts=list(held.counts),
                    explicit_bounds=list(bounds),
                    min=None,  # type: ignore[arg-type]  # not kept, and optional on the wire
                    max=None,  # type: ignore[arg-type]  # as above
                )
                for (of, labels), held in self._series.items()
                if of == family
            ]
            if points:
                yield Metric(family, text, unit, Histogram(points, AggregationTemporality.CUMULATIVE))


def _values(span: Span) -> Iterator[tuple[str, dict[str, str], float]]:
    """The observations of one request: metric, labels, value."""
    served = {**_of(span), "gen_ai.request.model": span.endpoint}
    failed = {"error.type": span.outcome if span.status < 400 else str(span.status)}  # noqa: PLR2004 - errors from 400
    wrong = failed if span.outcome != "completed" or span.status >= 400 else {}  # noqa: PLR2004 - likewise
    yield "gen_ai.server.request.duration", {**served, **wrong}, span.duration_ms / 1000
    if span.stream and span.first_byte_ms and not wrong:
        yield "gen_ai.server.time_to_first_token", served, span.first_byte_ms / 1000
    if not span.attempt_ms:
        return
    said = {"gen_ai.response.model": span.said.model} if span.said.model else {}
    asked = {**_of(span), "gen_ai.request.model": span.model, **said}
    yield "gen_ai.client.operation.duration", {**asked, **wrong}, (span.duration_ms - span.attempt_ms) / 1000
    if span.stream and span.first_byte_ms:
        first = (span.first_byte_ms - span.attempt_ms) / 1000
        yield "gen_ai.client.operation.time_to_first_chunk", asked, first
    for kind, tokens in (("input", span.said.input_tokens), ("output", span.said.output_tokens)):
        if tokens is not None:
            yield "gen_ai.client.token.usage", {**asked, "gen_ai.token.type": kind}, float(tokens)
