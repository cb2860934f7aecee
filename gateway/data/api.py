"""The routes of the data plane, and how each API words its errors, whole or within a stream."""

from collections.abc import Mapping
from typing import Final

import msgspec

from shadow.exchange import Api

ROUTES: Final[Mapping[str, Api]] = {
    "/v1/chat/completions": Api.CHAT,
    "/v1/completions": Api.COMPLETIONS,
    "/v1/responses": Api.RESPONSES,
    "/v1/messages": Api.MESSAGES,
    "/v1/embeddings": Api.EMBEDDINGS,
}
"""POST routes that are routed by `model`."""

_ANTHROPIC_TYPES: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


def spoken_on(path: str) -> Api:
    """Whose errors a client reads on a path that is none of `ROUTES`."""
    return Api.MESSAGES if path.startswith("/v1/messages") else Api.CHAT


CLOSE: Final = ((b"connection", b"close"),)
"""Header of an answer after which the connection is not used again."""


class ApiError(Exception):
    """An error that the gateway itself answers with."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.kind = kind
        self.param = param
        self.headers = headers

    def body(self, api: Api) -> bytes:
        """The error as the API words it."""
        if api is Api.MESSAGES:
            kind = _ANTHROPIC_TYPES.get(self.status, "api_error")
            return msgspec.json.encode({"type": "error", "error": {"type": kind, "message": self.message}})
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return msgspec.json.encode({"error": error})

    def event(self, api: Api) -> bytes:
        """The error as the last event of a stream that had begun."""
        if api is Api.MESSAGES:
            return b"event: error\ndata: " + self.body(api) + b"\n\n"
        if api is Api.RESPONSES:
            response = {
                "object": "response",
                "status": "failed",
                "error": {"code": "server_error", "message": self.message},
                "output": [],
            }
            data = msgspec.json.encode({"type": "response.failed", "response": response})
            return b"event: response.failed\ndata: " + data + b"\n\n"
        return b"data: " + self.body(api) + b"\n\n"


def unknown_model(name: str) -> ApiError:
    """No endpoint of that name, or none that this key may use: the two look the same from outside."""
    shown = name if len(name) <= 100 else name[:100] + "…"  # noqa: PLR2004 - enough to recognise a name by
    message = (
        f"The model `{shown}` does not exist or you do not have access to it. GET /v1/models lists what you may use."
    )
    return ApiError(404, "model_not_found", message, param="model")


def unknown_path(path: str) -> ApiError:
    """A path that is not served."""
    hint = "driftgate serves " + ", ".join(ROUTES) + " and GET /v1/models; others where `passthrough` names them"
    return ApiError(404, "unknown_url", f"Unknown request URL: {path[:200]}. {hint}.")


def unaccepted_data(endpoint: str, data_class: str | None) -> ApiError:
    """The endpoint's stable model may not get the caller's data."""
    what = f"of class {data_class}" if data_class else "without a class"
    message = (
        f"The model behind `{endpoint}` does not accept data {what}. "
        "Use another endpoint or key, or ask your platform team which key is meant for this data."
    )
    return ApiError(403, "data_class_not_accepted", message, kind="permission_error")


def wrong_key(*, missing: bool) -> ApiError:
    """No key, or one that opens nothing."""
    if missing:
        message = "You didn't provide an API key. Send it as `Authorization: Bearer YOUR_KEY`."
    else:
        message = "Incorrect API key provided. Check the key, or ask your platform team for one of role `app`."
    return ApiError(401, "invalid_api_key", message, headers=((b"www-authenticate", b"Bearer"),))


def too_large(limit: int) -> ApiError:
    """A body above the limit."""
    return ApiError(413, "request_too_large", f"The request body is larger than the limit of {limit} bytes.")


def no_room() -> ApiError:
    """The gateway's own bound on connections is reached."""
    message = "The gateway has too many connections open. Try again shortly."
    headers = (*CLOSE, (b"retry-after", b"1"))
    return ApiError(503, "overloaded", message, kind="server_error", headers=headers)


def upstream_error(kind: str) -> ApiError:
    """The model server gave no answer."""
    if kind in ("timeout", "connect_timeout", "stalled", "overlong"):
        return ApiError(
            504, "upstream_timeout", f"The model server did not answer in time ({kind}).", kind="server_error"
        )
    if kind == "saturated":
        message = "All connections to the model server are busy. Try again shortly."
        return ApiError(503, "overloaded", message, kind="server_error", headers=((b"retry-after", b"1"),))
    return ApiError(502, "upstream_error", f"The model server could not be asked ({kind}).", kind="server_error")


def broken_stream(kind: str) -> ApiError:
    """The answer ended part-way."""
    message = f"The answer was cut off: the model server's stream broke ({kind})."
    return ApiError(502, "upstream_stream_error", message, kind="server_error")
