"""A body that is sent piece by piece, as it comes.

Not among the modules that are compiled: mypyc knows no asynchronous generators, and waiting in a `finally` is not safe.
"""

import asyncio
from collections.abc import AsyncIterator

from gateway.upstream.exchange import Exchange


async def framed(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces in HTTP/1.1's own framing: chunks, and the last one."""
    async for piece in pieces:
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


async def until_answered(exchange: Exchange, pieces: AsyncIterator[bytes]) -> None:
    """Write the pieces until the answer's head is there; raises what either of the two raises.

    An answer that comes before the body is complete ends the sending, also while there is no more to send for now.
    """

    async def send() -> None:
        async for piece in pieces:
            await exchange.write(piece)
            if exchange.has_head:
                return  # whether all of the body went out is not known: the connection is not used again
        exchange.written()

    sending, heard = asyncio.ensure_future(send()), asyncio.ensure_future(exchange.head())
    try:
        await asyncio.wait((sending, heard), return_when=asyncio.FIRST_COMPLETED)
        if not heard.done():
            sending.result()
            await heard
        heard.result()
    finally:
        for task in (sending, heard):
            task.cancel()
        await asyncio.gather(sending, heard, return_exceptions=True)
