"""An application's request → the bytes that go to one model.

The body is the application's own, with the model's name spliced in where it differs; only a model with `overrides` or a
`system_prompt` has its body written anew. Headers are the end-to-end ones plus the model's own credentials.
"""

from collections.abc import Mapping

import msgspec

from gateway.config.model import Model
from gateway.upstream.headers import RawHeaders
from gateway.upstream.outgoing import Outgoing
from gateway.upstream.target import Http, Place, Target, parse_base_url
from routing.model_name import with_model
from routing.request import merged, with_system_prompt

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


class _Way:
    """What all requests to a model, at one place, on one path, have in common."""

    def __init__(self, target: Target, place: Place, path: str, query: bytes) -> None:
        self.start = _head_start(target, place, "POST", path, query) + b"content-length: "
        self.origin = place.origin
        self.name = target.name
        self.model = target.model
        self.written_model = msgspec.json.encode(target.model)
        self.rewrites_body = target.rewrites_body
        self.own = frozenset(name for name, _ in target.headers)


class Preparer:
    """Writes requests. It keeps the ways of those without a query; paths come from a fixed table."""

    def __init__(self) -> None:
        self._ways: dict[tuple[Target, Place, str], _Way] = {}

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
        place = place or target.places[0]
        way = self._ways.get((target, place, path)) if not query else None
        if way is None:
            way = _Way(target, place, path, query)
            if not query:
                self._ways[(target, place, path)] = way
        if way.rewrites_body:
            body = _written_anew(target, path, body)
        elif model != way.model:
            body = with_model(body, way.written_model, span)
        head = b"%b%d\r\n%b\r\n" % (way.start, len(body), _lines(headers, way.own))
        return Outgoing(way.origin, head, body, model=way.name)


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
    own = frozenset(name for name, _ in target.headers)
    head = b"%b%b%b\r\n" % (_head_start(target, place, method, path, query), framing, _lines(headers, own))
    chunked = framing.startswith(b"transfer-encoding")
    return Outgoing(place.origin, head, b"", headers_only=method == "HEAD", model=target.name, chunked=chunked)


def _lines(headers: RawHeaders, own: frozenset[bytes]) -> bytes:
    """The client's headers, without those that the model's `own` replace."""
    if own:
        headers = [field for field in headers if field[0] not in own]
    return b"".join([b"%b: %b\r\n" % (name, value) for name, value in headers])


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
