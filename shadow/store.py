"""Writes batches of votes and counts to Redis, each vote once and each batch once.

One script adds a whole batch or nothing. It skips a batch that it finds among its writer's last ones, so that a write
whose answer was lost can be repeated; it skips the votes of members that voted before in the epoch; and it excludes new
members once the set of voters is full, which is counted. Excluding is right where forgetting is not: a key that voted
twice would make its own requests look like independent ones.

What a batch adds is summed up before it is sent, as if all its members were new, which they nearly always are: the
script asks for all of them at once, takes off what the others would have added, and adds each counter once. The cells
of each vote travel along as bytes, cut by `ends`, that it unpacks only for that.

The in-memory twin is for tests of what stands on the store; both pass the same tests.
"""

from collections import Counter, defaultdict
from typing import Final, Protocol

import msgspec

from routing.errors import StoreUnavailable
from routing.link import Link, script
from routing.names import EndpointKeys
from shadow.batching import Batch
from shadow.errors import FlushFailed

WRITE_SECONDS: Final = 1.0
"""A batch takes milliseconds; a server that needs longer is in trouble, and the batch is tried again."""
MAX_VOTERS: Final = 2_000_000
"""Members of one epoch's set: about 200 MB in Redis."""
MOST_MARKS: Final = 1_024
"""Batches of one writer that are remembered as written. One that is tried again is among the last few: while it waits,
at most `MAX_CUT` others are cut, and no more is written in an outage."""
MARK_SECONDS: Final = 86_400
"""A writer that wrote nothing for a day has ended: each start of a worker is a new one."""
KEEP_SECONDS: Final = 30 * 86_400
"""How long counters stay that no controller attends to: while a rollout runs it renews this, and at its end it sets how
long each of them is still wanted (`rollback.store`)."""
LOST_VOTES_FULL: Final = "lost.votes_full"

_ADD_BATCH: Final = script("""#!lua
if redis.call('ZADD', KEYS[4], 'NX', ARGV[6], ARGV[6]) == 0 then return 0 end
local old = redis.call('ZRANGE', KEYS[4], 0, -1 - ARGV[7])
if #old > 0 then redis.call('ZREM', KEYS[4], unpack(old)) end
redis.call('EXPIRE', KEYS[4], ARGV[1])
local members, ends, cells, sums, counts = unpack(cmsgpack.unpack(ARGV[4]))
local room, excluded, new = tonumber(ARGV[2]) - redis.call('SCARD', KEYS[2]), 0, {}
local voted = #members > 0 and redis.call('SMISMEMBER', KEYS[2], unpack(members)) or {}
for i, member in ipairs(members) do
  if voted[i] == 0 and room > 0 then
    room = room - 1
    new[#new + 1] = member
  else
    excluded = excluded + 1 - voted[i]
    local its = cmsgpack.unpack(string.sub(ARGV[5], (ends[i - 1] or 0) + 1, ends[i]))
    for _, at in ipairs(its) do sums[at + 1] = sums[at + 1] - 1 end
  end
end
if #new > 0 then redis.call('SADD', KEYS[2], unpack(new)) end
for at, cell in ipairs(cells) do
  if sums[at] > 0 then redis.call('HINCRBY', KEYS[1], cell, sums[at]) end
end
for name, count in pairs(counts) do redis.call('HINCRBY', KEYS[3], name, count) end
if excluded > 0 then redis.call('HINCRBY', KEYS[3], 'lost.votes_full', excluded) end
for at = 1, 3 do redis.call('EXPIRE', KEYS[at], ARGV[3], 'NX') end
return 1
""")


class CellStore(Protocol):
    """Where evidence is kept."""

    async def flush(self, batch: Batch) -> bool:
        """Add the batch, once; False where it was there already. Raises `FlushFailed`."""


class RedisCellStore:
    """Evidence in Redis."""

    def __init__(self, link: Link, prefix: str, *, max_voters: int = MAX_VOTERS) -> None:
        self._link = link
        self._prefix = prefix
        self._max_voters = max_voters

    async def flush(self, batch: Batch) -> bool:
        """Add the batch, once; False where it was there already. Raises `FlushFailed`."""
        keys = EndpointKeys(self._prefix, batch.home.endpoint)
        epoch = batch.home.epoch
        names = [keys.cells(epoch), keys.votes(epoch), keys.counts(batch.home.rollout), keys.marks(batch.writer)]
        payload = _payload(batch)
        values: list[int | bytes] = [MARK_SECONDS, self._max_voters, KEEP_SECONDS, *payload, batch.number, MOST_MARKS]
        try:
            return bool(
                await self._link.run(names[0], WRITE_SECONDS, lambda redis: _ADD_BATCH.on(redis, names, values))
            )
        except StoreUnavailable as error:
            raise FlushFailed(str(error)) from error


def _payload(batch: Batch) -> tuple[bytes, bytes]:
    """What the script adds: members, cells and their sums as if every member were new; and each member's own cells."""
    votes: dict[str, tuple[str, ...]] = {}
    for vote in batch.votes:
        votes.setdefault(vote.member, vote.cells)
    numbers: dict[str, int] = {}
    sums: list[int] = []
    own, ends = bytearray(), []
    for cells in votes.values():
        mine = [numbers.setdefault(cell, len(numbers)) for cell in cells]
        sums += [0] * (len(numbers) - len(sums))
        for number in mine:
            sums[number] += 1
        own += msgspec.msgpack.encode(mine)
        ends.append(len(own))
    return msgspec.msgpack.encode((list(votes), ends, list(numbers), sums, dict(batch.counts))), bytes(own)


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
