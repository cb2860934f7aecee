"""Signing in and out: a key typed into a form becomes a cookie that scripts cannot read.

The cookie is sent with links from elsewhere (an alert's), and with no command of another site's page: those are refused
for their origin, too (`gateway.control.access`).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.enums import RequestEncodingType
from litestar.handlers import HTTPRouteHandler
from litestar.params import Body
from litestar.response import Redirect

from gateway.control.access import ANYBODY, NEEDS
from gateway.dashboard.sessions import COOKIE, SESSION_SECONDS, opened
from gateway.keys import KeyRing
from gateway.roles import Role

_Request = Request[Any, Any, Any]


class SignIn(msgspec.Struct):
    """The form. `to` is where the visitor wanted to go."""

    key: str = ""
    to: str = "/"


def wall_clock() -> float:
    """Unix seconds: sessions end by the wall clock, on every gateway at the same time."""
    return datetime.now(UTC).timestamp()


def routes(keys: KeyRing, page: Callable[..., Response[str]]) -> list[HTTPRouteHandler]:
    """The sign-in page and what its forms lead to. `page` renders a template."""

    @get("/sign-in", opt={NEEDS: ANYBODY}, include_in_schema=False)
    async def sign_in_page(request: _Request) -> Response[str]:
        return page(request, "sign_in.html", to=within(request.query_params.get("to", "/")), wrong="")

    @post("/sign-in", opt={NEEDS: ANYBODY}, include_in_schema=False)
    async def sign_in(
        request: _Request, data: Annotated[SignIn, Body(media_type=RequestEncodingType.URL_ENCODED)]
    ) -> Response[Any]:
        caller = keys.authenticate(data.key.strip())
        cookie = opened(keys, data.key.strip(), wall_clock())
        if keys.is_open:
            return Redirect(within(data.to), status_code=303)
        if caller is None or cookie is None or not caller.may_act_as(Role.VIEWER):
            wrong = "This key opens nothing here: it needs the role viewer or above."
            return page(request, "sign_in.html", status=401, to=within(data.to), wrong=wrong)
        return Redirect(within(data.to), status_code=303, cookies=[_cookie(request, cookie, SESSION_SECONDS)])

    @post("/sign-out", opt={NEEDS: ANYBODY}, include_in_schema=False)
    async def sign_out(request: _Request) -> Redirect:
        return Redirect("/sign-in", status_code=303, cookies=[_cookie(request, "", 0)])

    return [sign_in_page, sign_in, sign_out]


def _cookie(request: _Request, value: str, seconds: int) -> Cookie:
    secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
    return Cookie(key=COOKIE, value=value, max_age=seconds, path="/", httponly=True, secure=secure, samesite="lax")


def within(path: str) -> str:
    """A path of this site; anything else would let a link lead elsewhere after signing in."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
