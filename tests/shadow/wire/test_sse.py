"""Server-sent events, however their bytes are cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shadow.wire.sse import MAX_EVENT_BYTES, Event, EventReader, events_of

STREAM = (
    '\ufeff: a comment\r\nevent: delta\r\ndata: {"a": "é"}\r\n\r\ndata: one\ndata: two\n\n'
    "id: 7\nretry: 3\n\ndata: x\r\rdata:y"
).encode()
EVENTS = [Event("delta", '{"a": "é"}'), Event("", "one\ntwo"), Event("", "x"), Event("", "y")]


def read_in(pieces: list[bytes]) -> list[Event]:
    """The events of a stream that comes in these pieces."""
    reader = EventReader()
    events = [event for piece in pieces for event in reader.feed(piece)]
    return events + reader.close()


def cut(body: bytes, places: list[int]) -> list[bytes]:
    """The body in pieces, cut at these places."""
    edges = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


def test_events_are_read_as_browsers_read_them() -> None:
    """Comments, ids, all three line ends, several data lines, a byte order mark, and a last event left open."""
    assert events_of(STREAM) == (EVENTS, True)


@given(places=st.lists(st.integers(0, 10_000), max_size=20))
def test_cutting_a_stream_anywhere_changes_nothing(places: list[int]) -> None:
    """Chunks may end within a line end or a character."""
    assert read_in(cut(STREAM, places)) == EVENTS


def test_a_stream_may_come_byte_by_byte() -> None:
    """The finest cut there is."""
    assert read_in([bytes([byte]) for byte in STREAM]) == EVENTS


@given(body=st.binary(max_size=300), places=st.lists(st.integers(0, 300), max_size=10))
def test_any_bytes_give_the_same_events_however_they_are_cut(body: bytes, places: list[int]) -> None:
    """What is no event stream is still read without an error."""
    assert read_in(cut(body, places)) == read_in([body])


def test_an_event_without_end_is_given_up_at_the_bound() -> None:
    """However it comes, and what was whole before it stays."""
    endless = b"data: first\n\ndata: " + b"x" * MAX_EVENT_BYTES
    for pieces in ([endless], cut(endless, [9, 100, MAX_EVENT_BYTES])):
        reader = EventReader()
        assert [event for piece in pieces for event in reader.feed(piece)] == [Event("", "first")]
        assert reader.overflowed
        assert reader.feed(b"\n\ndata: more\n\n") == []
        assert reader.close() == []


def test_many_lines_cannot_add_up_to_more_than_the_bound() -> None:
    """One event of many data lines is bounded like one of a single line."""
    line = b"data: " + b"x" * 1_000_000 + b"\n"
    events, bounded = events_of(line * 5 + b"\n")
    assert not events
    assert not bounded
