"""The answer's `model` as the application knows it: the endpoint's name in place of the model server's (opt-in).

Bytes go out as they come in, without waiting for more: only the value's own bytes are replaced, wherever chunks are
cut. So the scanner keeps where it is in the JSON, and nothing of the text but a key that may turn out to be `model`.

Where the value stands: at the top, and within the one object that some streams wrap (`message` of Anthropic's
`message_start`, `response` of the Responses API's events). What is no JSON passes as it is.
"""

import re
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from gateway.data.events import comes_as_events
from gateway.upstream.headers import RawHeaders
from shadow.exchange import Api

_WRAPPERS: Final[Mapping[Api, frozenset[str]]] = {
    Api.MESSAGES: frozenset({"message"}),
    Api.RESPONSES: frozenset({"response"}),
}
_MARK: Final = re.compile(rb'["{}\[\]:,]')
_STRING_REST: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_LONGEST_KEY: Final = 64
"""`response` with each letter escaped is 48 bytes: a longer key is none that is looked for."""
_ROOT: Final = 1
_QUOTE, _BACKSLASH, _CR, _LF, _COLON = b'"\\\r\n:'

_LINE_END: Final = re.compile(rb"[\r\n]")
_DATA: Final = (b"data", b"\xef\xbb\xbfdata")
"""A stream may begin with a byte order mark."""
_LONGEST_FIELD: Final = 8

_FLAT: Final = re.compile(
    rb'(?:^|(?<=\n\n))data: ?\{(?:"(?!model")[^"\\\n]*+": ?(?:"[^"\\\n]*+"|[\w.+-]++), ?)*+"model": ?("[^"\\\n]*+")'
)
"""An event in which `model` follows only plain members, as all the usual servers write it."""
_MODEL_KEY: Final = b'"model"'
_ESCAPED_LETTER: Final = b"\\u006"
"""Every letter of `model` is U+006x: a key spelt with escapes contains this."""


class Presenter(Protocol):
    """Rewrites one answer, piece by piece."""

    def feed(self, data: bytes) -> bytes:
        """What goes out for `data`, now."""


def presenter(name: str, api: Api, *, is_events: bool) -> Presenter:
    """A presenter of `name` for one answer."""
    document = JsonModel(name, _WRAPPERS.get(api, frozenset()))
    return EventModels(document) if is_events else document


def presenter_of(name: str, api: Api, headers: RawHeaders) -> Presenter | None:
    """A presenter of `name` for the answer with these headers, None where it cannot be read."""
    return presenter(name, api, is_events=comes_as_events(headers)) if _is_presentable(headers) else None


def _is_presentable(headers: RawHeaders) -> bool:
    """Whether an answer's bytes can be read: events or JSON, and not compressed (which was not asked for)."""
    kind, encoding = b"", b""
    for name, value in headers:
        if name == b"content-type":
            kind = value
        elif name == b"content-encoding":
            encoding = value
    return encoding in (b"", b"identity") and (b"json" in kind or b"text/event-stream" in kind)


def with_length(headers: RawHeaders, length: int | None) -> RawHeaders:
    """The headers with the length that the answer has now; without one where it is not known yet."""
    kept = [field for field in headers if field[0] != b"content-length"]
    if length is not None and len(kept) < len(headers):
        kept.append((b"content-length", b"%d" % length))
    return kept


class JsonModel:
    """The scanner of one JSON document."""

    def __init__(self, name: str, wrappers: frozenset[str]) -> None:
        self.name = msgspec.json.encode(name)
        self._wrappers = wrappers
        self.reset()

    def reset(self) -> None:
        """A new document begins."""
        self._depth = 0
        self._watched = 0
        """The depth of the object whose keys are looked at; 0: none."""
        self._expects_key = False
        self._key = ""
        self._in_string = self._escaped = self._replacing = False
        self._spelt: bytearray | None = None
        """What has come of a key that is being read; None: the string is no such key."""

    def feed(self, data: bytes) -> bytes:
        """What goes out for `data`."""
        parts: list[bytes] = []
        position = kept = 0
        while position < len(data):
            if self._in_string:
                end = self._through_string(data, position)
                if self._replacing:
                    kept = end
                    self._replacing = self._in_string
                position = end
                continue
            mark = _MARK.search(data, position)
            if mark is None:
                break
            position = mark.end()
            if self._on_mark(data[position - 1]):
                parts += (data[kept : position - 1], self.name)
                kept = position
        if not parts and not kept:
            return data
        return b"".join((*parts, data[kept:] if not self._replacing else b""))

    def _on_mark(self, mark: int) -> bool:
        """Whether a value that must be replaced begins."""
        if mark == _QUOTE:
            return self._on_quote()
        at_watched = self._depth == self._watched
        if mark in b"{[":
            self._depth += 1
            if mark in b"{" and (self._depth == _ROOT or (at_watched and self._opens_wrapper())):
                self._watched, self._expects_key = self._depth, True
        elif mark in b"}]":
            self._depth = max(0, self._depth - 1)
            if self._depth < self._watched:
                self._watched, self._expects_key = self._depth, False
        elif at_watched:
            self._expects_key = mark in b","
        return False

    def _opens_wrapper(self) -> bool:
        return self._watched == _ROOT and not self._expects_key and self._key in self._wrappers

    def _on_quote(self) -> bool:
        self._in_string = True
        if self._watched and self._depth == self._watched:
            if self._expects_key:
                self._spelt = bytearray()
            else:
                self._replacing = self._key == "model"
        return self._replacing

    def _through_string(self, data: bytes, position: int) -> int:
        """The end of the string, its quote included, or the end of `data`."""
        start = position
        if self._escaped:
            position += 1
            self._escaped = False
        rest = _STRING_REST.match(data, position)
        assert rest is not None  # it matches nothing, too
        end = rest.end()
        if self._spelt is not None and len(self._spelt) < _LONGEST_KEY:
            self._spelt += data[start : min(end + 1, start + _LONGEST_KEY)]
        if end == len(data):
            return end
        if data[end] == _QUOTE:
            self._in_string = False
            if self._spelt is not None:
                self._key, self._spelt = _spelt_out(bytes(self._spelt)), None
        else:
            self._escaped = True  # a backslash is the last byte
        return end + 1


class EventModels:
    """A stream of events, each of whose data is a document."""

    def __init__(self, document: JsonModel) -> None:
        self._document = document
        self._replacement = document.name
        self._field = b""
        self._in_value = self._in_data = self._after_cr = self._line_began = False
        self._between_events = True

    def feed(self, data: bytes) -> bytes:
        """What goes out for `data`."""
        if self._between_events and data[-2:] == b"\n\n" and _ESCAPED_LETTER not in data and b"\r" not in data:
            expected = data.count(_MODEL_KEY)
            if not expected:
                return data
            replaced, count = _FLAT.subn(self._flat, data)
            if count == expected:
                return replaced
        parts: list[bytes] = []
        position = 0
        while position < len(data):
            position = self._step(data, position, parts)
        return b"".join(parts)

    def _flat(self, found: re.Match[bytes]) -> bytes:
        whole = found[0]
        return whole[: found.start(1) - found.start()] + self._replacement

    def _step(self, data: bytes, position: int, parts: list[bytes]) -> int:
        """One piece of a line, or its end."""
        byte = data[position]
        if byte in (_CR, _LF):
            if not (byte == _LF and self._after_cr):
                self._on_line_end()
            self._after_cr = byte == _CR
            parts.append(data[position : position + 1])
            return position + 1
        self._after_cr = self._between_events = False
        self._line_began = True
        line_end = _LINE_END.search(data, position)
        end = line_end.start() if line_end is not None else len(data)
        if not self._in_value:
            colon = data.find(_COLON, position, end)
            self._field = (self._field + data[position : end if colon < 0 else colon])[:_LONGEST_FIELD]
            if colon >= 0:
                self._in_value, self._in_data = True, self._field in _DATA
                end = colon + 1
            parts.append(data[position:end])
            return end
        piece = data[position:end]
        parts.append(self._document.feed(piece) if self._in_data else piece)
        return end

    def _on_line_end(self) -> None:
        if not self._line_began:
            self._document.reset()
            self._between_events = True
        self._field, self._in_value, self._in_data, self._line_began = b"", False, False, False


def _spelt_out(rest: bytes) -> str:
    """The key's text; empty where it is none that is looked for. `rest` is what follows its opening quote."""
    if b"\\" not in rest:
        return rest[:-1].decode("latin-1") if len(rest) < _LONGEST_KEY else ""
    try:
        return str(msgspec.json.decode(b'"' + rest, type=str))
    except msgspec.DecodeError:
        return ""
