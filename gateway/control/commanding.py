"""The admin API's commands: each says who may give it, and what is answered. What they do is elsewhere."""

from typing import Final

import msgspec
from litestar import post
from litestar.exceptions import ClientException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from gateway.config.errors import Unusable
from gateway.config.units import duration
from gateway.control.access import open_to
from gateway.control.desk import AdminRequest, Desk, actor_of, desk_of
from gateway.control.operations import Started, Wish
from gateway.control.rolling import Order
from gateway.control.views import View, rollout_view
from gateway.plain import one_line
from gateway.roles import Role
from rollback.errors import NotPossible


class ReasonBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Why: one line. A long one is cut, never refused, for no rollback may fail on its reason."""

    reason: str = ""

    def __post_init__(self) -> None:
        self.reason = one_line(self.reason)


class StartBody(ReasonBody, kw_only=True):
    """What to start. `expect`: changes that are wanted, such as `refusal=+1pp..+6pp`; `replace` ends what runs."""

    candidate: str
    plan: str | None = None
    expect: list[str] = []
    replace: bool = False


class PromoteBody(ReasonBody, kw_only=True):
    """Why, and how far: `full` bypasses all evidence."""

    full: bool = False
    step: bool = False


class RollbackBody(ReasonBody, kw_only=True):
    """Why, and to which generation; without one, to the model that was stable before."""

    to: int | None = None


class RetryBody(ReasonBody, kw_only=True):
    """Why the same candidate deserves another try, or which other one to take. Without a plan: the last one's."""

    candidate: str = ""
    plan: str | None = None
    expect: list[str] = []


class FreezeBody(ReasonBody, kw_only=True):
    """Why, and for how long, such as `4h`; without `for` until somebody unfreezes."""

    lasting: str | None = msgspec.field(default=None, name="for")


def _shown(desk: Desk, endpoint: str) -> View:
    watched = desk.controller.watched[endpoint]
    assert watched.rollout is not None  # a command has just put it there
    return {"rollout": rollout_view(watched.rollout, watched.counts, watched.reports, refusals=watched.refusals)}


def _begun(started: Started) -> View:
    return {"rollout": rollout_view(started.rollout, {}, ()), "notes": list(started.notes)}


@post("/admin/v1/endpoints/{endpoint:str}/rollouts", opt=open_to(Role.DEPLOYER), summary="Start a rollout")
async def start_rollout(request: AdminRequest, endpoint: FromPath[str], data: JSONBody[StartBody]) -> View:
    """Asks the candidate for a small answer first; 409 while another rollout runs, unless `replace` is set."""
    desk = desk_of(request)
    wish = Wish(
        candidate=data.candidate, plan=data.plan, reason=data.reason, expect=tuple(data.expect), replace=data.replace
    )
    started = await desk.operations.start(endpoint, wish, actor_of(request))
    desk.wake()
    return _begun(started)


@post("/admin/v1/endpoints/{endpoint:str}/retry", opt=open_to(Role.DEPLOYER), summary="Try again after a rollback")
async def retry(request: AdminRequest, endpoint: FromPath[str], data: JSONBody[RetryBody | None] = None) -> View:
    """A new rollout after one that was rolled back: of a changed candidate, or of the same one for a reason."""
    desk, body = desk_of(request), data or RetryBody()
    wish = Wish(candidate=body.candidate, plan=body.plan, reason=body.reason, expect=tuple(body.expect))
    started = await desk.operations.retry(endpoint, wish, actor_of(request))
    desk.wake()
    return _begun(started)


@post("/admin/v1/endpoints/{endpoint:str}/pause", opt=open_to(Role.OPERATOR), status_code=200, summary="Pause")
async def pause(request: AdminRequest, endpoint: FromPath[str], data: JSONBody[ReasonBody | None] = None) -> View:
    """Keep the weight, do not widen; harm still rolls back."""
    desk, body = desk_of(request), data or ReasonBody()
    await desk.operations.pause(endpoint, actor_of(request), body.reason)
    return _shown(desk, endpoint)


@post("/admin/v1/endpoints/{endpoint:str}/resume", opt=open_to(Role.DEPLOYER), status_code=200, summary="Resume")
async def resume(request: AdminRequest, endpoint: FromPath[str], data: JSONBody[ReasonBody | None] = None) -> View:
    """Go on after a pause."""
    desk, body = desk_of(request), data or ReasonBody()
    await desk.operations.resume(endpoint, actor_of(request), body.reason)
    desk.wake()
    return _shown(desk, endpoint)


@post("/admin/v1/endpoints/{endpoint:str}/promote", opt=open_to(Role.DEPLOYER), status_code=200, summary="Promote")
async def promote(request: AdminRequest, endpoint: FromPath[str], data: JSONBody[PromoteBody | None] = None) -> View:
    """One stage further, or with `full` to the end; both without evidence, and audited as such."""
    desk, body = desk_of(request), data or PromoteBody()
    if body.full and body.step:
        raise NotPossible("`full` and `step` exclude each other: choose one")
    await desk.operations.promote(endpoint, actor_of(request), body.reason, full=body.full)
    desk.wake()
    return _shown(desk, endpoint)


@post("/admin/v1/endpoints/{endpoint:str}/approve", opt=open_to(Role.DEPLOYER), status_code=200, summary="Approve")
async def approve(request: AdminRequest, endpoint: FromPath[str], data: JSONBody[ReasonBody | None] = None) -> View:
    """Consent to leave a stage whose plan asks for it: at its gate, or after its deadline."""
    desk, body = desk_of(request), data or ReasonBody()
    await desk.operations.approve(endpoint, actor_of(request), body.reason)
    desk.wake()
    return _shown(desk, endpoint)


@post("/admin/v1/endpoints/{endpoint:str}/freeze", opt=open_to(Role.OPERATOR), status_code=200, summary="Freeze")
async def freeze(request: AdminRequest, endpoint: FromPath[str], data: JSONBody[FreezeBody | None] = None) -> View:
    """For a time nothing starts, widens or is promoted here; rolling back stays possible."""
    desk, body = desk_of(request), data or FreezeBody()
    try:
        seconds = duration(body.lasting) if body.lasting is not None else None
    except Unusable as error:
        raise ClientException(f"`for`: {error}") from error
    return await desk.freezing.freeze(endpoint, actor_of(request), body.reason, seconds)


@post("/admin/v1/endpoints/{endpoint:str}/unfreeze", opt=open_to(Role.DEPLOYER), status_code=200, summary="Unfreeze")
async def unfreeze(request: AdminRequest, endpoint: FromPath[str], data: JSONBody[ReasonBody | None] = None) -> View:
    """End a freeze; where there is none, nothing happens."""
    desk, body = desk_of(request), data or ReasonBody()
    done = await desk.freezing.unfreeze(endpoint, actor_of(request), body.reason)
    desk.wake()
    return done


@post("/admin/v1/endpoints/{endpoint:str}/rollback", opt=open_to(Role.OPERATOR), status_code=200, summary="Roll back")
async def rollback(request: AdminRequest, endpoint: FromPath[str], data: JSONBody[RollbackBody | None] = None) -> View:
    """All traffic to stable, at once and for good. `durability` says how far it got; it works with Redis gone."""
    desk, body = desk_of(request), data or RollbackBody()
    desk.operations.check(endpoint)
    actor = actor_of(request)
    order = Order(endpoint, actor, body.reason or f"rolled back by {actor}")
    done = await desk.returning.roll_back(order, body.to)
    return {"rollout": done.rollout, "durability": done.durability.view()}


COMMANDS: Final[tuple[HTTPRouteHandler, ...]] = (
    start_rollout,
    retry,
    pause,
    resume,
    promote,
    approve,
    freeze,
    unfreeze,
    rollback,
)
