"""Writes batches of votes and counts to Redis, each vote once and each batch once.

One script adds a whole batch or nothing. It skips a batch whose mark it finds, so that a write whose answer was lost
can be repeated; it skips the votes of members that voted before in the epoch; and it excludes new members once the set
of voters is full, which is counted. Excluding is right where forgetting is not: a key that voted twice would make its
own requests look like independent ones.

The in-memory twin is for tests of what stands on the store; both pass the same tests.
"""

from collections import Counter, defaultdict
from typing import Final, Protocol

import msgspec
from redis.asyncio import Redis

from routing.errors import StoreUnavailable
from routing.keys import EndpointKeys
from routing.store import bounded
from shadow.batching import Batch
from shadow.errors import FlushFailed

WRITE_SECONDS: Final = 1.0
"""A batch takes milliseconds; a server that needs longer is in trouble, and the batch is tried again."""
MAX_VOTERS: Final = 2_000_000
"""Members of one epoch's set: about 200 MB in Redis."""
MARK_MS: Final = 86_400_000
"""How long a written batch is remembered: a day, which is longer than a worker keeps one for another try."""
KEEP_SECONDS: Final = 30 * 86_400
"""Evidence that nobody has added to for a month goes."""
LOST_VOTES_FULL: Final = "lost.votes_full"

_ADD_BATCH: Final = """#!lua
if not redis.call('SET', KEYS[4], '1', 'NX', 'PX', ARGV[1]) then return 0 end
local votes, counts = unpack(cmsgpack.unpack(ARGV[4]))
local voters, most, excluded, sums = redis.call('SCARD', KEYS[2]), tonumber(ARGV[2]), 0, {}
for _, vote in ipairs(votes) do
  if voters >= most then
    excluded = excluded + 1 - redis.call('SISMEMBER', KEYS[2], vote[1])
  elseif redis.call('SADD', KEYS[2], vote[1]) == 1 then
    voters = voters + 1
    for _, cell in ipairs(vote[2]) do sums[cell] = (sums[cell] or 0) + 1 end
  end
end
for cell, count in pairs(sums) do redis.call('HINCRBY', KEYS[1], cell, count) end
for name, count in pairs(counts) do redis.call('HINCRBY', KEYS[3], name, count) end
if excluded > 0 then redis.call('HINCRBY', KEYS[3], 'lost.votes_full', excluded) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
"""


class CellStore(Protocol):
    """Where evidence is kept."""

    async def flush(self, batch: Batch) -> bool:
        """Add the batch, once; False where it was there already. Raises `FlushFailed`."""


class RedisCellStore:
    """Evidence in Redis."""

    def __init__(self, redis: "Redis", prefix: str, *, max_voters: int = MAX_VOTERS) -> None:
        self._prefix = prefix
        self._max_voters = max_voters
        self._add_batch = redis.register_script(_ADD_BATCH)

    async def flush(self, batch: Batch) -> bool:
        """Add the batch, once; False where it was there already. Raises `FlushFailed`."""
        keys = EndpointKeys(self._prefix, batch.home.endpoint)
        epoch = batch.home.epoch
        names = [keys.cells(epoch), keys.votes(epoch), keys.counts(batch.home.rollout), keys.batch(batch.id)]
        votes = [(vote.member, vote.cells) for vote in batch.votes]
        payload = msgspec.msgpack.encode((votes, dict(batch.counts)))
        values: list[int | bytes] = [MARK_MS, self._max_voters, KEEP_SECONDS, payload]
        try:
            return bool(await bounded(WRITE_SECONDS, lambda: self._add_batch(keys=names, args=values)))
        except StoreUnavailable as error:
            raise FlushFailed(str(error)) from error


class MemoryCellStore:
    """Evidence in memory. `available` False makes every write fail, as a lost Redis does."""

    def __init__(self, *, max_voters: int = MAX_VOTERS) -> None:
        self.available = True
        self.cells: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)
        self.counts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self._voters: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
        self._marks: set[str] = set()
        self._max_voters = max_voters

    def clear(self) -> None:
        """Forget everything, as a flushed server does."""
        for part in (self.cells, self.counts, self._voters, self._marks):
            part.clear()

    async def flush(self, batch: Batch) -> bool:
        """Add the batch, once; False where it was there already. Raises `FlushFailed`."""
        if not self.available:
            raise FlushFailed("the store is away")
        if batch.id in self._marks:
            return False
        self._marks.add(batch.id)
        home = (batch.home.endpoint, batch.home.epoch)
        voters, counts = self._voters[home], self.counts[batch.home.endpoint, batch.home.rollout]
        for vote in batch.votes:
            if vote.member in voters:
                continue
            if len(voters) >= self._max_voters:
                counts[LOST_VOTES_FULL] += 1
                continue
            voters.add(vote.member)
            self.cells[home].update(vote.cells)
        counts.update(batch.counts)
        return True
