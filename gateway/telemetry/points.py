"""Counters, as /metrics has them, in the form that OpenTelemetry exports: the same names, labels and numbers."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from gateway.channel.series import name_of
from gateway.control.exposition import METRICS

_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = re.compile(r"\\(.)")
_PARTS: Final = ("_bucket", "_sum", "_count")

Labels: TypeAlias = tuple[tuple[str, str], ...]
Span: TypeAlias = tuple[int, int]
"""From when to when the numbers were counted, in Unix nanoseconds."""


def metrics(
    values: Mapping[str, float],
    resource: Resource,
    scope: InstrumentationScope,
    counted: Span,
    *,
    more: Iterable[Metric] = (),
) -> MetricsData:
    """Everything in `values` that is one of the contract's metrics, and `more`."""
    families: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for key, value in values.items():
        families[_metric(name_of(key))][key] = value
    made = [_made(name, families[name], counted) for name in METRICS if name in families]
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(scope, [*made, *more], "")], "")])


def _metric(name: str) -> str:
    for part in _PARTS:
        base = name.removesuffix(part)
        if base != name and METRICS.get(base, ("",))[0] == "histogram":
            return base
    return name


def _made(name: str, values: Mapping[str, float], counted: Span) -> Metric:
    kind, text = METRICS[name]
    unit = "s" if name.endswith("_seconds") else "1"
    temporality = AggregationTemporality.CUMULATIVE
    if kind == "histogram":
        return Metric(name, text, unit, Histogram(list(_histograms(name, values, counted)), temporality))
    points = [NumberDataPoint(dict(_labels(key)), counted[0], counted[1], value) for key, value in values.items()]
    return Metric(name, text, unit, Sum(points, temporality, True) if kind == "counter" else Gauge(points))


def _histograms(name: str, values: Mapping[str, float], counted: Span) -> Iterator[HistogramDataPoint]:
    by_labels: defaultdict[Labels, dict[str, float]] = defaultdict(dict)
    for key, value in values.items():
        labels = dict(_labels(key))
        place = labels.pop("le", None) or name_of(key).removeprefix(name)
        by_labels[tuple(labels.items())][place] = value
    for labels_of, parts in by_labels.items():
        bounds = sorted(float(place) for place in parts if place not in ("_sum", "_count", "+Inf"))
        below = [int(parts[str(bound)]) for bound in bounds] + [int(parts["_count"])]
        counts = [upper - lower for lower, upper in zip([0, *below], below, strict=False)]
        yield HistogramDataPoint(
            attributes=dict(labels_of),
            start_time_unix_nano=counted[0],
            time_unix_nano=counted[1],
            count=int(parts["_count"]),
            sum=parts["_sum"],
            bucket_counts=counts,
            explicit_bounds=bounds,
            min=None,  # type: ignore[arg-type]  # not known, and optional on the wire
            max=None,  # type: ignore[arg-type]  # as above
        )


def _labels(key: str) -> Labels:
    return tuple((name, _ESCAPED.sub(_unescaped, value)) for name, value in _LABEL.findall(key.partition("{")[2]))


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]
