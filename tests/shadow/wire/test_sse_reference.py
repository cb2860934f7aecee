"""The reader of event streams against a slow one that follows the standard's text step by step."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from shadow.wire.sse import Event, EventReader

PIECES = [
    b"data",
    b"event",
    b"id",
    b":",
    b": ",
    b" ",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"a",
    b"\xc3\xa9",
    b"\xff",
    b"\0",
]
PIECES += [b"\xef\xbb\xbf", b"data: x\n", b"event: e\n", b"data\n", b"datax: y\n", b"\x0b", b"\x85", b"\xe2\x80\xa8"]
streams = st.one_of(st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join), st.binary(max_size=120))


def reference(body: bytes) -> list[Event]:
    """WHATWG HTML, 9.2.6, one byte at a time; and the event that the stream ends in, as the reader hands it out."""
    lines, line, position = [], b"", 3 if body.startswith(b"\xef\xbb\xbf") else 0
    while position < len(body):
        byte = body[position : position + 1]
        if byte in (b"\r", b"\n"):
            lines.append(line)
            line = b""
            position += 1 if body[position : position + 2] == b"\r\n" else 0
        else:
            line += byte
        position += 1
    events, name, data = [], "", None
    for each in [*lines, line, b""]:
        if each == b"":
            if data is not None:
                events.append(Event(name, data))
            name, data = "", None
        elif not each.startswith(b":"):
            at = each.find(b":")
            field, value = (each, b"") if at < 0 else (each[:at], each[at + 1 :])
            text = (value[1:] if value.startswith(b" ") else value).decode("utf-8", "replace")
            if field == b"event":
                name = text
            elif field == b"data":
                data = text if data is None else f"{data}\n{text}"
    return events


@settings(max_examples=400, deadline=None)
@given(body=streams, cuts=st.lists(st.integers(0, 200), max_size=12))
def test_the_reader_agrees_with_the_standard_however_the_stream_is_cut(body: bytes, cuts: list[int]) -> None:
    """Any bytes, any cuts: the same events as read slowly in one piece."""
    edges = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    reader, events = EventReader(), []
    for start, end in pairwise(edges):
        events += reader.feed(body[start:end])
    assert events + reader.close() == reference(body)
