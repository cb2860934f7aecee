"""Who may call what on the admin plane. Pure decisions, and the one guard that applies them to every route.

A route without a declared need is closed to everyone: whoever adds one has to say who it is for. Browsers are kept from
being used against an open gateway on loopback: a request that says it comes from another origin is refused, and an open
gateway answers only to a name that nobody else can point at it.
"""

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any, Final, TypeAlias

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from gateway.dashboard.sessions import COOKIE, caller_of
from gateway.keys import Caller, KeyRing, bearer
from gateway.roles import Role

NEEDS: Final = "needs"
"""The route option that declares who may call it: a role's value, or `anybody`."""
ANYBODY: Final = "anybody"

_Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]


class Unauthenticated(Exception):
    """No key."""


class UnknownKey(Unauthenticated):
    """A key, and it opens nothing."""


class Forbidden(Exception):
    """The caller is known, or not asked for, and may not do this."""


def open_to(role: Role) -> dict[str, str]:
    """The option of a route that needs `role`."""
    return {NEEDS: role.value}


def permitted(need: str | None, caller: Caller | None, *, offered: bool = False) -> None:
    """Raises where a route with this need is closed to this caller (None: unknown; `offered`: in spite of a key)."""
    if need == ANYBODY:
        return
    if need is None:
        raise Forbidden("this route is closed: it does not say who may call it")
    if caller is None and offered:
        raise UnknownKey("this gateway does not know the key, or it has ended; `driftgate key list` shows who has one")
    if caller is None:
        raise Unauthenticated("this needs a key: send it as `Authorization: Bearer …`")
    if not caller.may_act_as(Role(need)):
        raise Forbidden(f"this needs the role {need}; the key {caller.name!r} has {caller.role.value}")


def same_origin(headers: Mapping[str, str], *, is_open: bool, follows_link: bool = False) -> None:
    """Raises `Forbidden` for what a browser sends on behalf of another page; a link to a page may be followed."""
    host, origin = headers.get("host", ""), headers.get("origin")
    if origin is not None and origin.partition("://")[2] != host:
        raise Forbidden("a page of another origin may not call the admin API")
    if headers.get("sec-fetch-site", "same-origin") in ("cross-site", "same-site") and not follows_link:
        raise Forbidden("a page of another site may not call the admin API")
    if is_open and not _is_own_name(host):
        raise Forbidden(f"without keys the admin plane answers to loopback names only, not {host!r}; configure keys")


def _is_own_name(host: str) -> bool:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


class Gate:
    """The guard of every route."""

    def __init__(self, keys: KeyRing, clock: Callable[[], float]) -> None:
        self._keys = keys
        self._clock = clock

    def __call__(self, connection: _Connection, handler: BaseRouteHandler) -> None:
        """Lets a request pass, or raises `Unauthenticated` or `Forbidden`. The caller is put on the request's scope."""
        headers = connection.headers
        same_origin(headers, is_open=self._keys.is_open, follows_link=_follows_link(connection))
        caller = self._caller(connection)
        offered = bearer(headers.get("authorization")) is not None
        permitted(handler.opt.get(NEEDS), caller, offered=offered)
        endpoint = connection.path_params.get("endpoint")
        if caller is not None and isinstance(endpoint, str) and not caller.may_reach(endpoint):
            raise Forbidden(f"the key {caller.name!r} may not reach the endpoint {endpoint!r}")
        connection.scope["state"]["caller"] = caller

    def _caller(self, connection: _Connection) -> Caller | None:
        """By the key in the header; in a browser by the session."""
        authorization = connection.headers.get("authorization")
        if authorization is not None or self._keys.is_open:
            return self._keys.authenticate(bearer(authorization))
        return caller_of(self._keys, connection.cookies.get(COOKIE), self._clock())


def _follows_link(connection: _Connection) -> bool:
    """Whether a browser opens a page, in a window of its own: reading it changes nothing."""
    headers = connection.headers
    opens = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return opens and connection.scope.get("method") == "GET"
