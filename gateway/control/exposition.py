"""Counters as Prometheus text (exposition format 0.0.4). Pure.

A series is named by `gateway.channel.series`; here it gets its metric's help and type. Only what is known is written:
an unknown metric of a worker is left out, so that the names stay the contract's.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from gateway.channel.series import name_of

CONTENT_TYPE: Final = "text/plain; version=0.0.4"
"""The framework adds the charset. Said twice, Prometheus refuses the whole scrape."""

METRICS: Final[Mapping[str, tuple[str, str]]] = {
    "driftgate_requests_total": ("counter", "Requests of applications, by answering arm and outcome."),
    "driftgate_request_duration_seconds": ("histogram", "From a request's arrival to its answer's last byte."),
    "driftgate_time_to_first_byte_seconds": ("histogram", "From a request's arrival to its answer's first byte."),
    "driftgate_overhead_seconds": ("histogram", "Time that driftgate itself added to a request."),
    "driftgate_undrawn_total": ("counter", "Requests during a rollout whose arm was not drawn, by reason."),
    "driftgate_fallbacks_total": ("counter", "Requests that stable answered because the candidate could not."),
    "driftgate_upstream_in_flight": ("gauge", "Requests under way or in line at one of a model's servers."),
    "driftgate_upstream_left_alone": ("gauge", "Data workers that do not ask this server now: it failed lately."),
    "driftgate_upstream_breaker_opened_total": ("counter", "Times that a server failed often enough to be left alone."),
    "driftgate_upstream_retries_total": ("counter", "Requests sent to a model a second time, by reason; or refused."),
    "driftgate_exposure_ratio": ("gauge", "Share of requests on the candidate: as granted, and as served lately."),
    "driftgate_rollout_phase": ("gauge", "1 for the phase that the endpoint's latest rollout is in."),
    "driftgate_drift_burn_ratio": ("gauge", "Evidence of harm as a share of what rolls back; 1 is a rollback."),
    "driftgate_drift_estimate": ("gauge", "Candidate minus stable, as estimated."),
    "driftgate_shadow_dropped_total": ("counter", "Exchanges that were not compared, by reason."),
    "driftgate_own_signal_failures_total": ("counter", "Readings that a signal of your own failed to make, by reason."),
    "driftgate_rollbacks_total": ("counter", "Rollbacks carried out by this gateway, by trigger."),
    "driftgate_alerts_dropped_total": ("counter", "Webhook events that could not be delivered."),
    "driftgate_telemetry_dropped_total": ("counter", "Sampled spans that could not be exported."),
    "driftgate_store_up": ("gauge", "1 while Redis answers the control process."),
    "driftgate_leader": ("gauge", "1 while this gateway's controller leads."),
    "driftgate_workers_connected": ("gauge", "Workers on the control channel."),
    "driftgate_snapshot_age_seconds": ("gauge", "Age of the oldest routing state that a worker serves from."),
    "driftgate_connections_shed_total": (
        "counter",
        "Connections beyond what file descriptors allow: asked a model, they get 503.",
    ),
    "driftgate_worker_stalled_seconds_total": ("counter", "Time in which a data worker did not get to run, over 1 s."),
    "driftgate_build_info": (
        "gauge",
        "Always 1; the labels say which version runs, and whether its data path is compiled.",
    ),
}
"""Name → type and help, in the order in which they are shown."""

_PARTS: Final = ("_bucket", "_sum", "_count")


def render(values: Mapping[str, float]) -> str:
    """The text of all series in `values`; a metric without any is named all the same, for whoever looks it up."""
    families: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
    for key, value in values.items():
        families[_metric(name_of(key))].append((key, value))
    lines: list[str] = []
    for name, (kind, text) in METRICS.items():
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        lines += [f"{key} {_number(value)}" for key, value in sorted(families[name])]
    return "\n".join(lines) + "\n"


def _metric(name: str) -> str:
    for part in _PARTS:
        base = name.removesuffix(part)
        if base != name and METRICS.get(base, ("",))[0] == "histogram":
            return base
    return name


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
