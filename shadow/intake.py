"""Frames off a hand-over connection: four bytes of length, big-endian, and a payload.

A connection that sends a frame longer than allowed, or one that is no exchange, is dropped: what follows on it cannot
be trusted. There is no queue here. While the worker is busy it does not read, the sockets fill, and the data workers
drop and count, which is where load is to be shed first.
"""

from collections.abc import AsyncIterator
from typing import Final

import anyio
from anyio.abc import ByteReceiveStream

from shadow.errors import MalformedFrame
from shadow.exchange import MAX_FRAME_BYTES, Exchange, decode

_LENGTH_BYTES: Final = 4
_READ_BYTES: Final = 256 * 1024


async def exchanges(stream: ByteReceiveStream) -> AsyncIterator[Exchange]:
    """The exchanges that come over `stream`, until it ends; a frame that ends with it is left out.

    Raises `MalformedFrame`.
    """
    buffer = bytearray()
    while True:
        try:
            buffer += await stream.receive(_READ_BYTES)
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return
        start = 0
        while len(buffer) - start >= _LENGTH_BYTES:
            size = int.from_bytes(buffer[start : start + _LENGTH_BYTES], "big")
            if size > MAX_FRAME_BYTES:
                raise MalformedFrame(f"a frame of {size} bytes is over the limit of {MAX_FRAME_BYTES}")
            end = start + _LENGTH_BYTES + size
            if len(buffer) < end:
                break
            yield decode(bytes(buffer[start + _LENGTH_BYTES : end]))
            start = end
        del buffer[:start]
