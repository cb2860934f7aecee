"""Every error of the admin API as problem details (RFC 9457). The one place where errors become HTTP.

`detail` says what happened and what to do; it never holds a stack trace.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException

from gateway.control.access import Forbidden, Unauthenticated, UnknownKey
from gateway.control.probing import ProbeFailed
from rollback.errors import (
    Conflict,
    InvalidPlan,
    JournalFailed,
    NotPossible,
    UnknownEndpoint,
    UnknownRollout,
    Unreadable,
)
from routing.errors import MalformedState, StoreUnavailable
from shadow.errors import UnknownPair

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"

_STATUS: Final[Mapping[type[Exception], tuple[int, str]]] = {
    UnknownKey: (401, "wrong key"),
    Unauthenticated: (401, "key needed"),
    Forbidden: (403, "not allowed"),
    UnknownEndpoint: (404, "no such endpoint"),
    UnknownRollout: (404, "no such rollout"),
    UnknownPair: (404, "no such pair"),
    NotPossible: (409, "not possible now"),
    Conflict: (409, "overtaken"),
    Unreadable: (409, "nothing to judge again"),
    InvalidPlan: (422, "plan cannot work"),
    ProbeFailed: (422, "candidate gives no answer"),
    MalformedState: (500, "stored state cannot be read"),
    JournalFailed: (500, "journal cannot be written"),
    StoreUnavailable: (503, "store unavailable"),
}


def problem(
    status: int, title: str, detail: str, path: str, headers: Mapping[str, str] | None = None
) -> Response[dict[str, Any]]:
    """The answer for one error."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": path}
    more = {"www-authenticate": "Bearer"} if status == 401 else {}  # noqa: PLR2004  # unauthorised
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers={**(headers or {}), **more})


def said(request: Request[Any, Any, Any], error: Exception) -> tuple[int, str, str]:
    """An error as status, title and detail."""
    for kind, (status, title) in _STATUS.items():
        if isinstance(error, kind):
            return status, title, _ours(error)
    if isinstance(error, HTTPException):
        return error.status_code, "request refused", _of_http(request, error)
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return 500, "internal error", "driftgate failed here; its log says where"


def _ours(error: Exception) -> str:
    """One of our own errors; its message was written for whoever reads it."""
    detail = str(error)
    if isinstance(error, StoreUnavailable):
        detail = (
            f"{detail.rstrip('.')}. Exposure ends by itself within one lease; `driftgate rollback` works without Redis"
        )
    return detail


def _of_http(request: Request[Any, Any, Any], error: HTTPException) -> str:
    """An error of the framework: unknown path, wrong method, a body that does not fit."""
    if isinstance(error, MethodNotAllowedException):
        return f"{request.method} is not possible here; possible: {_allowed(error)}"
    if isinstance(error, NotFoundException):
        return "there is nothing at this path; GET /schema lists what there is"
    if error.status_code == 413:  # noqa: PLR2004  # too large
        return "the request's body is too long: commands are a few hundred bytes"
    if isinstance(error.extra, list) and error.extra:
        places = [_place(e.get("key", "body"), e.get("message")) for e in error.extra if isinstance(e, dict)]
        return "; ".join(places) or error.detail
    return error.detail


def _place(key: str, message: object) -> str:
    """What is wrong with one part of a request. The framework calls a whole body `data`, and says that of none, too."""
    if key != "data":
        return f"{key}: {message}"
    return "send a JSON object" if message == "'data'" else f"body: {message}"


def _allowed(error: HTTPException) -> str:
    """The methods that a path has; HEAD wherever GET is, as `web` answers it."""
    methods = (error.headers or {}).get("allow", "").replace("GET", "GET, HEAD")
    return ", ".join(name for name in methods.split(", ") if name != "OPTIONS")


def answered(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Any error as a problem; a fault of this program is in its log in full, and in the answer not at all."""
    headers = {"allow": _allowed(error)} if isinstance(error, MethodNotAllowedException) else None
    return problem(*said(request, error), request.url.path, headers)


HANDLERS: Final[Mapping[Any, Any]] = dict.fromkeys((*_STATUS, HTTPException, Exception), answered)
