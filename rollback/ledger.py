"""The counters of an epoch, sorted by what they count. Unknown fields are left alone: another version wrote them.

Not here: what they mean for a test (`rollback.tallies`).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from routing.arms import Arm
from shadow.cells import EVERY, Cell, MissingCell, PairedCell, SplitCell, VotesCell, parse

NOT_APPLICABLE: Final = "not_applicable"
"""The reason of a missing reading that has no meaning for its request."""

KEYLESS: Final = "keyless"
"""The reason that marks a paired vote of a client without a key. Not a missing reading."""

Place: TypeAlias = tuple[str, str]
"""A signal's cell name and a slice."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Requests of one stage without a reading: for which it has no meaning, and which could not be read."""

    not_applicable: int = 0
    unmeasured: int = 0

    def __add__(self, other: "Missing") -> "Missing":
        return Missing(self.not_applicable + other.not_applicable, self.unmeasured + other.unmeasured)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Counters by kind. Read-only by convention.

    `paired`: per place, (cell, count) pairs; so is `split`. `missing`: per place, (stage, source, arm) → `Missing`.
    `votes`: (stage, source, arm) → distinct voting keys. `keyless`: per signal, paired votes of clients without a key.
    """

    paired: Mapping[Place, Sequence[tuple[PairedCell, int]]]
    split: Mapping[Place, Sequence[tuple[SplitCell, int]]]
    missing: Mapping[Place, Mapping[tuple[int, str, Arm], Missing]]
    votes: Mapping[tuple[int, str, Arm], int]
    keyless: Mapping[str, int]

    def slices(self) -> tuple[str, ...]:
        """Every slice that has counters, the one of all requests first."""
        seen = {place[1] for place in (*self.paired, *self.split, *self.missing)} - {EVERY}
        return (EVERY, *sorted(seen))

    def voted(self, stage: int, source: str, arm: Arm | None = None) -> int:
        """Distinct voting keys of a stage, of one arm or of both."""
        arms = (arm,) if arm is not None else tuple(Arm)
        return sum(self.votes.get((stage, source, each), 0) for each in arms)

    def missing_at(self, signal: str, slice_: str, stage: int, source: str) -> Missing:
        """A stage's requests without a reading; for split evidence those of the candidate's arm, as votes are."""
        total = Missing()
        for (at, of, arm), each in self.missing.get((signal, slice_), {}).items():
            if at == stage and of == source and (source == "paired" or arm is Arm.CANDIDATE):
                total += each
        return total

    def keyless_share(self) -> float:
        """The share of paired votes, over all stages, whose client gave no key."""
        pairs = sum(count for (_, source, _), count in self.votes.items() if source == "paired")
        return max(self.keyless.values(), default=0) / max(1, pairs)


@lru_cache(maxsize=262_144)
def _parsed(field: str) -> tuple[Cell, Place] | None:
    """`parse`, remembered: the same fields come back at every look. A malformed field is left alone like an unknown."""
    try:
        cell = parse(field)
    except ValueError:
        return None
    if cell is None or isinstance(cell, VotesCell):
        return None if cell is None else (cell, ("", ""))
    return cell, (cell.signal, cell.slice)


def read(cells: Mapping[str, int]) -> Ledger:
    """The ledger of a hash of counters."""
    paired: dict[Place, list[tuple[PairedCell, int]]] = defaultdict(list)
    split: dict[Place, list[tuple[SplitCell, int]]] = defaultdict(list)
    missing: dict[Place, dict[tuple[int, str, Arm], Missing]] = defaultdict(dict)
    votes: Counter[tuple[int, str, Arm]] = Counter()
    keyless: Counter[str] = Counter()
    for field, count in cells.items():
        known = _parsed(field)
        if known is None:
            continue
        cell, place = known
        if isinstance(cell, PairedCell):
            paired[place].append((cell, count))
        elif isinstance(cell, SplitCell):
            split[place].append((cell, count))
        elif isinstance(cell, VotesCell):
            votes[cell.stage, cell.source, cell.arm] += count
        elif cell.reason == KEYLESS:
            keyless[cell.signal] += count if cell.slice == EVERY else 0
        else:
            _add_missing(missing[place], cell, count)
    return Ledger(paired, split, missing, votes, keyless)


def _add_missing(into: dict[tuple[int, str, Arm], Missing], cell: MissingCell, count: int) -> None:
    added = Missing(not_applicable=count) if cell.reason == NOT_APPLICABLE else Missing(unmeasured=count)
    key = (cell.stage, cell.source, cell.arm)
    into[key] = into.get(key, Missing()) + added
