"""The page on which people label pairs: two answers side by side, one key for each label.

Blind while a label is asked for: whose answer is whose is said afterwards. What was gained and lost is shown openly, to
be read. The only page with words of users on it, so it needs the role operator, as the routes behind it do.
"""

from collections.abc import Callable
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from gateway.control.access import open_to
from gateway.control.desk import Desk
from gateway.control.reviewing import Show
from gateway.roles import Role

SHOWN: dict[Show, int] = {Show.WAITING: 1, Show.GAINED: 20, Show.LOST: 20}
"""Pairs on a page: one that waits, since a label is about one; what is only read comes in twenties."""


def routes(desk: Desk, page: Callable[..., Response[str]]) -> list[HTTPRouteHandler]:
    """The page of each endpoint. `page` renders a template."""

    @get("/endpoints/{endpoint:str}/review", opt=open_to(Role.OPERATOR), include_in_schema=False)
    async def review(
        request: Request[Any, Any, Any], endpoint: FromPath[str], show: FromQuery[Show] = Show.WAITING
    ) -> Response[str]:
        found = await desk.reviewing.page(endpoint, show, SHOWN[show])
        return page(request, "review.html", endpoint=endpoint, show=show.value, found=found)

    return [review]
