"""Votes and counts waiting to be written, in batches that can be written again without counting twice.

A batch is of one endpoint, rollout and epoch, because its counters are one Redis hash, and it has an id that the store
remembers. Once cut it never changes: a write that failed, or whose answer was lost, is tried again with the same id.
What waits is bounded; beyond the bound votes are dropped, and counted as lost.
"""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from shadow.cells import Vote

MAX_WAITING_VOTES: Final = 100_000
"""Some 300 MB at worst, ten minutes of a busy gateway without Redis."""
MAX_BATCH_VOTES: Final = 1_000
"""One script run adds a batch; this many take it a few milliseconds, during which Redis does nothing else."""
MAX_CUT: Final = 64
"""While this many batches wait to be written, no more are cut: a long outage makes larger ones, not more."""
LOST_MEMORY: Final = "lost.memory"


@dataclass(frozen=True, slots=True)
class Home:
    """Whose counters a batch belongs to."""

    endpoint: str
    rollout: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written together. `writer` is unique among all workers, `number` among its batches."""

    writer: str
    number: int
    home: Home
    votes: tuple[Vote, ...]
    counts: Mapping[str, int]

    @property
    def id(self) -> str:
        """Unique among all batches."""
        return f"{self.writer}:{self.number}"


@dataclass(slots=True)
class _Open:
    votes: list[Vote] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class Pending:
    """Collects votes and counts, hands out batches, and keeps each until it is known to be written."""

    def __init__(self, worker_id: str, max_votes: int = MAX_WAITING_VOTES) -> None:
        self._worker_id = worker_id
        self._max_votes = max_votes
        self._next = 0
        self._open: dict[Home, _Open] = {}
        self._cut: OrderedDict[str, Batch] = OrderedDict()
        self.waiting_votes = 0

    def vote(self, home: Home, vote: Vote) -> bool:
        """Add a vote; False where there is no room, which is counted."""
        if self.waiting_votes >= self._max_votes:
            self.count(home, LOST_MEMORY)
            return False
        self._opened(home).votes.append(vote)
        self.waiting_votes += 1
        return True

    def count(self, home: Home, name: str, by: int = 1) -> None:
        """Add to a request counter of the rollout."""
        self._opened(home).counts[name] += by

    def cut(self) -> tuple[Batch, ...]:
        """All batches that are to be written, the oldest first."""
        if len(self._cut) >= MAX_CUT:
            return tuple(self._cut.values())
        for home, collected in self._open.items():
            first, *more = _chunks(collected.votes)
            self._seal(home, first, collected.counts)
            for votes in more:
                self._seal(home, votes, Counter())
        self._open.clear()
        return tuple(self._cut.values())

    def written(self, batch: Batch) -> None:
        """The batch is in the store: forget it."""
        if self._cut.pop(batch.id, None) is not None:
            self.waiting_votes -= len(batch.votes)

    def failed(self, batch: Batch) -> None:
        """The batch could not be written: it goes to the end, so that one that never can does not bar the others."""
        if batch.id in self._cut:
            self._cut.move_to_end(batch.id)

    @property
    def is_empty(self) -> bool:
        """Whether everything is written."""
        return not self._open and not self._cut

    def _opened(self, home: Home) -> _Open:
        return self._open.setdefault(home, _Open())

    def _seal(self, home: Home, votes: list[Vote], counts: Counter[str]) -> None:
        self._next += 1
        batch = Batch(self._worker_id, self._next, home, tuple(votes), dict(counts))
        self._cut[batch.id] = batch


def _chunks(votes: list[Vote]) -> list[list[Vote]]:
    """Votes in pieces of at most `MAX_BATCH_VOTES`; one empty piece for none, so that counts have a batch."""
    return [votes[i : i + MAX_BATCH_VOTES] for i in range(0, len(votes), MAX_BATCH_VOTES)] or [[]]


class RecentVoters:
    """Which votes were cast lately, to spare work that the store would discard. Forgetting costs only work.

    At most `limit` are kept, in two halves: when the young half is full it becomes the old one, and the old one goes.
    A vote that is asked for again is young again. Of each endpoint only the last two epochs are remembered, since
    exchanges of an earlier one have all come.
    """

    __slots__ = ("_half", "_members", "_young")

    def __init__(self, limit: int = 200_000) -> None:
        self._half = max(1, limit // 2)
        self._young = 0
        self._members: dict[Home, _Members] = {}

    def claim(self, home: Home, member: str) -> bool:
        """True for the first to ask; the vote is then taken until it is released."""
        members = self._members.get(home) or self._opened(home)
        if member in members.young:
            return False
        was_old = member in members.old
        members.young.add(member)
        self._young += 1
        if self._young >= self._half:
            self._grow_old()
        return not was_old

    def release(self, home: Home, member: str) -> None:
        """The vote was not cast after all."""
        members = self._members.get(home)
        if members is None:
            return
        if member in members.young:
            members.young.remove(member)
            self._young -= 1
        members.old.discard(member)

    def __len__(self) -> int:
        return sum(len(members.young) + len(members.old) for members in self._members.values())

    def _opened(self, home: Home) -> "_Members":
        earlier = [known for known in self._members if known.endpoint == home.endpoint]
        for forgotten in earlier[:-1]:
            self._young -= len(self._members.pop(forgotten).young)
        return self._members.setdefault(home, _Members())

    def _grow_old(self) -> None:
        for members in self._members.values():
            members.young, members.old = set(), members.young
        self._young = 0


@dataclass(slots=True, eq=False)
class _Members:
    young: set[str] = field(default_factory=set)
    old: set[str] = field(default_factory=set)
