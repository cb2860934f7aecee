"""Every error of the admin API as problem details (RFC 9457). The one place where errors become HTTP.

`detail` says what happened and what to do; it never holds a stack trace.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException

from gateway.control.access import Forbidden, Unauthenticated
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

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"

_STATUS: Final[Mapping[type[Exception], tuple[int, str]]] = {
    Unauthenticated: (401, "key needed"),
    Forbidden: (403, "not allowed"),
    UnknownEndpoint: (404, "no such endpoint"),
    UnknownRollout: (404, "no such rollout"),
    NotPossible: (409, "not possible now"),
    Conflict: (409, "overtaken"),
    Unreadable: (409, "nothing to judge again"),
    InvalidPlan: (422, "plan cannot work"),
    ProbeFailed: (422, "candidate gives no answer"),
    MalformedState: (500, "stored state cannot be read"),
    JournalFailed: (500, "journal cannot be written"),
    StoreUnavailable: (503, "store unavailable"),
}


def problem(status: int, title: str, detail: str, path: str) -> Response[dict[str, Any]]:
    """The answer for one error."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": path}
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}  # noqa: PLR2004  # unauthorised
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def of_ours(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """One of our own errors; its message was written for whoever reads it."""
    status, title = next(found for kind, found in _STATUS.items() if isinstance(error, kind))
    detail = str(error)
    if isinstance(error, StoreUnavailable):
        detail = (
            f"{detail.rstrip('.')}. Exposure ends by itself within one lease; `driftgate rollback` works without Redis"
        )
    return problem(status, title, detail, request.url.path)


def of_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    """An error of the framework: unknown path, wrong method, a body that does not fit."""
    detail = error.detail
    if isinstance(error.extra, list) and error.extra:
        places = [f"{e.get('key', 'body')}: {e.get('message')}" for e in error.extra if isinstance(e, dict)]
        detail = "; ".join(places) or detail
    return problem(error.status_code, "request refused", detail, request.url.path)


def of_bug(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Anything else is a fault of this program: in its log in full, and in the answer not at all."""
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, "internal error", "driftgate failed here; its log says where", request.url.path)


HANDLERS: Final[Mapping[Any, Any]] = {
    **dict.fromkeys(_STATUS, of_ours),
    HTTPException: of_http,
    Exception: of_bug,
}
