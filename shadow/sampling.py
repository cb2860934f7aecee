"""Which exchanges are mirrored, and how.

The choice is a hash of the request id under the rollout's salt, independent of the arm and of the key. `SAMPLE` sends a
request to the other arm; `FLOOR` sends a smaller share to stable twice as well, to learn how much stable disagrees with
itself. What is mirrored must be harmless to ask again, so only what is *provably* stateless is: a Responses request is
stored unless it says otherwise, and tools that the server runs itself act on the world.

Not here: whether there is room to mirror (`pacing`, `mirror`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from routing.bucketing import WEIGHT_SCALE, fraction
from routing.purposes import Purpose
from shadow.answer import Json
from shadow.exchange import Api, Exchange, Outcome
from shadow.review import Review
from shadow.wire.tolerant import items, mapping, text


@dataclass(frozen=True, slots=True)
class Sampling:
    """How much of an endpoint's traffic is mirrored; shares of all requests.

    `detected` are the dimensions of slices that are read off the request itself (`shadow.slices.DETECTED`);
    `tenant_share` is the most that one tenant may be of the votes; `review` is the consent to keep some of the pairs.
    """

    sample: float
    noise_floor: float
    max_tokens_per_minute: int | None = None
    detected: tuple[str, ...] = ()
    tenant_share: float | None = None
    review: Review | None = None


class MirrorKind(StrEnum):
    """How an exchange becomes a comparison."""

    NONE = "none"
    """It does not."""
    PAIR = "pair"
    """The arm that did not answer is asked."""
    TRIPLE = "triple"
    """So is stable once more."""
    KNOWN = "known"
    """The candidate failed and stable answered: both sides are known, and nobody is asked."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What to do with an exchange; `reason` is a short code where nothing is done."""

    kind: MirrorKind
    reason: str = ""


_NEVER: Final[Mapping[Outcome, str]] = {
    Outcome.REJECTED: "rejected",
    Outcome.FAILED: "failed",
    Outcome.CANCELLED: "cancelled",
}
_CLIENT_TOOLS: Final = frozenset({"function", "custom", ""})
"""Tools that the application runs. An Anthropic tool without a type is one of these."""

UNSAMPLED: Final = "unsampled"
"""The one reason that loses nothing."""


def choose(exchange: Exchange, request: Json, *, sample: float, noise_floor: float) -> Choice:
    """Whether and how to mirror. `request` is the decoded request body; the shares are fractions of all requests."""
    triple = fraction(Purpose.FLOOR, exchange.salt, exchange.request_id) < noise_floor
    if not (triple or fraction(Purpose.SAMPLE, exchange.salt, exchange.request_id) < sample):
        return Choice(MirrorKind.NONE, UNSAMPLED)
    why_not = _excluded(exchange)
    if why_not:
        return Choice(MirrorKind.NONE, why_not)
    if exchange.answered is not exchange.assigned:
        return Choice(MirrorKind.KNOWN)
    if is_stateful(exchange.api, request):
        return Choice(MirrorKind.NONE, "stateful")
    has_floor = triple and exchange.api is not Api.EMBEDDINGS  # of vectors nothing is read that could vary by itself
    return Choice(MirrorKind.TRIPLE if has_floor else MirrorKind.PAIR)


def _excluded(exchange: Exchange) -> str:
    if exchange.pinned:
        return "pinned"
    if exchange.outcome is Outcome.FAILED and exchange.weight_bps in (0, WEIGHT_SCALE):
        return ""  # errors are compared in pairs here: would the other arm have failed too?
    if exchange.outcome in _NEVER:
        return _NEVER[exchange.outcome]
    return "" if exchange.complete else "incomplete"


def is_stateful(api: Api, request: Json) -> bool:
    """Whether asking again could leave a trace or act on the world; in doubt, yes."""
    body = mapping(request)
    if not body:
        return True
    if any(text(tool, "type") not in _CLIENT_TOOLS for tool in items(body, "tools")):
        return True
    match api:
        case Api.CHAT:
            return bool(body.get("store")) or "web_search_options" in body
        case Api.RESPONSES:
            linked = any(body.get(name) for name in ("previous_response_id", "conversation", "background", "prompt"))
            return linked or body.get("store") is not False
        case Api.MESSAGES:
            return bool(body.get("mcp_servers") or body.get("container"))
        case _:
            return False
