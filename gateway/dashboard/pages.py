"""The dashboard's pages: each shows what the controller last saw, so it answers with Redis gone as well.

Pages act on nothing: their buttons call the admin API, which checks the role again. A visitor without a session is sent
to the sign-in page and comes back; every other error is a page that says what to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote

from litestar import Request, Response, Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect

from gateway.channel.series import name_of
from gateway.control.access import Unauthenticated, open_to
from gateway.control.desk import Desk
from gateway.control.problems import HANDLERS, said
from gateway.control.views import View, rollout_view
from gateway.dashboard import assets, reviewing, signing
from gateway.dashboard.charts import charts
from gateway.dashboard.recording import Recorder
from gateway.dashboard.shapes import shapes
from gateway.dashboard.templates import environment
from gateway.dashboard.trend import row_of
from gateway.keys import Caller, KeyRing
from gateway.roles import Role
from rollback.again import Row, intervals
from rollback.ahead import Ahead
from rollback.audit import AuditEntry
from rollback.plan import BudgetClass
from rollback.rollout import Rollout
from rollback.verdict import SignalReport, Verdict
from rollback.watching import Watched
from routing.errors import MalformedState, StoreUnavailable
from shadow.cells import EVERY

SHOWN_ENTRIES: Final = 12
"""Decisions on a rollout's page; its history has them all."""
HISTORY: Final = 200
WARM: Final = 0.5
_Request = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What a rollout's page tells of its signals: rows in the order of concern, their intervals, what comes next."""

    foremost: tuple[SignalReport, ...]
    everything: tuple[SignalReport, ...]
    slices: tuple[SignalReport, ...]
    bounds: Mapping[Row, tuple[float, float]]
    ahead: Ahead | None = None

    def between(self, row: SignalReport) -> tuple[float, float] | None:
        """The interval of a row."""
        return self.bounds.get(row_of(row))


def told(
    reports: Sequence[SignalReport], bounds: Mapping[Row, tuple[float, float]], ahead: Ahead | None = None
) -> Told:
    """The rows of a page: of each signal and source the test nearest to harm, slices by their burn."""
    everywhere = [row for row in reports if row.slice == EVERY]
    nearest: dict[tuple[str, str], SignalReport] = {}
    for row in everywhere:
        place = row.signal, row.source.value
        noteworthy = row.budget_class is not BudgetClass.OBSERVE or row.burn >= WARM
        if noteworthy and (place not in nearest or row.burn > nearest[place].burn):
            nearest[place] = row
    slices = sorted((row for row in reports if row.slice != EVERY and row.n), key=lambda row: (-row.burn, -row.n))
    concern = sorted(nearest.values(), key=lambda row: (row.verdict is not Verdict.HARM, -row.burn))
    return Told(tuple(concern), tuple(everywhere), tuple(slices), bounds, ahead)


class Pages:
    """Renders the templates, with what every page needs."""

    def __init__(self, keys: KeyRing, recorder: Recorder) -> None:
        self._keys = keys
        self._templates = environment()
        self.recorder = recorder

    def page(self, request: _Request, template: str, *, status: int = 200, **values: object) -> Response[str]:
        """One page."""
        caller: Caller | None = request.scope["state"].get("caller")
        desk: Desk | None = request.app.state.desk
        text = self._templates.get_template(template).render(
            visitor=caller,
            is_open=self._keys.is_open,
            may=lambda role: caller is not None and caller.may_act_as(Role(role)),
            store_fault=desk.controller.store_fault if desk is not None and caller is not None else "",
            **values,
        )
        headers = {"cache-control": "no-store"}
        return Response(text, status_code=status, media_type="text/html", headers=headers)

    def wrong(self, request: _Request, error: Exception) -> Response[Any]:
        """The page of an error; somebody who has not signed in is asked to."""
        if isinstance(error, Unauthenticated):
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return Redirect(f"/sign-in?to={quote(wanted)}", status_code=303)
        status, title, detail = said(request, error)
        return self.page(request, "wrong.html", status=status, title=title, detail=detail)


def routes(desk: Desk, keys: KeyRing, recorder: Recorder) -> list[Router | HTTPRouteHandler]:
    """Everything under `/` that is not the API."""
    pages = Pages(keys, recorder)
    shown = [*_looking(desk, pages), *reviewing.routes(desk, pages.page), *signing.routes(keys, pages.page)]

    def wrong(request: _Request, error: Exception) -> Response[Any]:  # Litestar copies handlers deeply: not a method
        return pages.wrong(request, error)

    router = Router("/", route_handlers=shown, exception_handlers=dict.fromkeys(HANDLERS, wrong))
    return [router, _numbers(desk, recorder), *assets.routes()]


def _looking(desk: Desk, pages: Pages) -> list[HTTPRouteHandler]:
    watched = desk.controller.watched

    @get("/", opt=open_to(Role.VIEWER), include_in_schema=False)
    async def endpoints(request: _Request) -> Response[str]:
        caller: Caller = request.state.caller
        cards = [
            (name, desk.operations.stable_of(name, seen.generation), seen)
            for name, seen in watched.items()
            if caller.may_reach(name)
        ]
        return pages.page(request, "endpoints.html", cards=cards)

    @get("/endpoints/{endpoint:str}", opt=open_to(Role.VIEWER), include_in_schema=False)
    async def rollout(request: _Request, endpoint: FromPath[str]) -> Response[str]:
        desk.operations.check(endpoint)
        seen = watched[endpoint]
        entries, fault = await _entries(desk, endpoint, SHOWN_ENTRIES)
        return await _rollout(desk, pages, request, endpoint, seen, entries, fault)

    @get("/endpoints/{endpoint:str}/rollouts/{rollout_id:str}", opt=open_to(Role.VIEWER), include_in_schema=False)
    async def earlier(request: _Request, endpoint: FromPath[str], rollout_id: FromPath[str]) -> Response[Any]:
        desk.operations.check(endpoint)
        latest = watched[endpoint].rollout
        if latest is not None and latest.id == rollout_id:
            return Redirect(f"/endpoints/{quote(endpoint)}", status_code=303)
        seen = await desk.operations.past(endpoint, rollout_id)
        entries = await desk.operations.entries_of(endpoint, rollout_id)
        return await _rollout(desk, pages, request, endpoint, seen, entries, "")

    @get("/endpoints/{endpoint:str}/history", opt=open_to(Role.VIEWER), include_in_schema=False)
    async def history(request: _Request, endpoint: FromPath[str]) -> Response[str]:
        entries = await desk.operations.entries(endpoint, HISTORY)
        return pages.page(request, "history.html", endpoint=endpoint, entries=entries, most=HISTORY)

    @get("/endpoints/{endpoint:str}/decisions/{entry:str}", opt=open_to(Role.VIEWER), include_in_schema=False)
    async def decision(request: _Request, endpoint: FromPath[str], entry: FromPath[str]) -> Response[str]:
        found = await desk.operations.entry(endpoint, entry)
        rows = told(found.signals, intervals(found))
        return pages.page(request, "decision.html", endpoint=endpoint, entry=found, told=rows)

    return [endpoints, rollout, earlier, history, decision]


async def _rollout(
    desk: Desk,
    pages: Pages,
    request: _Request,
    endpoint: str,
    seen: Watched,
    entries: Sequence[AuditEntry],
    history_fault: str,
) -> Response[str]:
    """The page of a rollout, the latest one or an earlier one."""
    return pages.page(
        request,
        "rollout.html",
        endpoint=endpoint,
        seen=seen,
        rollout=seen.rollout,
        is_latest=seen is desk.controller.watched[endpoint],
        stable=desk.operations.stable_of(endpoint, seen.generation),
        told=await _told(pages.recorder, endpoint, seen, entries),
        changes=_changes(seen),
        entries=entries,
        history_fault=history_fault,
        dropped=_dropped(desk),
    )


async def _entries(desk: Desk, endpoint: str, limit: int) -> tuple[Sequence[AuditEntry], str]:
    try:
        return await desk.operations.entries(endpoint, limit), ""
    except (StoreUnavailable, MalformedState) as error:
        return (), str(error)


async def _told(recorder: Recorder, endpoint: str, seen: Watched, entries: Sequence[AuditEntry]) -> Told | None:
    """The controller's rows, or after a restart those of the last decision."""
    rollout = seen.rollout
    if rollout is None:
        return None
    trend = await recorder.trend(endpoint, rollout.id)
    known = {row: (r.low, r.high) for row, r in trend.latest.items() if r.low is not None and r.high is not None}
    if seen.reports:
        return told(seen.reports, known, trend.ahead)
    last = next((entry for entry in entries if entry.rollout == rollout.id and entry.signals), None)
    return told(last.signals, intervals(last)) if last is not None else None


def _changes(seen: Watched) -> list[View]:
    """The change of refusals with the reader's own errors, and as labels correct it."""
    rollout = seen.rollout
    if rollout is None:
        return []
    changes: list[View] = rollout_view(rollout, seen.counts, (), refusals=seen.refusals)["refusals"]
    return changes


def _dropped(desk: Desk) -> dict[str, int]:
    """Exchanges of this gateway that were not compared, by reason."""
    found: dict[str, int] = {}
    for key, value in desk.home.counters().items():
        if name_of(key) == "driftgate_shadow_dropped_total" and value:
            reason = key.partition('reason="')[2].partition('"')[0]
            found[reason] = found.get(reason, 0) + int(value)
    return found


def _numbers(desk: Desk, recorder: Recorder) -> HTTPRouteHandler:
    @get("/endpoints/{endpoint:str}/charts", opt=open_to(Role.VIEWER), include_in_schema=False)
    async def numbers(
        endpoint: FromPath[str],
        after: Annotated[float, QueryParameter()] = 0.0,
        step: Annotated[float, QueryParameter()] = 0.0,
        rollout_id: Annotated[str, QueryParameter(name="rollout")] = "",
    ) -> dict[str, Any]:
        """What a rollout's page draws: all of it, or what came after `after` at the step that the page has."""
        desk.operations.check(endpoint)
        seen = desk.controller.watched[endpoint]
        if rollout_id and (seen.rollout is None or seen.rollout.id != rollout_id):
            seen = await desk.operations.past(endpoint, rollout_id)
        rollout: Rollout | None = seen.rollout
        if rollout is None:
            return {}
        trend = await recorder.trend(endpoint, rollout.id)
        return charts(trend, shapes(seen.cells), after=after, step=step)

    return numbers
