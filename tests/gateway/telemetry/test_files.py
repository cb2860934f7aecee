"""The Grafana board and the Prometheus rules in deploy/."""

import re
from pathlib import Path

import pytest

from gateway.control.exposition import METRICS, render
from gateway.telemetry.board import PANELS
from gateway.telemetry.files import files

DEPLOY = Path(__file__).parents[3] / "deploy"
NAME = re.compile(r"driftgate_\w+")


@pytest.mark.parametrize("name", files())
def test_the_files_are_current(name: str) -> None:
    """`python -m gateway.telemetry.files deploy` was run after the last change."""
    assert (DEPLOY / name).read_text(encoding="utf-8") == files()[name]


@pytest.mark.parametrize("name", files())
def test_every_name_in_them_is_in_metrics(name: str) -> None:
    """A panel or a rule on a metric that does not exist would be silent for ever."""
    shown = set(NAME.findall(render({})))
    used = {each.removesuffix("_bucket") for each in NAME.findall(files()[name])}
    assert used
    assert used <= shown
    assert shown == set(METRICS)


def test_the_contracts_metrics_are_all_on_the_board() -> None:
    """An operator sees each of them without writing a query."""
    contract = {name for name in METRICS if not name.endswith(("alerts_dropped_total", "telemetry_dropped_total"))}
    queried = {query for panel in PANELS for query, _ in panel.queries}
    on_board = {each.removesuffix("_bucket") for query in queried for each in NAME.findall(query)}
    named_in_contract = {
        "driftgate_requests_total", "driftgate_request_duration_seconds", "driftgate_time_to_first_byte_seconds",
        "driftgate_overhead_seconds", "driftgate_exposure_ratio", "driftgate_rollout_phase",
        "driftgate_drift_burn_ratio", "driftgate_drift_estimate", "driftgate_fallbacks_total",
        "driftgate_shadow_dropped_total", "driftgate_rollbacks_total", "driftgate_store_up",
        "driftgate_snapshot_age_seconds", "driftgate_build_info",
    }  # fmt: skip
    assert named_in_contract <= contract
    assert named_in_contract <= on_board


def test_every_series_that_the_code_counts_is_shown() -> None:
    """A name that is missing from the table would be left out of /metrics, and nobody would notice."""
    sources = [path.read_text(encoding="utf-8") for path in (DEPLOY.parent / "gateway").rglob("*.py")]
    counted = {name for text in sources for name in re.findall(r'"(driftgate_\w+_(?:total|seconds|ratio))"', text)}
    assert len(counted) > 10
    assert counted <= set(METRICS)
