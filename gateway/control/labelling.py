"""The admin API: pairs that wait for a label.

Both routes need `operator`, not `viewer`: here, and nowhere else in the admin plane, stands what users wrote.
"""

from typing import Annotated, Final

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from gateway.control.access import open_to
from gateway.control.desk import AdminRequest, actor_of, desk_of
from gateway.control.reviewing import Refused, Show
from gateway.control.views import View
from gateway.roles import Role


class LabelBody(msgspec.Struct, forbid_unknown_fields=True):
    """Which of the two answers refuses."""

    refused: Refused


@get("/admin/v1/endpoints/{endpoint:str}/review", opt=open_to(Role.OPERATOR), summary="Pairs that wait for a label")
async def list_pairs(
    request: AdminRequest,
    endpoint: FromPath[str],
    show: FromQuery[Show] = Show.WAITING,
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = 20,
) -> View:
    """`{endpoint, on, rollout, epoch, kept, waiting, labelled, judged, pairs}` of the latest rollout.

    `labelled` have a person's label; `judged` one of the judge model, and still wait for a person.

    `show=waiting` (default): `pairs` are `{id, at, prompt, first, second}`, two answers in a drawn order, unlabelled;
    take them in the order given. `show=gained` and `show=lost`: pairs of which only the candidate, or only stable, was
    read to refuse, as `{at, prompt, stable: {text, kind, refused}, candidate: {…}}`. `on` says whether pairs are kept.
    """
    return await desk_of(request).reviewing.page(endpoint, show, limit)


@post(
    "/admin/v1/endpoints/{endpoint:str}/review/{pair:str}",
    opt=open_to(Role.OPERATOR),
    status_code=200,
    summary="Say which of a pair's answers refuses",
)
async def label_pair(
    request: AdminRequest, endpoint: FromPath[str], pair: FromPath[str], data: JSONBody[LabelBody]
) -> View:
    """Body `{"refused": "neither" | "first" | "second" | "both" | "unsure"}`; said again, it replaces what was said.

    The answer tells whose was whose: `{id, refused, first: "stable" | "candidate", second, replaced}`. 404 for a pair
    that has expired, 409 for one of an earlier rollout. The corrected change is in the rollout, under `refusals`.
    """
    return await desk_of(request).reviewing.label(endpoint, pair, data.refused, actor_of(request))


REVIEW: Final[tuple[HTTPRouteHandler, ...]] = (list_pairs, label_pair)
