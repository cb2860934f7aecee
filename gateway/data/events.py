"""The first event of a stream: is it an answer or an error?

Some servers answer 200 and say in the stream that they failed. Comments (lines that begin with a colon) are no event.
Only this first event is looked at; after it, bytes pass unread. So do those in an encoding that is not read here.
"""

from enum import Enum
from typing import Final

import msgspec

from gateway.upstream.encoding import opening, plain
from gateway.upstream.headers import RawHeaders

_EVENT_STREAM: Final = b"text/event-stream"
LONGEST_FIRST_EVENT: Final = 64 * 1024
"""A first event longer than this is an answer; an error would have been shorter."""


class FirstEvent(Enum):
    """What the beginning of a stream is."""

    INCOMPLETE = "incomplete"
    ANSWER = "answer"
    ERROR = "error"


class _Probe(msgspec.Struct):
    error: msgspec.Raw = msgspec.Raw(b"null")
    type: msgspec.Raw = msgspec.Raw(b"null")


_probe = msgspec.json.Decoder(_Probe)
_NO_ERROR: Final = (b"null", b'""', b"{}", b"false")
_ERROR_TYPES: Final = (b'"error"', b'"response.failed"')


def comes_as_events(headers: RawHeaders) -> bool:
    """Whether an answer with these headers is a stream of events."""
    for name, value in headers:
        if name == b"content-type":
            return value[: len(_EVENT_STREAM)].lower() == _EVENT_STREAM
    return False


def first_event(begun: bytes, headers: RawHeaders) -> FirstEvent:
    """What `begun`, the bytes so far of a stream with these headers, begins with."""
    readable = opening(headers, begun, LONGEST_FIRST_EVENT + 1)
    if readable is None:
        return FirstEvent.ANSWER
    text = readable.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    while True:
        block, blank, text = text.partition(b"\n\n")
        lines = [line for line in block.split(b"\n") if line and not line.startswith(b":")]
        if not blank:
            return FirstEvent.ANSWER if len(readable) > LONGEST_FIRST_EVENT else FirstEvent.INCOMPLETE
        if lines:
            return FirstEvent.ERROR if _is_error(lines) else FirstEvent.ANSWER


def _is_error(lines: list[bytes]) -> bool:
    if any(line.startswith(b"event:") and line[6:].strip() in (b"error", b"response.failed") for line in lines):
        return True
    data = b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))
    if b"error" not in data and b"failed" not in data:
        return False
    try:
        probe = _probe.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return bytes(probe.error) not in _NO_ERROR or bytes(probe.type) in _ERROR_TYPES


def is_error_object(body: bytes, headers: RawHeaders) -> bool:
    """Whether a whole JSON answer with these headers is an error in spite of its status."""
    text = plain(headers, body, LONGEST_FIRST_EVENT)
    if text is None or b'"error"' not in text[:64]:
        return False
    try:
        probe = _probe.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return bytes(probe.error) not in _NO_ERROR
