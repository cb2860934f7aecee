"""What is said on the control channel: tagged msgpack, each frame behind its length in four bytes, big-endian.

Worker → control: `Hello` first, an `Ack` for each message once it is *applied*; from time to time `Counters`, `Made`,
`Spans`; `Leaving` last. Control → worker: `RouteUpdate` and `RollBack`, and what other workers `Made`. Both ends are
one version of one program, so there is no negotiation; a frame that cannot be read ends the connection, and the next
one begins with the whole state.
"""

from typing import Final, Protocol, TypeAlias

import msgspec

from gateway.telemetry.spans import Span
from routing.exposure import Generation, Grant, Observation

FRAME_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of one frame: far above any route or set of counters, far below what would hurt."""

_LENGTH_BYTES: Final = 4


class ChannelBroken(Exception):
    """The other side said something that is no frame of this channel; the connection is dropped."""


class Hello(msgspec.Struct, tag=True, frozen=True):
    """A worker says who it is: role and index name it, the process id tells a restarted one from its predecessor."""

    role: str
    index: int
    pid: int

    @property
    def name(self) -> str:
        """Such as `data-1`."""
        return f"{self.role}-{self.index}"


class Ack(msgspec.Struct, tag=True, frozen=True):
    """Message `seq` has been applied."""

    seq: int


class Counters(msgspec.Struct, tag=True, frozen=True):
    """A process's counters since it started, by series name (`series.series`). Never differences."""

    values: dict[str, float]


class Made(msgspec.Struct, tag=True, frozen=True):
    """Responses that models have made: (64 bits of the id's hash, model). Passed on to the other data workers.

    Not acknowledged: it saves a question to the wrong model, and nothing depends on it.
    """

    responses: tuple[tuple[int, str], ...]


class Spans(msgspec.Struct, tag=True, frozen=True):
    """Sampled requests, for the control process to export. Not acknowledged."""

    spans: tuple[Span, ...]


class Leaving(msgspec.Struct, tag=True, frozen=True):
    """The worker accepts no more requests: it can expose nothing any more, and is waited for by nobody."""


class Welcome(msgspec.Struct, tag=True, frozen=True):
    """The control process has heard Hello. Where no rollout runs it has nothing else to say. Not acknowledged."""


class RouteUpdate(msgspec.Struct, tag=True, frozen=True):
    """One endpoint after a transition. `generation` None: unchanged; `grant` None: 100 % stable.

    `granted_at` is CLOCK_MONOTONIC (`time.monotonic`, the loops' clock), which all processes of one machine share: the
    lease is reckoned from before Redis was asked, however late a worker reads this.
    """

    seq: int
    endpoint: str
    generation: Generation | None
    grant: Grant | None
    lease_ms: int
    revision: int
    granted_at: float

    def observation(self) -> Observation:
        """This update in the form that `Route.observed` takes."""
        return Observation(
            generation=self.generation,
            grant=self.grant,
            expires_at=self.granted_at + self.lease_ms / 1000,
            revision=self.revision,
        )


class RollBack(msgspec.Struct, tag=True, frozen=True):
    """`rollout` of `endpoint` gets no weight again, from now on (`Route.rolled_back`)."""

    seq: int
    endpoint: str
    rollout: str
    revision: int


FromWorker: TypeAlias = Hello | Ack | Counters | Made | Spans | Leaving
FromControl: TypeAlias = RouteUpdate | RollBack
"""What is pushed, and acknowledged."""

_encoder = msgspec.msgpack.Encoder()
_from_worker: "msgspec.msgpack.Decoder[FromWorker]" = msgspec.msgpack.Decoder(
    Hello | Ack | Counters | Made | Spans | Leaving
)
_from_control: "msgspec.msgpack.Decoder[Welcome | Made | FromControl]" = msgspec.msgpack.Decoder(
    Welcome | Made | RouteUpdate | RollBack
)


class ByteSource(Protocol):
    """Where frames are read from; `line.Line` is one."""

    async def receive_exactly(self, nbytes: int) -> bytes:
        """Exactly `nbytes`, or `EOFError`."""


def frame(message: FromWorker | FromControl | Welcome | Made) -> bytes:
    """The message as sent."""
    body = _encoder.encode(message)
    if len(body) > FRAME_LIMIT:
        raise ChannelBroken(f"a {type(message).__name__} of {len(body)} bytes is over the limit of {FRAME_LIMIT}")
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


async def _body(source: ByteSource) -> bytes:
    size = int.from_bytes(await source.receive_exactly(_LENGTH_BYTES), "big")
    if size > FRAME_LIMIT:
        raise ChannelBroken(f"a frame of {size} bytes is over the limit of {FRAME_LIMIT}")
    return await source.receive_exactly(size)


async def read_from_worker(source: ByteSource) -> FromWorker:
    """The next message of a worker; raises `ChannelBroken`."""
    try:
        return _from_worker.decode(await _body(source))
    except msgspec.MsgspecError as error:
        raise ChannelBroken(f"a worker's frame cannot be read: {error}") from error


async def read_from_control(source: ByteSource) -> Welcome | Made | FromControl:
    """The next message of the control process; raises `ChannelBroken`."""
    try:
        return _from_control.decode(await _body(source))
    except msgspec.MsgspecError as error:
        raise ChannelBroken(f"the control process's frame cannot be read: {error}") from error
