"""Where kept pairs wait, in Redis: each a key of its own that expires, and a sorted set of those that there are.

Of more pairs than may be kept those with the greatest draw go, so what is left is a uniform sample. Labels are counters
of the rollout, so a label that is changed takes its first count back; they hold no text and stay when the pair expires.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from redis.asyncio import Redis

from routing.link import Argument, Link, script
from routing.names import EndpointKeys
from shadow.errors import UnknownPair
from shadow.review import KeptPair, Label, Review, judged_prefix, label_prefix

TIMEOUT_SECONDS: Final = 1.0
LABELS_KEPT_SECONDS: Final = 30 * 86_400
"""As long as evidence that nobody adds to."""

_KEEP: Final = script("""#!lua
local order, pair = KEYS[1], KEYS[2]
local id, score, most, keep_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local gone = {}
if not redis.call('SET', pair, ARGV[5], 'NX', 'PX', keep_ms) then return gone end
redis.call('ZADD', order, score, id)
redis.call('PEXPIRE', order, keep_ms)
while redis.call('ZCARD', order) > most do gone[#gone + 1] = redis.call('ZPOPMAX', order)[1] end
return gone
""")

_LABEL: Final = script("""#!lua
local labels, counts = KEYS[1], KEYS[2]
local id, prefix, label, said, judged = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[6]
local before = redis.call('HGET', labels, id)
local by_judge = before and string.match(before, '^judge (%S+)')
if by_judge then redis.call('HINCRBY', counts, judged .. by_judge, -1) before = false
elseif before then redis.call('HINCRBY', counts, prefix .. string.match(before, '^%S+'), -1) end
redis.call('HSET', labels, id, said)
redis.call('HINCRBY', counts, prefix .. label, 1)
redis.call('EXPIRE', labels, ARGV[5])
return before
""")

_JUDGE: Final = script("""#!lua
local labels, counts = KEYS[1], KEYS[2]
local id, prefix, label, said = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
for i = 6, #ARGV, 2 do redis.call('HINCRBY', counts, ARGV[i], ARGV[i + 1]) end
if label == '' or redis.call('HSETNX', labels, id, said) == 0 then return 0 end
redis.call('HINCRBY', counts, prefix .. label, 1)
redis.call('EXPIRE', labels, ARGV[5])
return 1
""")
_BY_JUDGE: Final = b"judge "
"""What begins the note of a label that the judge model gave; a person's begins with the label."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """The ids of pairs with a label: a person's, or the judge model's where no person has said anything yet."""

    by_people: frozenset[str]
    by_judge: frozenset[str]


_pairs = msgspec.json.Decoder(KeptPair)


class ReviewStore:
    """Kept pairs and their labels. Every method raises `StoreUnavailable`."""

    def __init__(self, link: Link, prefix: str) -> None:
        self._link = link
        self._prefix = prefix

    async def keep(self, endpoint: str, pair: KeptPair, review: Review) -> None:
        """Let the pair wait."""
        keys = EndpointKeys(self._prefix, endpoint)
        names = [keys.review(pair.epoch), keys.review_pair(pair.id)]
        values: list[Argument] = [pair.id, repr(pair.order), review.most, int(review.keep_seconds * 1_000)]

        async def put(redis: "Redis") -> None:
            gone = await _KEEP.on(redis, names, [*values, msgspec.json.encode(pair)])
            if gone:
                await redis.delete(*(keys.review_pair(_text(each)) for each in gone))

        await self._link.run(names[0], TIMEOUT_SECONDS, put)

    async def kept(self, endpoint: str, epoch: int) -> Sequence[KeptPair]:
        """All pairs of an epoch that have not expired, in the order of their draw."""
        keys = EndpointKeys(self._prefix, endpoint)
        order = keys.review(epoch)

        async def look(redis: "Redis") -> Sequence[KeptPair]:
            ids = [_text(each) for each in await redis.zrange(order, 0, -1) if isinstance(each, bytes | str)]
            found = await redis.mget([keys.review_pair(each) for each in ids]) if ids else []
            expired = [each for each, document in zip(ids, found, strict=True) if document is None]
            if expired:
                await redis.zrem(order, *expired)
            return [_pairs.decode(document) for document in found if document is not None]

        return await self._link.run(order, TIMEOUT_SECONDS, look)

    async def labelled(self, endpoint: str, epoch: int) -> "Labelled":
        """Which pairs have a label, and whose."""
        name = EndpointKeys(self._prefix, endpoint).labels(epoch)
        found = await self._link.run(name, TIMEOUT_SECONDS, lambda redis: redis.hgetall(name))
        judged = frozenset(_text(each) for each, said in found.items() if _bytes(said).startswith(_BY_JUDGE))
        return Labelled(frozenset(_text(each) for each in found) - judged, judged)

    async def find(self, endpoint: str, pair_id: str) -> KeptPair:
        """One pair; raises `UnknownPair` too."""
        name = EndpointKeys(self._prefix, endpoint).review_pair(pair_id)
        document = await self._link.run(name, TIMEOUT_SECONDS, lambda redis: redis.get(name))
        if document is None:
            raise UnknownPair(f"no pair {pair_id!r} waits on {endpoint}: it has expired, or made room for another")
        return _pairs.decode(document)

    async def label(self, endpoint: str, pair: KeptPair, label: Label, by: str) -> Label | None:
        """Count what a person says of the pair, once; what was said before is taken back, and returned.

        A label of the judge model is taken back too, and not returned: nobody has said it.
        """
        keys = EndpointKeys(self._prefix, endpoint)
        names = [keys.labels(pair.epoch), keys.counts(pair.rollout)]
        prefix = label_prefix(pair.epoch, pair.difference)
        values: list[Argument] = [pair.id, prefix, label.value, f"{label.value} {by}", LABELS_KEPT_SECONDS]
        values.append(judged_prefix(pair.epoch, pair.difference))
        before = await self._link.run(names[0], TIMEOUT_SECONDS, lambda redis: _LABEL.on(redis, names, values))
        return None if before is None else Label(_text(before).split()[0])

    async def judge(
        self, endpoint: str, pair: KeptPair, label: Label | None, model: str, counts: Mapping[str, int]
    ) -> bool:
        """Count what the judge model says of the pair, where no label stands; and what asking it took, in any case.

        Returns whether the label stands.
        """
        keys = EndpointKeys(self._prefix, endpoint)
        names = [keys.labels(pair.epoch), keys.counts(pair.rollout)]
        said = "" if label is None else label.value
        values: list[Argument] = [pair.id, judged_prefix(pair.epoch, pair.difference), said]
        values += [_BY_JUDGE + f"{said} {model}".encode(), LABELS_KEPT_SECONDS]
        values += [part for name, count in counts.items() for part in (name, count)]
        return bool(await self._link.run(names[0], TIMEOUT_SECONDS, lambda redis: _JUDGE.on(redis, names, values)))


def _bytes(value: bytes | str) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
