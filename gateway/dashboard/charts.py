"""Trends and shapes as the JSON that the page's charts draw. Pure.

Values are in the unit of their test already, so that the script knows nothing of units. A caller that has the earlier
samples asks for what came after; where the trend was thinned meanwhile it gets the whole again.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Any, TypeAlias

from gateway.dashboard.shapes import Shape
from gateway.dashboard.trend import Reading, Sample, Trend
from gateway.dashboard.words import test_name
from rollback.again import Row
from rollback.sentences import scaled, unit
from rollback.verdict import SignalReport

Json: TypeAlias = dict[str, Any]
"""A JSON object on its way out."""

PERCENT = 100.0


def charts(trend: Trend, shapes: Sequence[Shape], *, after: float = 0.0, step: float = 0.0) -> Json:
    """Everything that is drawn. `after` and `step` are what the caller has; without them all samples are sent."""
    whole = step != trend.step_seconds
    samples = [sample for sample in trend.samples if whole or sample.at > after]
    return {
        "rollout": trend.rollout,
        "step_seconds": trend.step_seconds,
        "whole": whole,
        "at": [round(sample.at, 2) for sample in samples],
        "target": [_rounded(PERCENT * sample.target) for sample in samples],
        "actual": [None if sample.actual is None else _rounded(PERCENT * sample.actual) for sample in samples],
        "tests": [_test(row, report, samples) for row, report in trend.tests.items()],
        "shapes": [_shape(shape) for shape in shapes],
    }


def _test(row: Row, report: SignalReport, samples: Sequence[Sample]) -> Json:
    readings = [sample.readings.get(row) for sample in samples]
    return {
        "key": "/".join(row),
        "signal": report.signal,
        "name": test_name(report),
        "source": report.source.value,
        "test": report.test.value,
        "unit": unit(report),
        "limit": _rounded(scaled(report, report.limit)),
        "estimate": [_shown(report, each.estimate if each else None) for each in readings],
        "low": [_shown(report, each.low if each else None) for each in readings],
        "high": [_shown(report, each.high if each else None) for each in readings],
        "burn": [None if each is None else _rounded(PERCENT * each.burn) for each in readings],
        "n": [_votes(each) for each in readings],
    }


def _votes(reading: Reading | None) -> int | None:
    return None if reading is None else reading.n


def _shown(report: SignalReport, value: float | None) -> float | None:
    if value is None or not isfinite(value):
        return None
    return _rounded(scaled(report, value))


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _shape(shape: Shape) -> Json:
    return {
        "signal": shape.signal,
        "unit": shape.unit,
        "edges": [_rounded(edge) for edge in shape.edges],
        "stable": [_rounded(PERCENT * share) for share in shape.stable],
        "candidate": [_rounded(PERCENT * share) for share in shape.candidate],
        "stable_n": shape.stable_n,
        "candidate_n": shape.candidate_n,
        "stable_median": shape.stable_median and _rounded(shape.stable_median),
        "candidate_median": shape.candidate_median and _rounded(shape.candidate_median),
    }
