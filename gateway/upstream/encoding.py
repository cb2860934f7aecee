"""Answers that a server compressed, made readable for whoever must read them, within bounds.

The application always gets the bytes as they came; only captures and mirrors are unpacked. What is not read here, as
Brotli and Zstandard, is not asked for where the answer must be read: of the codings that the client takes, it gets
another one.
"""

import zlib
from functools import lru_cache
from typing import Final

from gateway.upstream.headers import RawHeaders

_READABLE: Final = (b"gzip", b"x-gzip", b"deflate")
_KEPT: Final = (*_READABLE, b"identity", b"")
_NEVER: Final = (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
_ANY_HEADER: Final = 32 + 15
"""gzip or zlib, told apart by the body's first bytes."""


def encoding_of(headers: RawHeaders) -> bytes:
    """What a body is encoded in, in lower case; empty where it is not."""
    for name, value in headers:
        if name == b"content-encoding":
            encoding = value.strip().lower()
            return b"" if encoding == b"identity" else encoding
    return b""


@lru_cache(maxsize=256)
def readable(accepted: bytes) -> bytes:
    """Of an `Accept-Encoding`, what can be read here; as it is where the client will not do without the rest."""
    kept = []
    listed = accepted.split(b",")
    for each in listed:
        coding, _, weight = each.partition(b";")
        coding = coding.strip().lower()
        if coding in (b"identity", b"*") and weight.strip().lower() in _NEVER:
            return accepted
        if coding in _KEPT:
            kept.append(each.strip())
    if len(kept) == len(listed):
        return accepted
    return b", ".join(kept) or b"identity"


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
