"""The admin API: each route says who may call it, and does what it names.

Everything that thinks is elsewhere: `operations` and `returning` act, `views` shapes, `access` guards, `problems` turns
errors into answers.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import anyio
import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from gateway.channel.series import merged
from gateway.channel.server import ControlServer
from gateway.control.access import ANYBODY, NEEDS, open_to
from gateway.control.alerts import Alerts
from gateway.control.exposition import CONTENT_TYPE, render
from gateway.control.forecasting import Supposed
from gateway.control.home import Home
from gateway.control.metrics import Gauges, control_series
from gateway.control.operations import Operations, Wish
from gateway.control.rates import Rates
from gateway.control.returning import Returning
from gateway.control.rolling import Order
from gateway.control.views import View, entry_view, rollout_view
from gateway.keys import Caller, Role
from gateway.version import __version__
from rollback.again import exported
from rollback.controller import Controller
from rollback.errors import NotPossible

EVENTS_EVERY_SECONDS: Final = 0.5
KEEP_ALIVE_SECONDS: Final = 15.0
"""A comment is sent at least this often, so that proxies and clients know that the stream lives."""

_Request = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything that a route may use. `stopping` is set when the process ends: streams end with it."""

    operations: Operations
    returning: Returning
    controller: Controller
    home: Home
    channel: ControlServer
    alerts: Alerts
    rates: Rates
    stopping: anyio.Event
    wake: Callable[[], None]


class StartBody(msgspec.Struct, forbid_unknown_fields=True):
    """What to start. `expect`: changes that are wanted, such as `refusal=+1pp..+6pp`; `replace` ends what runs."""

    candidate: str
    plan: str | None = None
    reason: str = ""
    expect: list[str] = []
    replace: bool = False


class CommandBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why; for a promotion how far (`full` bypasses all evidence); for a rollback to which generation."""

    reason: str = ""
    full: bool = False
    step: bool = False
    to: int | None = None


def _desk(request: _Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _actor(request: _Request) -> str:
    caller: Caller = request.state.caller
    return caller.name


def _shown(desk: Desk, endpoint: str) -> View:
    watched = desk.controller.watched[endpoint]
    assert watched.rollout is not None  # a command has just put it there
    return {"rollout": rollout_view(watched.rollout, watched.counts, watched.reports)}


@get("/admin/v1/endpoints", opt=open_to(Role.VIEWER), summary="All endpoints, as last seen")
async def list_endpoints(request: _Request) -> View:
    """Every endpoint with its stable model and its latest rollout."""
    visible = [view for view in _desk(request).operations.everything() if _may_see(request, view)]
    return {"endpoints": visible}


def _may_see(request: _Request, view: View) -> bool:
    caller: Caller = request.state.caller
    return caller.may_reach(view["name"])


@get("/admin/v1/endpoints/{endpoint:str}", opt=open_to(Role.VIEWER), summary="One endpoint")
async def show_endpoint(request: _Request, endpoint: FromPath[str]) -> View:
    """Its generations, and its latest rollout with requests and signals."""
    return await _desk(request).operations.endpoint(endpoint)


@post("/admin/v1/endpoints/{endpoint:str}/rollouts", opt=open_to(Role.DEPLOYER), summary="Start a rollout")
async def start_rollout(request: _Request, endpoint: FromPath[str], data: JSONBody[StartBody]) -> View:
    """Asks the candidate for a small answer first; 409 while another rollout runs, unless `replace` is set."""
    desk = _desk(request)
    wish = Wish(
        candidate=data.candidate, plan=data.plan, reason=data.reason, expect=tuple(data.expect), replace=data.replace
    )
    started = await desk.operations.start(endpoint, wish, _actor(request))
    desk.wake()
    return {"rollout": rollout_view(started.rollout, {}, ()), "notes": list(started.notes)}


@get("/admin/v1/endpoints/{endpoint:str}/plan", opt=open_to(Role.VIEWER), summary="What a rollout would take")
async def plan(
    request: _Request,
    endpoint: FromPath[str],
    candidate: FromQuery[str],
    plan: FromQuery[str | None] = None,
    rate: Annotated[float | None, QueryParameter(ge=0)] = None,
    new_keys: Annotated[float | None, QueryParameter(gt=0, le=1)] = None,
) -> View:
    """Expected time and exposure per stage, and how soon a drift is caught.

    `rate` (requests per second) and `new_keys` (share of requests) replace what is known of the traffic.
    """
    wish = Wish(candidate=candidate, plan=plan)
    return await _desk(request).operations.forecast(endpoint, wish, Supposed(rate=rate, new_keys=new_keys))


@get("/admin/v1/rollouts/{rollout_id:str}", opt=open_to(Role.VIEWER), summary="One rollout, ended ones too")
async def show_rollout(request: _Request, rollout_id: FromPath[str]) -> View:
    """A rollout by its id."""
    view = await _desk(request).operations.rollout(rollout_id)
    if not request.state.caller.may_reach(view["endpoint"]):
        raise NotPossible("this key does not reach that rollout's endpoint")
    return view


@post("/admin/v1/endpoints/{endpoint:str}/pause", opt=open_to(Role.OPERATOR), status_code=200, summary="Pause")
async def pause(request: _Request, endpoint: FromPath[str], data: JSONBody[CommandBody | None] = None) -> View:
    """Keep the weight, do not widen; harm still rolls back."""
    desk, body = _desk(request), data or CommandBody()
    await desk.operations.pause(endpoint, _actor(request), body.reason)
    return _shown(desk, endpoint)


@post("/admin/v1/endpoints/{endpoint:str}/resume", opt=open_to(Role.DEPLOYER), status_code=200, summary="Resume")
async def resume(request: _Request, endpoint: FromPath[str], data: JSONBody[CommandBody | None] = None) -> View:
    """Go on after a pause."""
    desk, body = _desk(request), data or CommandBody()
    await desk.operations.resume(endpoint, _actor(request), body.reason)
    desk.wake()
    return _shown(desk, endpoint)


@post("/admin/v1/endpoints/{endpoint:str}/promote", opt=open_to(Role.DEPLOYER), status_code=200, summary="Promote")
async def promote(request: _Request, endpoint: FromPath[str], data: JSONBody[CommandBody | None] = None) -> View:
    """One stage further, or with `full` to the end; both without evidence, and audited as such."""
    desk, body = _desk(request), data or CommandBody()
    if body.full and body.step:
        raise NotPossible("`full` and `step` exclude each other: choose one")
    await desk.operations.promote(endpoint, _actor(request), body.reason, full=body.full)
    desk.wake()
    return _shown(desk, endpoint)


@post("/admin/v1/endpoints/{endpoint:str}/rollback", opt=open_to(Role.OPERATOR), status_code=200, summary="Roll back")
async def rollback(request: _Request, endpoint: FromPath[str], data: JSONBody[CommandBody | None] = None) -> View:
    """All traffic to stable, at once and for good. `durability` says how far it got; it works with Redis gone."""
    desk, body = _desk(request), data or CommandBody()
    desk.operations.check(endpoint)
    actor = _actor(request)
    order = Order(endpoint, actor, body.reason or f"rolled back by {actor}")
    done = await desk.returning.roll_back(order, body.to)
    return {"rollout": done.rollout, "durability": done.durability.view()}


@get("/admin/v1/endpoints/{endpoint:str}/audit", opt=open_to(Role.VIEWER), summary="What happened, and why")
async def audit(
    request: _Request, endpoint: FromPath[str], limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 50
) -> View:
    """The latest audit entries, newest first."""
    entries = await _desk(request).operations.entries(endpoint, limit)
    return {"entries": [entry_view(entry) for entry in entries]}


@get(
    "/admin/v1/endpoints/{endpoint:str}/audit/{entry:str}/export",
    opt=open_to(Role.VIEWER),
    summary="A decision as a document that can be judged again",
)
async def export(request: _Request, endpoint: FromPath[str], entry: FromPath[str]) -> Response[bytes]:
    """The rollout before it, the counters, and all else that was known: `driftgate replay` needs nothing more."""
    found = await _desk(request).operations.entry(endpoint, entry)
    return Response(exported(found, __version__), media_type="application/json")


@get("/admin/v1/events", opt=open_to(Role.VIEWER), summary="State as server-sent events")
async def events(request: _Request) -> Stream:
    """`event: state` with all endpoints, whenever something has changed."""
    headers = {"cache-control": "no-store"}
    return Stream(_states(request), media_type="text/event-stream", headers=headers)


async def _states(request: _Request) -> AsyncIterator[bytes]:
    desk, sent, sent_at = _desk(request), b"", anyio.current_time()
    while not desk.stopping.is_set():
        visible = [view for view in desk.operations.everything() if _may_see(request, view)]
        state = msgspec.json.encode({"endpoints": visible, "store_fault": desk.controller.store_fault})
        if state != sent:
            yield b"event: state\ndata: " + state + b"\n\n"
            sent, sent_at = state, anyio.current_time()
        elif anyio.current_time() - sent_at > KEEP_ALIVE_SECONDS:
            yield b": still here\n\n"
            sent_at = anyio.current_time()
        with anyio.move_on_after(EVENTS_EVERY_SECONDS):
            await desk.stopping.wait()


@get("/metrics", opt=open_to(Role.VIEWER), summary="Prometheus metrics of all processes")
async def metrics(request: _Request) -> Response[str]:
    """All workers' counters merged, with the control process's own."""
    desk = _desk(request)
    gauges = Gauges(
        store_up=not desk.controller.store_fault,
        leads=desk.controller.leads,
        connected=len(desk.channel.connected),
        alerts_dropped=desk.alerts.dropped,
        rollbacks=desk.home.rollbacks,
    )
    own = control_series(gauges, desk.controller.watched)
    workers = {key: value for key, value in desk.channel.counters().items() if key not in own}
    return Response(render(merged([own, workers])), media_type=CONTENT_TYPE)


@get("/healthz", opt={NEEDS: ANYBODY}, summary="Alive")
async def healthz() -> View:
    """This process answers."""
    return {"status": "ok", "version": __version__}


@get("/readyz", opt={NEEDS: ANYBODY}, summary="Ready")
async def readyz(request: _Request) -> Response[View]:
    """200 once the controller has looked at everything; `degraded` says that Redis is lost."""
    controller = _desk(request).controller
    if not controller.ticks:
        return Response({"status": "starting"}, status_code=503)
    if controller.store_fault:
        return Response({"status": "degraded", "why": controller.store_fault})
    return Response({"status": "ok"})


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    list_endpoints,
    show_endpoint,
    start_rollout,
    plan,
    show_rollout,
    pause,
    resume,
    promote,
    rollback,
    audit,
    export,
    events,
    metrics,
    healthz,
    readyz,
)
