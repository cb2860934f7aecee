"""Brotli and Zstandard, read within bounds.

A module of its own for two reasons: data workers load these two libraries when the first such answer comes, and which
library reads Zstandard depends on the Python that runs, which a compiled module is not asked.
"""

import sys
from typing import Final

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_WINDOW: Final[dict[int, int]] = {zstd.DecompressionParameter.window_log_max: 23}
"""8 MB: RFC 9659 lets no content coding use more."""
MOST_FRAMES: Final = 256
"""Of one body; servers write one. Each costs 30 µs, and the shortest has 9 bytes."""


def brotli_text(packed: bytes, max_bytes: int) -> tuple[bytes, bool] | None:
    """What it begins with, at most `max_bytes`, and whether that is all of it; None where it is broken.

    The library stops after the block in which its limit is reached: it may unpack twice as much as it is asked for.
    """
    unpacker = brotli.Decompressor()
    try:
        text: bytes = unpacker.process(packed, output_buffer_limit=max_bytes)
    except brotli.error:
        return None
    return text[:max_bytes], len(text) <= max_bytes and unpacker.is_finished()


def zstandard_text(packed: bytes, max_bytes: int) -> tuple[bytes, bool] | None:
    """The same of frames that follow each other."""
    text, rest = b"", packed
    for _ in range(MOST_FRAMES):
        unpacker = zstd.ZstdDecompressor(options=_WINDOW)
        try:
            text += unpacker.decompress(rest, max_bytes - len(text))
        except zstd.ZstdError:
            return None
        if not unpacker.eof:
            break
        rest = unpacker.unused_data
        if not rest:
            return text, True
    return text, False
