"""Answers that a server compressed, made readable for whoever must read them, within bounds.

The application always gets the bytes as they came; only captures and mirrors are unpacked.
"""

import zlib
from typing import Final

from gateway.upstream.headers import RawHeaders

_READABLE: Final = (b"gzip", b"x-gzip", b"deflate")
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
    if encoding not in _READABLE:
        return None
    try:
        return zlib.decompressobj(_ANY_HEADER).decompress(begun, max_bytes)
    except zlib.error:
        return None


def plain(headers: RawHeaders, body: bytes, max_bytes: int) -> bytes | None:
    """The body without its content encoding; None where it cannot be unpacked whole within `max_bytes`."""
    encoding = encoding_of(headers)
    if not encoding:
        return body
    if encoding not in _READABLE:
        return None
    unpacker = zlib.decompressobj(_ANY_HEADER)
    try:
        text = unpacker.decompress(body, max_bytes)
    except zlib.error:
        return None
    return text if unpacker.eof else None
