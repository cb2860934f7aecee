"""Compressed answers are read within bounds, in each coding, whole or as far as they have come."""

import gzip
import os
import tracemalloc

import pytest

from gateway.upstream.encoding import opening, plain
from gateway.upstream.unpacking import MOST_FRAMES
from tests.gateway.packing import PACKS, flushed

CODINGS = pytest.mark.parametrize("coding", PACKS)
TEXT = b"x" * 1_000_000


def headers(coding: str) -> list[tuple[bytes, bytes]]:
    """Of an answer in it."""
    return [(b"content-encoding", coding.encode())]


@CODINGS
def test_a_compressed_bomb_is_not_unpacked(coding: str) -> None:
    """Unpacking is bounded; what does not fit, or is cut, or is not in its coding, is not readable."""
    packed = PACKS[coding](TEXT)
    assert plain(headers(coding), packed, len(TEXT) * 2) == plain(headers(coding), packed, len(TEXT)) == TEXT
    assert plain(headers(coding), packed, 1_000) is plain(headers(coding), packed, len(TEXT) - 1) is None
    assert plain(headers(coding), packed[:-1], len(TEXT) * 2) is None
    assert plain(headers(coding), b"", 1_000) is None
    assert plain(headers(coding), b"\xffnot packed", 1_000) is None
    assert opening(headers(coding), b"\xffnot packed", 1_000) is None


@CODINGS
def test_a_bomb_takes_no_more_memory_than_a_few_times_its_bound(coding: str) -> None:
    """However much it would be."""
    packed = PACKS[coding](TEXT * 10)
    tracemalloc.start()
    try:
        assert plain(headers(coding), packed, 100_000) is None
        assert tracemalloc.get_traced_memory()[1] < 10 * 100_000
    finally:
        tracemalloc.stop()


@CODINGS
def test_a_body_is_read_as_far_as_it_has_come(coding: str) -> None:
    """Wherever it is cut, what is read is what it begins with; after a flush all that was said."""
    one, two, end = flushed(coding, b"data: one\n\n", b"data: two\n\n")
    assert opening(headers(coding), one, 1_000) == b"data: one\n\n"
    assert opening(headers(coding), one + two, 1_000) == b"data: one\n\ndata: two\n\n"
    assert opening(headers(coding), one + two + end, 12) == b"data: one\n\nd"
    for cut in range(len(one + two)):
        read = opening(headers(coding), (one + two)[:cut], 1_000)
        assert read is not None
        assert b"data: one\n\ndata: two\n\n".startswith(read)
    assert plain(headers(coding), one + two + end, 1_000) == b"data: one\n\ndata: two\n\n"


@CODINGS
def test_what_hardly_compresses_is_read_to_its_end(coding: str) -> None:
    """An image in base64, say: longer than any buffer of the libraries."""
    noise = os.urandom(700_000)
    assert plain(headers(coding), PACKS[coding](noise), 1_000_000) == noise
    assert opening(headers(coding), PACKS[coding](noise), 300_000) == noise[:300_000]


def test_the_frames_of_zstandard_are_one_body() -> None:
    """RFC 8878 lets a server write one after another; those that say nothing are not read without end."""
    one, two, nothing = (PACKS["zstd"](text) for text in (b"one", b"two", b""))
    assert plain(headers("zstd"), one + two, 1_000) == b"onetwo"
    assert plain(headers("zstd"), one + two[:-1], 1_000) is None
    assert plain(headers("zstd"), one + two, 5) is None
    assert opening(headers("zstd"), one + two[:-1], 1_000) is not None
    assert plain(headers("zstd"), one + nothing * (MOST_FRAMES - 1), 1_000) == b"one"
    assert plain(headers("zstd"), one + nothing * MOST_FRAMES, 1_000) is None


def test_only_codings_that_are_known_are_read() -> None:
    """And one of them at a time; identity is none."""
    twice = gzip.compress(gzip.compress(b"x"))
    assert plain(headers("gzip, gzip"), twice, 1_000) is opening(headers("gzip, gzip"), twice, 1_000) is None
    assert plain(headers("compress"), b"x", 1_000) is None
    assert plain(headers("identity"), b"x", 1_000) == plain([], b"x", 1_000) == b"x"
    assert plain(headers(" GZIP "), gzip.compress(b"x"), 1_000) == b"x"
