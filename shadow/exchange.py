"""One finished exchange, as a data worker hands it to a shadow worker.

It is attributed to the arm that was *assigned*, at the weight in force at that moment, whoever answered in the end
(intention to treat). Bodies are the wire's own bytes, bounded by the data worker; `complete` says whether all of the
answer is here.

The record travels as msgpack, its fields in order and without their names, between processes of one gateway, which run
the same version; `encode` and `decode` are its only wire format. It is a value: nothing in here is a connection, a task
or a clock. It is a msgspec struct, not a dataclass, since one is made for each request on the data path: that takes a
fifth of the time (0.7 µs for 3.5).
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

from routing.arms import Arm
from shadow.errors import MalformedFrame
from shadow.windows import UNKNOWN


class Api(StrEnum):
    """The API that a request speaks; it decides how bodies are read."""

    CHAT = "chat.completions"
    COMPLETIONS = "completions"
    RESPONSES = "responses"
    MESSAGES = "messages"
    EMBEDDINGS = "embeddings"


class Outcome(StrEnum):
    """How an exchange ended for the application."""

    COMPLETED = "completed"
    """An answer with status < 400 was relayed to its end."""
    REJECTED = "rejected"
    """The model server answered with a 4xx that is the request's own fault (stable said so too, or was asked alone)."""
    FAILED = "failed"
    """No answer, a 5xx, or a stream that broke."""
    CANCELLED = "cancelled"
    """The client left first."""

    __hash__ = str.__hash__
    """An enumeration's own is Python code, and each request counts its outcome."""


class Exchange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One request and what came of it. Instants are Unix seconds, durations milliseconds.

    `failure` is the candidate's own failure code where the assigned candidate failed (`refused`, `reset`, `timeout`,
    `status_503`, `stream_error`, `tls`, …), even when stable then answered; `answered` is the arm whose bytes are in
    `answer_body`. `vote_key` is 32 hex digits (`routing.bucketing.Draws.vote`); `keyless` says that the client gave no
    key, so the request id stands in for one. `unit` is the same of the key that was assigned by, empty where that is
    the voting key. `window` is the window of time in which it was assigned (`shadow.windows`). `slices` are (dimension,
    value) pairs. `headers` are the end-to-end request headers that a mirror repeats (never credentials).

    `drawn`: the arm was drawn by hash at `weight_bps`. Where it was not (a ring's member, a crowded key) the exchange
    is no split evidence, and may still be compared in a pair. `data_class` is the class of the caller's data, empty
    without one: no model may see this exchange that does not accept it.

    What is long comes first: the encoder has then room for all the rest, and does not find it little by little.
    """

    request_body: bytes
    answer_body: bytes
    request_id: str
    endpoint: str
    api: Api
    stream: bool
    rollout: str
    candidate: str
    stable: str
    salt: str
    epoch: int
    stage: int
    weight_bps: int
    assigned: Arm
    answered: Arm
    pinned: bool
    vote_key: str
    keyless: bool
    slices: tuple[tuple[str, str], ...]
    started_at: float
    first_byte_ms: float
    duration_ms: float
    outcome: Outcome
    failure: str
    status: int
    path: str
    headers: tuple[tuple[bytes, bytes], ...]
    complete: bool
    unit: str = ""
    window: int = UNKNOWN
    drawn: bool = True
    data_class: str = ""


PLAIN: Final = Exchange(
    request_id="r-1",
    endpoint="chat",
    api=Api.CHAT,
    stream=False,
    rollout="chat-1",
    candidate="new",
    stable="old",
    salt="salt",
    epoch=1,
    stage=0,
    weight_bps=0,
    assigned=Arm.STABLE,
    answered=Arm.STABLE,
    pinned=False,
    vote_key="",
    keyless=False,
    slices=(),
    started_at=1_000.0,
    first_byte_ms=100.0,
    duration_ms=500.0,
    outcome=Outcome.COMPLETED,
    failure="",
    status=200,
    path="/v1/chat/completions",
    headers=(),
    request_body=b"",
    answer_body=b"",
    complete=True,
)
"""A chat exchange that stable answered well at weight 0. What is judged without a request, as a recorded pair is, is
this one with `msgspec.structs.replace`."""

MAX_FRAME_BYTES: Final = 8 * 1024 * 1024
"""No frame is longer. A data worker sends an over-size exchange without its bodies, `complete=False`."""

encode: Final[Callable[[Exchange], bytes]] = msgspec.msgpack.Encoder().encode
"""The exchange as one frame's payload (the 4-byte big-endian length before it is the transport's)."""

_decoder = msgspec.msgpack.Decoder(Exchange)


def decode(payload: bytes) -> Exchange:
    """The exchange in a frame's payload; raises `MalformedFrame`."""
    try:
        return _decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise MalformedFrame(f"not an exchange: {error}") from error
