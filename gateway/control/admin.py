"""The admin API: what can be looked at. What can be commanded is in `commanding`.

Everything that thinks is elsewhere: `operations` and `returning` act, `views` shapes, `access` guards, `problems` turns
errors into answers.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Final

import anyio
import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream

from gateway.control.access import ANYBODY, NEEDS, open_to
from gateway.control.commanding import COMMANDS
from gateway.control.desk import AdminRequest, desk_of
from gateway.control.exposition import CONTENT_TYPE, render
from gateway.control.forecasting import Supposed
from gateway.control.labelling import REVIEW
from gateway.control.operations import Wish
from gateway.control.views import View, entry_view
from gateway.keys import Caller
from gateway.roles import Role
from gateway.version import __version__
from rollback.again import exported
from rollback.errors import NotPossible

EVENTS_EVERY_SECONDS: Final = 0.5
KEEP_ALIVE_SECONDS: Final = 15.0
"""Something is sent at least this often, so that proxies and pages know that the stream lives."""


@get("/admin/v1/endpoints", opt=open_to(Role.VIEWER), summary="All endpoints, as last seen")
async def list_endpoints(request: AdminRequest) -> View:
    """Every endpoint with its stable model and its latest rollout."""
    visible = [view for view in desk_of(request).operations.everything() if _may_see(request, view)]
    return {"endpoints": visible}


def _may_see(request: AdminRequest, view: View) -> bool:
    caller: Caller = request.state.caller
    return caller.may_reach(view["name"])


@get("/admin/v1/endpoints/{endpoint:str}", opt=open_to(Role.VIEWER), summary="One endpoint")
async def show_endpoint(request: AdminRequest, endpoint: FromPath[str]) -> View:
    """Its generations, and its latest rollout with requests and signals."""
    return await desk_of(request).operations.endpoint(endpoint)


@get("/admin/v1/endpoints/{endpoint:str}/plan", opt=open_to(Role.VIEWER), summary="What a rollout would take")
async def plan(
    request: AdminRequest,
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
    return await desk_of(request).operations.forecast(endpoint, wish, Supposed(rate=rate, new_keys=new_keys))


@get(
    "/admin/v1/endpoints/{endpoint:str}/differences",
    opt=open_to(Role.VIEWER),
    summary="What of the latest rollout is not as asked for",
)
async def differences(
    request: AdminRequest,
    endpoint: FromPath[str],
    candidate: FromQuery[str],
    plan: FromQuery[str | None] = None,
    expect: FromQuery[list[str] | None] = None,
) -> View:
    """Sentences; none where a start of the same would change nothing. Plans are frozen when a rollout starts."""
    wish = Wish(candidate=candidate, plan=plan, expect=tuple(expect or ()))
    return await desk_of(request).operations.differences(endpoint, wish)


@get("/admin/v1/rollouts/{rollout_id:str}", opt=open_to(Role.VIEWER), summary="One rollout, ended ones too")
async def show_rollout(request: AdminRequest, rollout_id: FromPath[str]) -> View:
    """A rollout by its id."""
    view = await desk_of(request).operations.rollout(rollout_id)
    if not request.state.caller.may_reach(view["endpoint"]):
        raise NotPossible("this key does not reach that rollout's endpoint")
    return view


@get("/admin/v1/endpoints/{endpoint:str}/audit", opt=open_to(Role.VIEWER), summary="What happened, and why")
async def audit(
    request: AdminRequest, endpoint: FromPath[str], limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 50
) -> View:
    """The latest audit entries, newest first."""
    entries = await desk_of(request).operations.entries(endpoint, limit)
    return {"entries": [entry_view(entry) for entry in entries]}


@get(
    "/admin/v1/endpoints/{endpoint:str}/audit/{entry:str}/export",
    opt=open_to(Role.VIEWER),
    summary="A decision as a document that can be judged again",
)
async def export(request: AdminRequest, endpoint: FromPath[str], entry: FromPath[str]) -> Response[bytes]:
    """The rollout before it, the counters, and all else that was known: `driftgate replay` needs nothing more."""
    found = await desk_of(request).operations.entry(endpoint, entry)
    return Response(exported(found, __version__), media_type="application/json")


@get("/admin/v1/events", opt=open_to(Role.VIEWER), summary="State as server-sent events")
async def events(request: AdminRequest) -> Stream:
    """`event: state` with all endpoints, whenever something has changed."""
    headers = {"cache-control": "no-store"}
    return Stream(_states(request), media_type="text/event-stream", headers=headers)


async def _states(request: AdminRequest) -> AsyncIterator[bytes]:
    desk, sent, sent_at = desk_of(request), b"", anyio.current_time()
    while not desk.stopping.is_set():
        visible = [view for view in desk.operations.everything() if _may_see(request, view)]
        state = msgspec.json.encode({"endpoints": visible, "store_fault": desk.controller.store_fault})
        if state != sent:
            yield b"event: state\ndata: " + state + b"\n\n"
            sent, sent_at = state, anyio.current_time()
        elif anyio.current_time() - sent_at > KEEP_ALIVE_SECONDS:
            yield b"event: still\ndata: {}\n\n"
            sent_at = anyio.current_time()
        with anyio.move_on_after(EVENTS_EVERY_SECONDS):
            await desk.stopping.wait()


@get("/metrics", opt=open_to(Role.VIEWER), summary="Prometheus metrics of all processes")
async def metrics(request: AdminRequest) -> Response[str]:
    """All workers' counters merged, with the control process's own."""
    return Response(render(desk_of(request).series()), media_type=CONTENT_TYPE)


@get("/healthz", opt={NEEDS: ANYBODY}, summary="Alive")
async def healthz() -> View:
    """This process answers."""
    return {"status": "ok", "version": __version__}


@get("/readyz", opt={NEEDS: ANYBODY}, summary="Ready")
async def readyz(request: AdminRequest) -> Response[View]:
    """200 once the controller has looked at everything; `degraded` says that Redis is lost."""
    controller = desk_of(request).controller
    if not controller.ticks:
        return Response({"status": "starting"}, status_code=503)
    if controller.store_fault:
        return Response({"status": "degraded", "why": controller.store_fault})
    return Response({"status": "ok"})


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    list_endpoints,
    show_endpoint,
    plan,
    differences,
    show_rollout,
    audit,
    export,
    events,
    metrics,
    healthz,
    readyz,
    *COMMANDS,
    *REVIEW,
)
