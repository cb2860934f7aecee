"""An application's request → the bytes that go to one model.

The body is the application's own, with the model's name spliced in where it differs; only a model with `overrides` or a
`system_prompt` has its body written anew. Headers are the end-to-end ones plus the model's own credentials.
"""

from collections.abc import Mapping

from gateway.config.model import Model
from gateway.upstream.headers import RawHeaders
from gateway.upstream.outgoing import Outgoing
from gateway.upstream.target import Http, Place, Target, parse_base_url
from routing.request import merged, with_model, with_system_prompt

_MESSAGES_PATH = "/v1/messages"


def target_of(name: str, model: Model) -> Target:
    """The configured model as a target; raises ValueError where its address or headers cannot be used."""
    places = tuple(parse_base_url(url, str(model.ca_file or ""), Http(model.http)) for url in model.base_urls)
    fields = [(key.lower().encode(), value.encode()) for key, value in model.headers.items()]
    if any(mark in part for field in fields for part in field for mark in (b"\r", b"\n", b"\0")):
        raise ValueError(f"models.{name}.headers: a header may not hold line breaks")
    return Target(
        name=name,
        places=places,
        model=model.model,
        api_key=model.api_key or "",
        headers=tuple(fields),
        first_byte_seconds=model.timeout_seconds,
        overrides=dict(model.overrides),
        system_prompt=model.system_prompt,
        max_in_flight=model.max_in_flight,
        health_path=model.health or "",
    )


def targets_of(models: Mapping[str, Model]) -> dict[str, Target]:
    """All configured models as targets, by name."""
    return {name: target_of(name, model) for name, model in models.items()}


class Preparer:
    """Writes requests. It keeps the constant part of each (model, place, path) head; paths come from a fixed table."""

    def __init__(self) -> None:
        self._heads: dict[tuple[Target, Place, str], bytes] = {}

    def request(
        self,
        target: Target,
        path: str,
        headers: RawHeaders,
        body: bytes,
        *,
        model: str,
        span: tuple[int, int] | None = None,
        query: bytes = b"",
        place: Place | None = None,
    ) -> Outgoing:
        """The request to `target` at `place`, its first by default. `path` begins with `/v1`.

        `model` is the name in `body` now, at `span`.

        Raises `MalformedRequest` where a variant cannot write the body anew.
        """
        if target.rewrites_body:
            body = _written_anew(target, path, body)
        elif model != target.model:
            body = with_model(body, target.model, span)
        place = place or target.places[0]
        start = self._heads.get((target, place, path)) if not query else None
        if start is None:
            start = _head_start(target, place, "POST", path, query) + b"content-length: "
            if not query:
                self._heads[(target, place, path)] = start
        head = b"%b%d\r\n%b\r\n" % (start, len(body), _lines(target, headers))
        return Outgoing(place.origin, head, body, model=target.name)


def untouched(
    target: Target,
    place: Place,
    method: str,
    path: str,
    headers: RawHeaders,
    *,
    query: bytes = b"",
    framing: bytes = b"",
) -> Outgoing:
    """A request of any method with the client's own body, which follows the head.

    `framing` is the header line that says where the body ends; empty where there is none.
    """
    head = b"%b%b%b\r\n" % (_head_start(target, place, method, path, query), framing, _lines(target, headers))
    chunked = framing.startswith(b"transfer-encoding")
    return Outgoing(place.origin, head, b"", headers_only=method == "HEAD", model=target.name, chunked=chunked)


def _lines(target: Target, headers: RawHeaders) -> bytes:
    """The client's headers, without those that the model's own replace."""
    if target.headers:
        own = {name for name, _ in target.headers}
        headers = [field for field in headers if field[0] not in own]
    return b"".join([b"%b: %b\r\n" % field for field in headers])


def _written_anew(target: Target, path: str, body: bytes) -> bytes:
    if target.system_prompt is not None:
        if path == _MESSAGES_PATH:
            body = merged(body, {"system": target.system_prompt})
        else:
            body = with_system_prompt(body, target.system_prompt)
    return merged(body, {**target.overrides, "model": target.model})


def _head_start(target: Target, place: Place, method: str, path: str, query: bytes) -> bytes:
    """The first line, and the headers that are the same for each request on this path."""
    where = (place.base_path + path.removeprefix("/v1")).encode("latin-1") + (b"?" + query if query else b"")
    lines = [b"%b %b HTTP/1.1" % (method.encode(), where), b"host: " + place.origin.host_header.encode()]
    own = {name for name, _ in target.headers}
    if target.api_key and path.startswith(_MESSAGES_PATH) and b"x-api-key" not in own:
        lines.append(b"x-api-key: " + target.api_key.encode())
    if target.api_key and b"authorization" not in own:
        lines.append(b"authorization: Bearer " + target.api_key.encode())
    lines += [b"%b: %b" % field for field in target.headers]
    return b"\r\n".join((*lines, b""))
