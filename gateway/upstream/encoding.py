"""Answers that a server compressed, made readable for whoever must read them, within bounds.

The application always gets the bytes as they came, in the coding that it asked for; only captures and mirrors are
unpacked. Read are gzip, deflate, Brotli and Zstandard, one at a time.
"""

import zlib
from typing import Final

from gateway.upstream.headers import RawHeaders

_ZLIB: Final = (b"gzip", b"x-gzip", b"deflate")
_ANY_HEADER: Final = 32 + 15
"""gzip or zlib, told apart by the body's first bytes."""


def encoding_of(headers: RawHeaders) -> bytes:
    """What a body is encoded in, in lower case; empty where it is not."""
    for name, value in headers:
        if name == b"content-encoding":
            encoding = value.strip().lower()
            return b"" if encoding == b"identity" else encoding
    return b""


def opening(headers: RawHeaders, begun: bytes, max_bytes: int) -> bytes | None:
    """What a body begins with, of which `begun` has come: at most `max_bytes`. None where that cannot be read."""
    encoding = encoding_of(headers)
    if not encoding:
        return begun[:max_bytes]
    unpacked = _unpacked(encoding, begun, max_bytes)
    return None if unpacked is None else unpacked[0]


def plain(headers: RawHeaders, body: bytes, max_bytes: int) -> bytes | None:
    """The body without its content encoding; None where it cannot be unpacked whole within `max_bytes`."""
    encoding = encoding_of(headers)
    if not encoding:
        return body
    unpacked = _unpacked(encoding, body, max_bytes)
    return None if unpacked is None or not unpacked[1] else unpacked[0]


def _unpacked(encoding: bytes, packed: bytes, max_bytes: int) -> tuple[bytes, bool] | None:
    """At most `max_bytes`, and whether that is all; None where it is broken or in a coding that is not read here."""
    if encoding in _ZLIB:
        return _zlib_text(packed, max_bytes)
    if encoding == b"br":
        from gateway.upstream.unpacking import brotli_text  # noqa: PLC0415  # few answers need it

        return brotli_text(packed, max_bytes)
    if encoding == b"zstd":
        from gateway.upstream.unpacking import zstandard_text  # noqa: PLC0415  # as above

        return zstandard_text(packed, max_bytes)
    return None


def _zlib_text(packed: bytes, max_bytes: int) -> tuple[bytes, bool] | None:
    unpacker = zlib.decompressobj(_ANY_HEADER)
    try:
        text = unpacker.decompress(packed, max_bytes)
    except zlib.error:
        return None
    return text, unpacker.eof
