"""The data plane's application: who asks, for what, and the small routes.

A client that leaves is a cancellation of whatever serves it, and nothing else is (`gateway.data.cycle`).
"""

from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import replace
from os import urandom
from time import time  # noqa: TID251 - `time` dates the record of an exchange; it decides nothing
from typing import Final

import msgspec

from gateway.config.model import Config
from gateway.data.api import (
    ROUTES,
    ApiError,
    no_room,
    spoken_on,
    too_large,
    unaccepted_data,
    unknown_model,
    unknown_path,
    upstream_error,
    wrong_key,
)
from gateway.data.cycle import Cycle
from gateway.data.draft import Draft
from gateway.data.elsewhere import Elsewhere
from gateway.data.incoming import Incoming, read_incoming
from gateway.data.origins import Made, Origins
from gateway.data.passthrough import Passing, Passthrough, kept_response, makes_nothing
from gateway.data.proxy import Proxy
from gateway.data.record import Recorder
from gateway.data.sticky import Keyed, Keying, sticky_key
from gateway.data.table import RouteTable
from gateway.keys import Caller, KeyRing
from gateway.upstream.errors import UpstreamFailure
from gateway.upstream.timer import clock
from routing.arms import CANDIDATE, Arm, AssignedBy
from routing.assignment import EXCLUDED, NO_GRANT, Assignment, Maker, assign, unsplit
from routing.bucketing import WEIGHT_SCALE
from routing.crowding import KeyShares
from routing.errors import MalformedRequest
from routing.exposure import Route
from routing.model_name import model_span
from routing.request import RoutingFields, read
from shadow.exchange import Api, Outcome

_JSON: Final = (b"content-type", b"application/json")
_RESPONSES: Final = Api.RESPONSES
_EMBEDDINGS: Final = Api.EMBEDDINGS
_CANDIDATE: Final = CANDIDATE
_CONTINUED: Final = AssignedBy.CONTINUED
_API_OF: Final = dict(ROUTES)
_FIRST_ID: Final = 1 << 32
"""Requests are counted from here, so that their numbers are of one length: nine digits, for the first 64 billion."""


class Health(msgspec.Struct):
    """Whether the worker can serve, and what it does without. A check says why something is missing, or nothing."""

    serving: bool = False
    draining: bool = False
    control_answered: bool = False
    checks: dict[str, Callable[[], str]] = {}

    @property
    def ready(self) -> bool:
        """Whether traffic should be sent here."""
        return self.serving and self.control_answered and not self.draining

    def degraded(self) -> dict[str, str]:
        """What is missing, and why it matters; empty where nothing is."""
        return {name: why for name, check in self.checks.items() if (why := check())}


class App:
    """The application of one worker."""

    def __init__(
        self,
        config: Config,
        *,
        table: RouteTable,
        keys: KeyRing,
        proxy: Proxy,
        recorder: Recorder,
        origins: Origins,
        health: Health,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._keyings = {name: Keying(endpoint) for name, endpoint in config.endpoints.items()}
        self._presenting = frozenset(
            name for name, endpoint in config.endpoints.items() if endpoint.present_model_as == "endpoint"
        )
        self._asked_models = config.models
        self._has_classes = any(model.accepts is not None for model in config.models.values()) or any(
            key.data_class is not None for key in config.keys
        )
        self._shares = {name: KeyShares() for name in config.endpoints}
        self._limit = config.limits.max_body_bytes
        self._table = table
        self._keys = keys
        self._proxy = proxy
        self._recorder = recorder
        self._origins = origins
        self._elsewhere = elsewhere
        self._health = health
        self._passthrough = Passthrough(config.passthrough, proxy.asker, recorder)
        self._id_prefix = f"req_{urandom(8).hex()}"
        self._next_id = _FIRST_ID

    async def serve(self, cycle: Cycle) -> None:
        """Answer one request."""
        path = cycle.path
        api = _API_OF.get(path)
        request_id = self._id_prefix + hex(self._next_id)[len("0x") :]
        self._next_id += 1
        try:
            if api is not None and cycle.method == "POST":
                await self._ask(cycle, api, request_id)
            elif endpoint := self._passthrough.endpoint(path):
                await self._pass(cycle, endpoint, request_id)
            else:
                self._look(cycle, request_id)
        except ApiError as error:
            _send_error(cycle, error, api or spoken_on(path), request_id)

    # ── asking a model ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _ask(self, cycle: Cycle, api: Api, request_id: str) -> None:
        started_at = clock()
        _must_have_room(cycle)
        incoming = read_incoming(cycle)
        caller = self._authenticate(incoming)
        is_here = cycle.complete and cycle.buffered <= self._limit
        body = _at_once(incoming, cycle) if is_here else await self._body(incoming, cycle)
        asked, route = self._addressed(incoming, caller, body, request_id)
        follows = _kept_where_made(asked.fields) if api is _RESPONSES else None
        if follows is not None:
            await self._look_up(route, follows, started_at, anyway=self._has_several_servers(route))
        draft = self._draft(asked, route, api, started_at, follows or "")
        try:
            opened = await self._proxy.open(draft)
            await self._proxy.relay(draft, opened, cycle)
        except UpstreamFailure as error:
            draft.status = (answer := upstream_error(error.kind)).status
            _send_error(cycle, answer, api, request_id, draft)
        except MalformedRequest as error:
            draft.outcome, draft.status = Outcome.REJECTED, 400
            _send_error(cycle, _malformed(error), api, request_id, draft)
        except CancelledError:
            draft.outcome = Outcome.CANCELLED
            raise
        finally:
            if cycle.carrier.is_gone and draft.outcome is not Outcome.COMPLETED:
                draft.outcome = Outcome.CANCELLED
            self._recorder.finish(draft)

    def _addressed(self, incoming: Incoming, caller: Caller, body: bytes, request_id: str) -> tuple[Keyed, Route]:
        """What is asked, and the route of the endpoint that it is for; raises `ApiError`."""
        try:
            fields = read(body)
            span = model_span(body)
        except MalformedRequest as error:
            raise _malformed(error) from error
        route = self._table.get(fields.model)
        if route is None or not caller.may_ask(fields.model):
            raise unknown_model(fields.model)
        self._must_take(route, caller)
        return Keyed(incoming, body, fields, span, caller, request_id), route

    async def _look_up(self, route: Route, response: str, now: float, *, anyway: bool) -> None:
        """See to it that it is known here who made a response, if any gateway knows."""
        if self._elsewhere is not None:
            await self._elsewhere.look(route, response, now, anyway=anyway)

    def _has_several_servers(self, route: Route) -> bool:
        return len(self._asked_models[route.stable.model].base_urls) > 1

    def _draft(self, asked: Keyed, route: Route, api: Api, started_at: float, follows: str) -> Draft:
        """The request, assigned."""
        keying = self._keyings[route.endpoint]
        sticky = sticky_key(keying, asked)
        made = self._origins.of(route.endpoint, follows) if follows else None
        continues = Maker(made.model if made is not None else None) if follows else None
        assignment = self._assign(route, api, sticky, asked, started_at, continues)
        draft = Draft(asked, keying, api, route, assignment, sticky, started_at, time())
        draft.presents_name = self._presents_name(route.endpoint, asked.incoming)
        draft.continues = assignment.by is _CONTINUED
        draft.follows = follows
        draft.made = made
        draft.opening = b"" if api is _RESPONSES else None
        draft.captures = assignment.is_evidence or self._recorder.reads(asked)
        return draft

    async def _pass(self, cycle: Cycle, endpoint: str, request_id: str) -> None:
        _must_have_room(cycle)
        incoming = read_incoming(cycle)
        route, caller = self._table.get(endpoint), self._authenticate(incoming)
        if route is None or not caller.may_ask(endpoint):
            raise unknown_path(incoming.path)
        self._must_take(route, caller)
        passing = Passing(incoming, route, request_id)
        response = kept_response(incoming.path)
        if response is not None:
            now = clock()
            await self._look_up(route, response, now, anyway=True)
            made, candidate = self._origins.of(endpoint, response), self._may_have(route, caller, now)
            passing = replace(
                passing,
                made=made,
                candidate=candidate,
                former=self._former(route, caller, made, candidate) if makes_nothing(incoming) else "",
                is_kept=True,
                presents_name=self._presents_name(endpoint, incoming),
            )
        await self._passthrough.serve(passing, cycle)

    def _may_have(self, route: Route, caller: Caller, now: float) -> str:
        """The candidate, where it answers users now and may have this caller's data; else empty."""
        grant = route.live_grant(now)
        if grant is None or not grant.exposes:
            return ""
        return grant.candidate if self._takes(grant.candidate, caller) else ""

    def _former(self, route: Route, caller: Caller, made: Made | None, candidate: str) -> str:
        """The model that made an answer and serves nobody now; empty where it serves, or may not be asked."""
        if made is None or made.model in (route.stable.model, candidate):
            return ""
        return made.model if made.model in self._asked_models and self._takes(made.model, caller) else ""

    def _takes(self, model: str, caller: Caller) -> bool:
        """Whether a model may have this caller's data."""
        return not self._has_classes or self._asked_models[model].takes(caller.data_class)

    def _must_take(self, route: Route, caller: Caller) -> None:
        if not self._takes(route.stable.model, caller):
            raise unaccepted_data(route.endpoint, caller.data_class)

    def _presents_name(self, endpoint: str, incoming: Incoming) -> bool:
        """Whether the answer must name the endpoint as its model; then it is asked for as it can be rewritten."""
        if endpoint not in self._presenting:
            return False
        incoming.without(b"accept-encoding")
        return True

    def _assign(
        self, route: Route, api: Api, sticky: str | None, asked: Keyed, now: float, continues: Maker | None
    ) -> Assignment:
        """The arm of a request. Embeddings are never split: vectors of two models in one index corrupt it."""
        caller, pin = asked.caller, _pin(asked)
        grant = route.live_grant(now)
        if grant is None:
            return NO_GRANT
        attributes, draws = caller.attributes, route.draws
        if not self._takes(grant.candidate, caller):
            return EXCLUDED
        if api is _EMBEDDINGS:
            return unsplit(grant, attributes)
        if continues is not None:
            return assign(
                grant, sticky or asked.request_id, pin, attributes=attributes, continues=continues, draws=draws
            )
        if pin is not None or sticky is None or not 0 < grant.weight_bps < WEIGHT_SCALE:
            return assign(grant, sticky or asked.request_id, pin, attributes=attributes, draws=draws)
        shares = self._shares[route.endpoint]
        crowded = shares.is_crowded(grant, sticky)
        assignment = assign(grant, sticky, attributes=attributes, crowded=crowded, draws=draws)
        if assignment.arm is _CANDIDATE and assignment.is_drawn:
            shares.exposed(grant)
        return assignment

    def _authenticate(self, incoming: Incoming) -> Caller:
        token = incoming.token
        caller = self._keys.authenticate(token)
        if caller is None:
            raise wrong_key(missing=token is None)
        return caller

    async def _body(self, incoming: Incoming, cycle: Cycle) -> bytes:
        """The whole body; 413 above the limit, without reading what is declared to be longer."""
        if (length := incoming.content_length) is not None and length > self._limit:
            raise too_large(self._limit)
        _must_be_plain(incoming)
        parts, total = [], 0
        while piece := await cycle.read():
            parts.append(piece)
            total += len(piece)
            if total > self._limit:
                raise too_large(self._limit)
        return b"".join(parts)

    # ── the small routes ──────────────────────────────────────────────────────────────────────────────────────────────

    def _look(self, cycle: Cycle, request_id: str) -> None:
        incoming, path = read_incoming(cycle), cycle.path
        if path in ROUTES:
            raise ApiError(405, "method_not_allowed", f"Use POST for {path}.", headers=((b"allow", b"POST"),))
        if path not in ("/healthz", "/readyz", "/v1/models") and not path.startswith("/v1/models/"):
            raise unknown_path(path)
        if cycle.method not in ("GET", "HEAD"):
            raise ApiError(405, "method_not_allowed", f"Use GET for {path}.", headers=((b"allow", b"GET"),))
        if path == "/healthz":
            _send_json(cycle, 200, {"status": "alive"}, request_id)
        elif path == "/readyz":
            _send_json(cycle, *self._readiness(), request_id)
        else:
            caller = self._authenticate(incoming)
            _send_json(cycle, 200, self._models(caller, path.removeprefix("/v1/models").lstrip("/")), request_id)

    def _readiness(self) -> tuple[int, dict[str, object]]:
        health = self._health
        if health.draining:
            return 503, {"status": "draining"}
        if not health.ready:
            return 503, {"status": "starting", "waiting_for": "the control process"}
        if degraded := health.degraded():
            return 200, {"status": "degraded", "why": degraded}
        return 200, {"status": "ready"}

    def _models(self, caller: Caller, name: str) -> dict[str, object]:
        listed = [
            {"id": endpoint, "object": "model", "created": 0, "owned_by": "driftgate"}
            for endpoint in self._table.names
            if caller.may_ask(endpoint)
        ]
        if not name:
            return {"object": "list", "data": listed}
        found = [model for model in listed if model["id"] == name]
        if not found:
            raise unknown_model(name)
        return dict(found[0])


def _kept_where_made(fields: RoutingFields) -> str | None:
    """What the request goes on with, and only the server that has it can go on with."""
    return fields.previous_response or fields.conversation_id


def _at_once(incoming: Incoming, cycle: Cycle) -> bytes:
    """A body that has come whole, and is not too long."""
    _must_be_plain(incoming)
    return cycle.take()


def _must_be_plain(incoming: Incoming) -> None:
    if incoming.content_encoding and incoming.content_encoding.lower() != b"identity":
        raise ApiError(415, "unsupported_encoding", "Send the request body without Content-Encoding.")


def _must_have_room(cycle: Cycle) -> None:
    """Only what asks a model needs a connection of its own; whether we are alive and ready is always answered."""
    if cycle.carrier.is_beyond_room:
        raise no_room()


def _malformed(error: MalformedRequest) -> ApiError:
    return ApiError(400, error.code, error.message, param=error.param)


def _pin(asked: Keyed) -> Arm | None:
    """The arm that a caller with the right to it asks for."""
    own = asked.incoming.own
    pin = own.get(b"arm") if own and asked.caller.pin else None
    if pin is None:
        return None
    try:
        return Arm(pin.decode("latin-1"))
    except ValueError as error:
        raise ApiError(400, "invalid_arm", "x-driftgate-arm must be `stable` or `candidate`.") from error


def _send_json(cycle: Cycle, status: int, value: object, request_id: str) -> None:
    body = msgspec.json.encode(value)
    cycle.start(
        status, [_JSON, (b"content-length", b"%d" % len(body)), (b"x-driftgate-request-id", request_id.encode())]
    )
    cycle.end(body)


def _send_error(cycle: Cycle, error: ApiError, api: Api, request_id: str, draft: Draft | None = None) -> None:
    body = error.body(api)
    headers = [
        _JSON,
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", request_id.encode()),
        (b"x-driftgate-request-id", request_id.encode()),
        *error.headers,
    ]
    if draft is not None:
        headers.append((b"x-driftgate-endpoint", draft.route.endpoint.encode()))
        headers += [(b"x-driftgate-fallback", draft.fallback.encode())] if draft.fallback else []
    cycle.start(error.status, headers)
    cycle.end(body)
