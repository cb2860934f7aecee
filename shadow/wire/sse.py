"""Server-sent events out of bytes, however they are cut: by line, in the middle of a character, one byte at a time.

The reader keeps bytes until a line is whole (WHATWG HTML, section 9.2), so cutting cannot change what it yields. It is
bounded: a stream whose single event outgrows `MAX_EVENT_BYTES` is `overflowed`, and yields nothing more. Other than a
browser it does hand out an event that the stream ended in (`close`): some servers leave off the last blank line.
"""

from dataclasses import dataclass
from typing import Final

MAX_EVENT_BYTES: Final = 4 * 1024 * 1024

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its type (empty unless the stream named one) and its data."""

    name: str
    data: str


class EventReader:
    """Feeds on chunks, returns whole events. Never raises."""

    __slots__ = ("_bytes_of_event", "_data", "_name", "_partial", "_started", "overflowed")

    def __init__(self) -> None:
        self._partial = b""
        self._started = False
        self._name = ""
        self._data: list[str] = []
        self._bytes_of_event = 0
        self.overflowed = False

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes."""
        if self.overflowed:
            return []
        buffered = self._partial + chunk
        if not self._started:
            if len(buffered) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(buffered):
                self._partial = buffered
                return []
            buffered, self._started = buffered.removeprefix(_BYTE_ORDER_MARK), True
        lines = buffered.splitlines(keepends=True)
        # A last line is whole only with its end; a lone CR may be the first half of CRLF.
        self._partial = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        return self._take([line.rstrip(b"\r\n") for line in lines], len(self._partial.rstrip(b"\r")))

    def close(self) -> list[Event]:
        """The event that the stream ended in, if any."""
        line, self._partial = self._partial.rstrip(b"\r\n"), b""
        return [] if self.overflowed else self._take([line, b""], 0)

    def _take(self, lines: list[bytes], partial: int) -> list[Event]:
        events: list[Event] = []
        for line in lines:
            if not line:
                self._dispatch(events)
                continue
            self._bytes_of_event += len(line)
            if self._bytes_of_event > MAX_EVENT_BYTES:
                break
            self._field(line)
        if self._bytes_of_event + partial > MAX_EVENT_BYTES:
            self.overflowed, self._partial, self._data = True, b"", []
        return events

    def _field(self, line: bytes) -> None:
        if line.startswith(b"data: "):  # nearly every line there is
            self._data.append(line[6:].decode("utf-8", "replace"))
            return
        field, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            events.append(Event(self._name, "\n".join(self._data)))
        self._name, self._data, self._bytes_of_event = "", [], 0


def events_of(body: bytes) -> tuple[list[Event], bool]:
    """All events of a whole body, and whether it stayed within the bound."""
    reader = EventReader()
    events = reader.feed(body)
    events += reader.close()
    return events, not reader.overflowed
