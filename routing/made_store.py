"""Which model made which response, in Redis: for a conversation that goes on at another gateway, or after a restart.

Kept are the endpoint's last answers, 50,000 to 100,000 of them, in two hashes that are written in turn: when one is
full the other is emptied. So it is bounded without a clock, and nobody has to tidy up. An answer is 64 bits of a hash
of its id, since to know an id is a right.

Not here: what a data worker remembers itself, and when it asks (`gateway.data.elsewhere`).
"""

from collections.abc import Sequence
from typing import Any, Final

from routing.link import Argument, Link, script
from routing.names import EndpointKeys

MOST_IN_ONE: Final = 50_000
"""Of each hash: about 4 MB."""
KEPT_SECONDS: Final = 7 * 86_400
"""A conversation that nobody has gone on with for a week."""

_NOTE: Final = script("""#!lua
local most, count = tonumber(ARGV[1]), (#ARGV - 2) / 2
local noted = redis.call('HINCRBY', KEYS[1], 'noted', count)
local now, before = math.floor(noted / most), math.floor((noted - count) / most)
local one = KEYS[2 + now % 2]
if now ~= before then redis.call('DEL', one) end
redis.call('HSET', one, unpack(ARGV, 3))
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', one, ARGV[2])
return 1
""")

_FIND: Final = script("""#!lua flags=no-writes
return redis.call('HGET', KEYS[1], ARGV[1]) or redis.call('HGET', KEYS[2], ARGV[1])
""")


class MadeStore:
    """The answers of all endpoints. Every call raises `StoreUnavailable`."""

    def __init__(self, link: Link, prefix: str, *, most: int = MOST_IN_ONE) -> None:
        self._link = link
        self._prefix = prefix
        self._most = most

    async def note(self, endpoint: str, made: Sequence[tuple[int, str]], seconds: float) -> None:
        """Remember who made these: (64 bits of the id's hash, model), a thousand at most."""
        keys = EndpointKeys(self._prefix, endpoint)
        names = [keys.made, *keys.made_halves]
        arguments: list[Argument] = [self._most, KEPT_SECONDS]
        for response, model in made:
            arguments += [_field(response), model]
        await self._link.run(names[0], seconds, lambda redis: _NOTE.on(redis, names, arguments))

    async def find(self, endpoint: str, response: int, seconds: float) -> str | None:
        """The model that made it; None where that is not known."""
        names = list(EndpointKeys(self._prefix, endpoint).made_halves)
        found: Any = await self._link.run(names[0], seconds, lambda redis: _FIND.on(redis, names, [_field(response)]))
        return None if found is None else bytes(found).decode(errors="replace")


def _field(response: int) -> bytes:
    return response.to_bytes(8, "big")
