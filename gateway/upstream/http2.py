"""One HTTP/2 connection to a model server, and the requests that share it as streams.

The framing is h2's (RFC 9113 as a state machine, without IO); the transport, the deadlines and the end of every stream
are ours. A stream that is given up is reset (CANCEL) at once, so the server stops generating while the others go on.
The connection's own window is as wide as it can be and each stream's is bounded: a slow reader holds back its own
stream and nobody else's.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final, cast

import h2.events as happened
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import H2Error, StreamClosedError
from h2.settings import SettingCodes, Settings

from gateway.upstream.errors import BrokenAnswer, UpstreamFailure
from gateway.upstream.exchange import HIGH_WATER_BYTES, MAX_HEAD_BYTES, MAX_TRAILER_BYTES, Deadlines, Exchange
from gateway.upstream.headers import RawHeaders
from gateway.upstream.timer import NEVER, LazyTimer

MOST_STREAMS: Final = 100
"""At once on one connection, unless the server allows fewer: beyond that another connection spreads the work better."""
IDLE_SECONDS: Final = 30.0
_MOST_EXCHANGES: Final = 1_000_000
"""Numbers of streams run out at a thousand times that; a connection is replaced before."""
_WIDEST_WINDOW: Final = 2**31 - 1
_FIRST_WINDOW: Final = 65_535
_FRAME_HEADER_BYTES: Final = 9
_LONGEST_FRAME: Final = 16_384
"""What a server may send unless it is allowed more, which it never is."""
_GOAWAY: Final = 0x07
_NOT_IN_HTTP2: Final = (b"connection", b"transfer-encoding", b"host", b"keep-alive", b"upgrade")
_SETTINGS: Final = {
    SettingCodes.ENABLE_PUSH: 0,
    SettingCodes.INITIAL_WINDOW_SIZE: HIGH_WATER_BYTES,
    SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEAD_BYTES,
}


class Http2Stream(Exchange):
    """One request and its answer. `untouched`: the server says, or shows, that it has not begun to work on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: "Http2Connection", number: int) -> None:
        super().__init__(loop)
        self.connection = connection
        self.number = number
        self.unsent = bytearray()
        self.more = False
        self.sent_end = False
        self.untouched = False
        self._unacknowledged = 0

    def take(self) -> bytes:
        """The bytes that are here already; only now may the server send as many again."""
        data = super().take()
        if self._unacknowledged:
            count, self._unacknowledged = self._unacknowledged, 0
            self.connection.acknowledge(self, count)
        return data

    async def write(self, data: bytes) -> None:
        """The next bytes of the request's body; waits while the server does not take them, unless it has answered."""
        if self._error is not None:
            raise self._error
        self.unsent += data
        self.connection.push(self)
        while self.unsent and not self.has_head and self._error is None:
            await self._wait_for_room()

    def written(self) -> None:
        """The body is complete."""
        self.more = False
        self.connection.push(self)

    def done(self) -> None:
        """The caller is done: a stream that is not whole on both sides is reset."""
        self._timer.close()
        self.connection.release(self)
        self._forget()

    def abort(self) -> None:
        """Reset the stream."""
        self._timer.close()
        self.connection.release(self)

    # ── the connection's side ─────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, deadlines: Deadlines) -> None:
        """The request goes out."""
        self._begin(deadlines)

    def pushed(self) -> None:
        """Some of the body went out."""
        self._wake()

    def stirred(self) -> None:
        """Something of the answer has come."""
        self._came()

    def on_head(self, headers: RawHeaders) -> None:
        """The answer's head."""
        self.received_anything = True
        status = int(headers[0][1])
        if not 200 <= status < 600:  # noqa: PLR2004 - the classes that exist
            raise BrokenAnswer("malformed", f"status {status} does not exist")
        self.status, self.headers, self.has_head = status, headers[1:], True

    def on_informational(self, status: int) -> None:
        """An interim answer."""
        self._informed(status)

    def on_data(self, data: bytes, counted: int) -> None:
        """A piece of the body; `counted` bytes of the window, padding included."""
        self._unacknowledged += counted
        if data:
            self._received(data)

    def on_trailers(self, fields: RawHeaders) -> None:
        """Fields after the body."""
        if sum(len(name) + len(value) for name, value in fields) <= MAX_TRAILER_BYTES:
            self.trailers = fields

    def on_end(self) -> None:
        """The answer is whole."""
        self._completed()

    def on_failure(self, error: UpstreamFailure, *, untouched: bool = False) -> None:
        """The answer will not become whole."""
        self.untouched = untouched and not self.received_anything
        self._fail(error)


class Http2Connection:
    """A connection. Made by the pool; `on_change` is called when room appears, or when it is lost."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_change: Callable[["Http2Connection"], None]) -> None:
        self._loop = loop
        self._on_change = on_change
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._h2.local_settings = Settings(client=True, initial_values=_SETTINGS)
        self._transport: asyncio.Transport | None = None
        self._streams: dict[int, Http2Stream] = {}
        self._is_tls = False
        self._partial = bytearray()
        self._stirred: dict[int, Http2Stream] = {}
        """Streams to which something happened in what has just come."""
        self._writing_paused = False
        self._idle = LazyTimer(loop, self.abort)
        self.exchanges = 0
        self.closing = False
        self.closed = False

    @property
    def busy(self) -> int:
        """Streams under way."""
        return len(self._streams)

    @property
    def room(self) -> int:
        """Streams that may be opened beside those."""
        if self.closing or self.closed:
            return 0
        return min(MOST_STREAMS, self._h2.remote_settings.max_concurrent_streams) - len(self._streams)

    def open(self, head: bytes, body: bytes, deadlines: Deadlines, *, more: bool = False) -> Http2Stream:
        """Send a request. `head` is that of HTTP/1.1; `more`: the body goes on with `write`."""
        headers = _as_fields(head, is_tls=self._is_tls)
        try:
            stream = Http2Stream(self._loop, self, self._h2.get_next_available_stream_id())
            ends = not body and not more
            self._h2.send_headers(stream.number, headers, end_stream=ends)
        except H2Error as error:
            raise BrokenAnswer("malformed", f"the request cannot be sent over HTTP/2: {error}") from error
        self.exchanges += 1
        self.closing = self.closing or self.exchanges >= _MOST_EXCHANGES
        self._idle.at = NEVER
        self._streams[stream.number] = stream
        stream.unsent += body
        stream.more, stream.sent_end = more, ends
        stream.begin(deadlines)
        self.push(stream)
        return stream

    def push(self, stream: Http2Stream) -> None:
        """Send as much of the body as the windows allow."""
        if not (stream.sent_end or self.closed or self._writing_paused):
            window = self._h2.local_flow_control_window(stream.number)
            while stream.unsent and window > 0:
                piece = bytes(stream.unsent[: min(window, self._h2.max_outbound_frame_size)])
                del stream.unsent[: len(piece)]
                self._h2.send_data(stream.number, piece)
                window -= len(piece)
            if not stream.unsent and not stream.more:
                self._h2.end_stream(stream.number)
                stream.sent_end = True
            stream.pushed()
        self._flush()

    def acknowledge(self, stream: Http2Stream, count: int) -> None:
        """Bytes were taken: the server may send as many again."""
        if not self.closed:
            self._h2.acknowledge_received_data(count, stream.number)
            self._flush()

    def release(self, stream: Http2Stream) -> None:
        """The stream is over; reset it unless both sides have ended it."""
        if self._streams.pop(stream.number, None) is None:
            return
        if not self.closed:
            stream.take()  # or what nobody took would be missing from the connection's window for ever
            if not (stream.complete and stream.sent_end):
                with suppress(StreamClosedError):  # the server was quicker
                    self._h2.reset_stream(stream.number, ErrorCodes.CANCEL)
            self._flush()
            if not self._streams:
                self._idle.until(monotonic() + (0.0 if self.closing else IDLE_SECONDS))
        self._on_change(self)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
        self._lost(BrokenAnswer("reset", "the connection was closed"))

    # ── the transport's side ──────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there: say hello."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its ancestry
        self._is_tls = transport.get_extra_info("ssl_object") is not None
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_WIDEST_WINDOW - _FIRST_WINDOW)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""
        self._lost(BrokenAnswer("reset", "the connection was reset" if exc else "the connection closed too early"))

    def eof_received(self) -> None:
        """The server closes its side; the transport closes itself."""

    def pause_writing(self) -> None:
        """The server does not read as fast as we write."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """It reads again."""
        self._writing_paused = False
        self._push_all()

    def data_received(self, data: bytes) -> None:
        """Bytes from the server."""
        self._partial += data
        try:
            while (frame := self._next_frame()) is not None:
                if frame[3] == _GOAWAY:
                    self._on_goodbye(frame)
                    continue
                for event in self._h2.receive_data(frame):
                    self._handle(event)
        except (H2Error, BrokenAnswer) as error:
            self._lost(BrokenAnswer("malformed", f"the server breaks HTTP/2: {error}"))
            if self._transport is not None:
                self._transport.abort()
            return
        self._flush()
        stirred, self._stirred = self._stirred, {}
        for stream in stirred.values():
            stream.stirred()

    def _next_frame(self) -> bytes | None:
        """The next whole frame, header included (RFC 9113 §4.1); raises `BrokenAnswer` where it is too long."""
        if self.closed or len(self._partial) < _FRAME_HEADER_BYTES:
            return None
        length = int.from_bytes(self._partial[:3], "big")
        if length > _LONGEST_FRAME:
            raise BrokenAnswer("malformed", f"a frame of {length} bytes")
        end = _FRAME_HEADER_BYTES + length
        if len(self._partial) < end:
            return None
        frame = bytes(self._partial[:end])
        del self._partial[:end]
        return frame

    def _handle(self, event: happened.Event) -> None:
        match event:
            case happened.DataReceived():
                self._on_data(event)
            case happened.WindowUpdated() | happened.RemoteSettingsChanged():
                self._push_all()
                self._on_change(self)
            case (
                happened.ResponseReceived()
                | happened.InformationalResponseReceived()
                | happened.TrailersReceived()
                | happened.StreamEnded()
                | happened.StreamReset()
            ):
                stream = self._streams.get(event.stream_id or 0)
                if stream is not None:
                    self._stirred[stream.number] = stream
                    _tell(stream, event)

    def _on_data(self, event: happened.DataReceived) -> None:
        stream, counted = self._streams.get(event.stream_id or 0), event.flow_controlled_length or 0
        if stream is not None:
            self._stirred[stream.number] = stream
            stream.on_data(event.data or b"", counted)
        else:
            self._h2.acknowledge_received_data(counted, event.stream_id or 0)

    def _on_goodbye(self, frame: bytes) -> None:
        """GOAWAY: no new streams; those that the server has not seen may be asked elsewhere, the others go on.

        Not handed to h2, which would take nothing more from this connection after it.
        """
        self.closing = True
        last, code = int.from_bytes(frame[9:13], "big") & 0x7FFFFFFF, int.from_bytes(frame[13:17], "big")
        if code != ErrorCodes.NO_ERROR:
            self._lost(BrokenAnswer("reset", f"the server ended the connection with error {code}"))
        for stream in [each for number, each in self._streams.items() if number > last]:
            stream.on_failure(BrokenAnswer("reset", "the server is going away"), untouched=True)
        if not self._streams and self._transport is not None:
            self._transport.close()
        self._on_change(self)

    def _push_all(self) -> None:
        for stream in list(self._streams.values()):
            if stream.unsent or not stream.sent_end:
                self.push(stream)

    def _lost(self, error: BrokenAnswer) -> None:
        if self.closed:
            return
        self.closed = True
        self._idle.close()
        reused = self.exchanges > len(self._streams)
        for stream in list(self._streams.values()):
            stream.on_failure(error, untouched=reused)
        self._on_change(self)

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def _tell(stream: Http2Stream, event: happened.Event) -> None:
    """What happened to a stream; what is no HTTP ends it."""
    try:
        match event:
            case happened.ResponseReceived():
                stream.on_head([(bytes(name), bytes(value)) for name, value in event.headers or ()])
            case happened.InformationalResponseReceived():
                stream.on_informational(int(bytes((event.headers or [])[0][1])))
            case happened.TrailersReceived():
                stream.on_trailers([(bytes(name), bytes(value)) for name, value in event.headers or ()])
            case happened.StreamEnded():
                stream.on_end()
            case happened.StreamReset():
                refused = event.error_code == ErrorCodes.REFUSED_STREAM
                stream.on_failure(BrokenAnswer("reset", "the stream was reset"), untouched=refused)
    except BrokenAnswer as error:
        stream.on_failure(error)


def _as_fields(head: bytes, *, is_tls: bool) -> RawHeaders:
    """The head of an HTTP/1.1 request as HTTP/2 has it."""
    first, *lines = head.rstrip(b"\r\n").split(b"\r\n")
    method, path, _ = first.split(b" ")
    fields = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
    host = next((value for name, value in fields if name == b"host"), b"")
    scheme = b"https" if is_tls else b"http"
    kept = [field for field in fields if field[0] not in _NOT_IN_HTTP2]
    return [(b":method", method), (b":scheme", scheme), (b":authority", host), (b":path", path), *kept]
