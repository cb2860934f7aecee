"""What the routes of the admin API work with, and who is asking."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import anyio
from litestar import Request

from gateway.channel.series import merged
from gateway.channel.server import ControlServer
from gateway.control.alerts import Alerts
from gateway.control.freezing import Freezing
from gateway.control.home import Home
from gateway.control.metrics import Gauges, control_series
from gateway.control.operations import Operations
from gateway.control.rates import Rates
from gateway.control.returning import Returning
from gateway.control.reviewing import Reviewing
from gateway.keys import Caller
from gateway.telemetry.otlp import Exporting
from rollback.controller import Controller

AdminRequest: TypeAlias = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything that a route may use. `stopping` is set when the process ends: streams end with it."""

    operations: Operations
    returning: Returning
    freezing: Freezing
    reviewing: Reviewing
    controller: Controller
    home: Home
    channel: ControlServer
    alerts: Alerts
    exporting: Exporting
    rates: Rates
    stopping: anyio.Event
    wake: Callable[[], None]

    def series(self) -> dict[str, float]:
        """Every number of this gateway: all workers' counters merged, with the control process's own."""
        gauges = Gauges(
            store_up=not self.controller.store_fault,
            leads=self.controller.leads,
            connected=len(self.channel.connected),
            alerts_dropped=self.alerts.dropped,
            telemetry_dropped=self.exporting.dropped,
            rollbacks=self.home.rollbacks,
        )
        own = control_series(gauges, self.controller.watched)
        return merged([own, {key: value for key, value in self.channel.counters().items() if key not in own}])


def desk_of(request: AdminRequest) -> Desk:
    """The process's own."""
    desk: Desk = request.app.state.desk
    return desk


def actor_of(request: AdminRequest) -> str:
    """Whose key it is, for the audit record."""
    caller: Caller = request.state.caller
    return caller.name
