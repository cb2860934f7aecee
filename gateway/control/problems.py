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
from shadow.errors import UnknownPair

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"

_STATUS: Final[Mapping[type[Exception], tuple[int, str]]] = {
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


def problem(status: int, title: str, detail: str, path: str) -> Response[dict[str, Any]]:
    """The answer for one error."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": path}
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}  # noqa: PLR2004  # unauthorised
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def said(request: Request[Any, Any, Any], error: Exception) -> tuple[int, str, str]:
    """An error as status, title and detail."""
    for kind, (status, title) in _STATUS.items():
        if isinstance(error, kind):
            return status, title, _ours(error)
    if isinstance(error, HTTPException):
        return error.status_code, "request refused", _of_http(error)
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


def _of_http(error: HTTPException) -> str:
    """An error of the framework: unknown path, wrong method, a body that does not fit."""
    if isinstance(error.extra, list) and error.extra:
        places = [f"{e.get('key', 'body')}: {e.get('message')}" for e in error.extra if isinstance(e, dict)]
        return "; ".join(places) or error.detail
    return error.detail


def answered(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Any error as a problem; a fault of this program is in its log in full, and in the answer not at all."""
    return problem(*said(request, error), request.url.path)


HANDLERS: Final[Mapping[Any, Any]] = dict.fromkeys((*_STATUS, HTTPException, Exception), answered)
