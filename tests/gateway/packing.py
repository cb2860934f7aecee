"""Bodies as model servers compress them, in each coding that is read."""

import gzip
import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Final

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACKS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}
"""Whole bodies, by coding."""


def flushed(coding: str, *texts: bytes) -> list[bytes]:
    """One compressed body, in pieces that can be read as they come; the last one ends it."""
    if coding == "br":
        brotli_packer = brotli.Compressor()
        pieces = [brotli_packer.process(text) + brotli_packer.flush() for text in texts]
        return [*pieces, brotli_packer.finish()]
    if coding == "zstd":
        packer = zstd.ZstdCompressor()
        return [*(packer.compress(text, packer.FLUSH_BLOCK) for text in texts), packer.flush()]
    zlib_packer = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
    pieces = [zlib_packer.compress(text) + zlib_packer.flush(zlib.Z_SYNC_FLUSH) for text in texts]
    return [*pieces, zlib_packer.flush()]
