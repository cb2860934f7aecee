"""Answers that a server compressed, made readable for whoever must read them, within bounds.

The application always gets the bytes as they came; only captures and mirrors are unpacked.
"""

import zlib

from gateway.upstream.headers import RawHeaders


def plain(headers: RawHeaders, body: bytes, max_bytes: int) -> bytes | None:
    """The body without its content encoding; None where it cannot be unpacked whole within `max_bytes`."""
    for name, value in headers:
        if name == b"content-encoding" and value.lower() != b"identity":
            return _unpacked(value.lower(), body, max_bytes)
    return body


def _unpacked(encoding: bytes, body: bytes, max_bytes: int) -> bytes | None:
    if encoding not in (b"gzip", b"x-gzip", b"deflate"):
        return None
    unpacker = zlib.decompressobj(wbits=47)  # 32 + 15: gzip or zlib, told apart by the header
    try:
        text = unpacker.decompress(body, max_bytes)
    except zlib.error:
        return None
    return text if unpacker.eof else None
