"""What is noted of a sampled request, and the W3C trace context that it came with. Pure; no library.

A client's `traceparent` goes upstream as it came, sampled or not; here only whether it was sampled counts.
"""

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from gateway.telemetry.usage import NOTHING, Said

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED: Final = 0x01
_INVALID_VERSION: Final = "ff"


class Span(msgspec.Struct, frozen=True):
    """One request as a trace shows it. Ids are lower-case hex; `parent` is empty where the trace begins here.

    `began_at` is Unix seconds; the others are milliseconds since then, 0 where it did not come to that. `said` is what
    the answer says of itself, where that was asked for.
    """

    trace: str
    parent: str
    span: str
    path: str
    endpoint: str
    model: str
    arm: str
    outcome: str
    status: int
    stream: bool
    request_id: str
    rollout: str
    fallback: str
    began_at: float
    attempt_ms: float
    first_byte_ms: float
    duration_ms: float
    said: Said = NOTHING


@dataclass(frozen=True, slots=True)
class Context:
    """A caller's place in a trace."""

    trace: str
    span: str
    sampled: bool


def context(traceparent: str | None) -> Context | None:
    """The caller's context; None where there is none, or none that W3C Trace Context allows."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    if found is None or found[1] == _INVALID_VERSION or (found[1] == "00" and found[5]):
        return None
    if not int(found[2], 16) or not int(found[3], 16):
        return None
    return Context(found[2], found[3], bool(int(found[4], 16) & _SAMPLED))
