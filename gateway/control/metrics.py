"""Which numbers of the control process are metrics. Pure: it reads what the controller last saw."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.channel.series import series
from gateway.version import __version__, data_path
from rollback.rollout import Phase
from rollback.triggers import Trigger
from rollback.watching import Watched
from routing.bucketing import WEIGHT_SCALE
from shadow.cells import EVERY


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """What the control process knows of itself."""

    store_up: bool
    leads: bool
    connected: int
    alerts_dropped: int
    telemetry_dropped: int
    rollbacks: Mapping[str, int]


def control_series(gauges: Gauges, watched: Mapping[str, Watched]) -> dict[str, float]:
    """The control process's own series."""
    values: dict[str, float] = {
        series("driftgate_store_up"): float(gauges.store_up),
        series("driftgate_leader"): float(gauges.leads),
        series("driftgate_workers_connected"): float(gauges.connected),
        series("driftgate_alerts_dropped_total"): float(gauges.alerts_dropped),
        series("driftgate_telemetry_dropped_total", reason="collector"): float(gauges.telemetry_dropped),
        series("driftgate_build_info", version=__version__, data_path=data_path()): 1.0,
    }
    for trigger in Trigger:
        values[series("driftgate_rollbacks_total", trigger=trigger)] = float(gauges.rollbacks.get(trigger, 0))
    for endpoint, seen in watched.items():
        values.update(_exposure(endpoint, seen))
        values.update(_drift(endpoint, seen))
    return values


def _exposure(endpoint: str, seen: Watched) -> dict[str, float]:
    rollout = seen.rollout
    phase = rollout.phase if rollout is not None else Phase.IDLE
    weight = rollout.weight_bps if rollout is not None and rollout.is_running else 0
    values = {
        series("driftgate_rollout_phase", endpoint=endpoint, phase=each.value): float(each is phase) for each in Phase
    }
    values[series("driftgate_exposure_ratio", endpoint=endpoint, kind="target")] = weight / WEIGHT_SCALE
    values[series("driftgate_exposure_ratio", endpoint=endpoint, kind="actual")] = seen.actual_exposure
    return values


def _drift(endpoint: str, seen: Watched) -> dict[str, float]:
    """Of each signal the test that burns most, over all requests."""
    values: dict[str, float] = {}
    worst: dict[str, float] = {}
    for report in seen.reports:
        if report.slice != EVERY or report.burn < worst.get(report.signal, 0.0):
            continue
        worst[report.signal] = report.burn
        values[series("driftgate_drift_burn_ratio", endpoint=endpoint, signal=report.signal)] = report.burn
        if report.estimate is not None:
            values[series("driftgate_drift_estimate", endpoint=endpoint, signal=report.signal)] = report.estimate
    return values
