"""The Grafana board: what an operator looks at while a rollout runs. Pure; written to deploy/ by `files`.

Kept in code so that no panel can name a metric that does not exist: names come from `gateway.control.exposition`.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]

SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH: Final = 12
_HEIGHT: Final = 8
_PER_ROW: Final = 2


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph: what it shows, why one looks at it, and its queries with their legends."""

    title: str
    why: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    most: float | None = None


_OF: Final = 'endpoint=~"$endpoint"'


def _quantile(share: float, name: str, by: str) -> str:
    """A quantile of one of the histograms, over all gateways."""
    return f"histogram_quantile({share:g}, sum by (le, {by}) (rate({name}_bucket{{{_OF}}}[$__rate_interval])))"


PANELS: Final = (
    Panel(
        "Exposure",
        "Share of requests on the candidate: as granted, and as served lately.",
        ((f"max by (endpoint, kind) (driftgate_exposure_ratio{{{_OF}}})", "{{endpoint}} {{kind}}"),),
        unit="percentunit",
        most=1.0,
    ),
    Panel(
        "Phase",
        "1 for the phase that the endpoint's latest rollout is in.",
        ((f"max by (endpoint, phase) (driftgate_rollout_phase{{{_OF}}}) > 0", "{{endpoint}} {{phase}}"),),
    ),
    Panel(
        "Burn of the drift budgets",
        "Evidence of harm as a share of what rolls back: 50 % holds, 100 % rolls back.",
        ((f"max by (endpoint, signal) (driftgate_drift_burn_ratio{{{_OF}}})", "{{endpoint}} {{signal}}"),),
        unit="percentunit",
        most=1.0,
    ),
    Panel(
        "Drift",
        "Candidate minus stable, as estimated; for length a log ratio.",
        ((f"max by (endpoint, signal) (driftgate_drift_estimate{{{_OF}}})", "{{endpoint}} {{signal}}"),),
    ),
    Panel(
        "Requests per second",
        "By the arm that answered, and how it ended.",
        (
            (
                f"sum by (endpoint, arm, outcome) (rate(driftgate_requests_total{{{_OF}}}[$__rate_interval]))",
                "{{endpoint}} {{arm}} {{outcome}}",
            ),
        ),
        unit="reqps",
    ),
    Panel(
        "Fallbacks per second",
        "Requests that stable answered because the candidate could not: harm that users did not see.",
        (
            (
                f"sum by (endpoint, reason) (rate(driftgate_fallbacks_total{{{_OF}}}[$__rate_interval]))",
                "{{endpoint}} {{reason}}",
            ),
        ),
        unit="reqps",
    ),
    Panel(
        "Time to first byte, p95",
        "Both arms beside each other.",
        ((_quantile(0.95, "driftgate_time_to_first_byte_seconds", "endpoint, arm"), "{{endpoint}} {{arm}}"),),
        unit="s",
    ),
    Panel(
        "Duration, p95",
        "From a request's arrival to its answer's last byte.",
        ((_quantile(0.95, "driftgate_request_duration_seconds", "endpoint, arm"), "{{endpoint}} {{arm}}"),),
        unit="s",
    ),
    Panel(
        "Time that driftgate adds, p99",
        "Until the upstream is asked.",
        ((_quantile(0.99, "driftgate_overhead_seconds", "endpoint"), "{{endpoint}}"),),
        unit="s",
    ),
    Panel(
        "Not compared",
        "Exchanges that were shed, dropped or could not be mirrored: by reason, per second.",
        (("sum by (reason) (rate(driftgate_shadow_dropped_total[$__rate_interval]))", "{{reason}}"),),
        unit="reqps",
    ),
    Panel(
        "Rollbacks",
        "By what led to them.",
        (("sum by (trigger) (increase(driftgate_rollbacks_total[$__range]))", "{{trigger}}"),),
    ),
    Panel(
        "Health",
        "Redis, leader, workers, and the age of the oldest routing state that a worker serves from.",
        (
            ("min by (instance) (driftgate_store_up)", "store up {{instance}}"),
            ("sum(driftgate_leader)", "leaders"),
            ("min by (instance) (driftgate_workers_connected)", "workers {{instance}}"),
            ("max by (instance) (driftgate_snapshot_age_seconds)", "snapshot age {{instance}}"),
            ("sum by (version) (driftgate_build_info)", "version {{version}}"),
        ),
    ),
)


def board() -> Json:
    """The board as Grafana imports it."""
    return {
        "title": "driftgate",
        "uid": "driftgate",
        "tags": ["driftgate"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_datasource(), _endpoints()]},
        "panels": [_panel(index, panel) for index, panel in enumerate(PANELS)],
    }


def _datasource() -> Json:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _endpoints() -> Json:
    query = "label_values(driftgate_rollout_phase, endpoint)"
    return {
        "name": "endpoint",
        "label": "Endpoint",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": "endpoints"},
        "definition": query,
        "includeAll": True,
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
    }


def _panel(index: int, panel: Panel) -> Json:
    limits = {"min": 0, "max": panel.most} if panel.most is not None else {}
    return {
        "id": index + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.why,
        "datasource": SOURCE,
        "gridPos": {
            "h": _HEIGHT,
            "w": _WIDTH,
            "x": _WIDTH * (index % _PER_ROW),
            "y": _HEIGHT * (index // _PER_ROW),
        },
        "fieldConfig": {"defaults": {"unit": panel.unit, **limits}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for number, (query, legend) in enumerate(panel.queries)
        ],
    }
