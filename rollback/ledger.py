"""The counters of an epoch, sorted by what they count. Unknown fields are left alone: another version wrote them.

Not here: how 100,000 names are sorted in no time (`rollback.layouts`), and what the counters mean for a test
(`rollback.tallies`).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic

import numpy as np

from rollback.layouts import VALUES, Ints, Place, WindowKind, laid_out
from routing.arms import Arm
from shadow.cells import (
    EVERY,
    LATTICE_STEPS,
    OWN,
    MissingCell,
    OwnCell,
    SplitCell,
    UnitsCell,
    VotesCell,
    WindowPairedCell,
    WindowSplitCell,
)

NOT_APPLICABLE: Final = "not_applicable"
"""The reason of a missing reading that has no meaning for its request."""

KEYLESS: Final = "keyless"
"""The reason that marks a paired vote of a client without a key. Not a missing reading."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Requests of one stage without a reading: for which it has no meaning, and which could not be read."""

    not_applicable: int = 0
    unmeasured: int = 0

    def __add__(self, other: "Missing") -> "Missing":
        return Missing(self.not_applicable + other.not_applicable, self.unmeasured + other.unmeasured)


@dataclass(frozen=True, slots=True, eq=False)
class PairedCounts:
    """The pairs of one place: `table` has a row for each of `stages` and a column for each lattice value."""

    stages: tuple[int, ...]
    table: Ints

    def by_index(self, stage: int | None = None) -> Ints:
        """Counts by lattice index, from −`LATTICE_STEPS` on: of one stage, or of all."""
        if stage is None:
            found: Ints = self.table.sum(axis=0)
            return found
        return self.table[self.stages.index(stage)] if stage in self.stages else np.zeros(VALUES, dtype=np.int64)

    @property
    def steps(self) -> int:
        """The sum of all differences, in lattice steps."""
        return int(self.by_index() @ np.arange(-LATTICE_STEPS, LATTICE_STEPS + 1))


@dataclass(frozen=True, slots=True, eq=False)
class WindowCounts(Generic[WindowKind]):
    """One signal's observations by window: `table` has a row for each window, in order, and a column for each kind.

    A kind is a counter without its window.
    """

    kinds: tuple[WindowKind, ...]
    table: Ints


@dataclass(frozen=True, slots=True)
class Ledger:
    """Counters by kind. Read-only by convention.

    `paired`: per place, its counters; `own`: per place, the sum of stable's own sides of them, in lattice steps;
    `own_of`: the sources (`paired`, `triple`) whose every vote has counted that.
    `split`: per place, (cell, count) pairs. `missing`: per place, (stage, source,
    arm) → `Missing`. `votes`: (stage, source, arm) → distinct voting keys. `keyless`: per signal, paired votes of
    clients without a key. `window_paired` and `window_split`: per signal, observations of all requests by window.
    `units`: (stage, weight, arm, point) → sticky keys.
    """

    paired: Mapping[Place, PairedCounts]
    own: Mapping[Place, int]
    own_of: frozenset[str]
    split: Mapping[Place, Sequence[tuple[SplitCell, int]]]
    missing: Mapping[Place, Mapping[tuple[int, str, Arm], Missing]]
    votes: Mapping[tuple[int, str, Arm], int]
    keyless: Mapping[str, int]
    window_paired: Mapping[str, WindowCounts[WindowPairedCell]]
    window_split: Mapping[str, WindowCounts[WindowSplitCell]]
    units: Mapping[tuple[int, int, Arm, str], int]

    def slices(self) -> tuple[str, ...]:
        """Every slice that has counters, the one of all requests first."""
        seen = {place[1] for place in (*self.paired, *self.split, *self.missing)} - {EVERY}
        return (EVERY, *sorted(seen))

    def observes(self, signal: str, slice_: str, source: str) -> bool:
        """Whether the place has observations from this source."""
        return (signal, slice_) in (self.paired if source == "paired" else self.split)

    def voted(self, stage: int, source: str, arm: Arm | None = None) -> int:
        """Distinct voting keys of a stage, of one arm or of both."""
        arms = (arm,) if arm is not None else tuple(Arm)
        return sum(self.votes.get((stage, source, each), 0) for each in arms)

    def own_steps(self, place: Place, source: str) -> int | None:
        """The sum of stable's own sides of the place's pairs, in lattice steps.

        None where votes of an older version are among them, which counted only the difference.
        """
        return self.own.get(place, 0) if source in self.own_of else None

    def missing_at(self, signal: str, slice_: str, stage: int, source: str) -> Missing:
        """A stage's requests without a reading; for split evidence those of the candidate's arm, as votes are."""
        total = Missing()
        for (at, of, arm), each in self.missing.get((signal, slice_), {}).items():
            if at == stage and of == source and (source == "paired" or arm is Arm.CANDIDATE):
                total += each
        return total

    def turned(self) -> "Ledger":
        """The same pairs with the arms in each other's place, and nothing else: what each said of the other is −X.

        Agreement has no direction: it is what the two have in common.
        """
        other = {arm: arm.other for arm in Arm}
        return Ledger(
            paired={place: _turned(place[0], held) for place, held in self.paired.items()},
            own={
                place: self.own.get(place, 0) + (0 if place[0] in UNDIRECTED else held.steps)
                for place, held in self.paired.items()
            },
            own_of=self.own_of,
            split={},
            missing={
                place: {(stage, source, other[arm]): each for (stage, source, arm), each in by_arm.items()}
                for place, by_arm in self.missing.items()
            },
            votes={(stage, source, other[arm]): count for (stage, source, arm), count in self.votes.items()},
            keyless=self.keyless,
            window_paired={
                signal: WindowCounts(tuple(_turned_kind(signal, kind) for kind in held.kinds), held.table)
                for signal, held in self.window_paired.items()
            },
            window_split={},
            units={},
        )

    def keyless_share(self) -> float:
        """The share of paired votes, over all stages, whose client gave no key."""
        pairs = sum(count for (_, source, _), count in self.votes.items() if source == "paired")
        return max(self.keyless.values(), default=0) / max(1, pairs)


UNDIRECTED: Final = frozenset({"agreement"})
"""Signals whose difference does not turn round with the arms."""


def _turned(signal: str, held: PairedCounts) -> PairedCounts:
    return held if signal in UNDIRECTED else PairedCounts(held.stages, held.table[:, ::-1])


def _turned_kind(signal: str, kind: WindowPairedCell) -> WindowPairedCell:
    return kind if signal in UNDIRECTED else replace(kind, index=-kind.index)


def read(cells: Mapping[str, int]) -> Ledger:
    """The ledger of a hash of counters."""
    layout, counts = laid_out(cells)
    lattices, pairs = layout.paired.lattices(counts), layout.paired
    paired = {place: PairedCounts(pairs.stages, lattices[at]) for at, place in enumerate(pairs.places)}
    split = {
        place: [(cell, int(counts[position])) for position, cell in found] for place, found in layout.split.items()
    }
    missing: dict[Place, dict[tuple[int, str, Arm], Missing]] = defaultdict(dict)
    own: Counter[Place] = Counter()
    votes: Counter[tuple[int, str, Arm]] = Counter()
    keyless: Counter[str] = Counter()
    units: Counter[tuple[int, int, Arm, str]] = Counter()
    for position, cell in layout.others:
        count = int(counts[position])
        if isinstance(cell, VotesCell):
            votes[cell.stage, cell.source, cell.arm] += count
        elif isinstance(cell, UnitsCell):
            units[cell.stage, cell.weight_bps, cell.arm, cell.point] += count
        elif isinstance(cell, OwnCell):
            own[cell.signal, cell.slice] += count * cell.index
        elif cell.reason == KEYLESS:
            keyless[cell.signal] += count if cell.slice == EVERY else 0
        else:
            _add_missing(missing[cell.signal, cell.slice], cell, count)
    window_paired = {name: WindowCounts(each.kinds, each.table(counts)) for name, each in layout.window_paired.items()}
    window_split = {name: WindowCounts(each.kinds, each.table(counts)) for name, each in layout.window_split.items()}
    return Ledger(paired, own, _own_of(votes), split, missing, votes, keyless, window_paired, window_split, units)


def _own_of(votes: Mapping[tuple[int, str, Arm], int]) -> frozenset[str]:
    """Of which sources every vote has one with the suffix `OWN` beside it."""
    total: Counter[str] = Counter()
    for (_, source, _), count in votes.items():
        total[source] += count
    return frozenset(source for source in ("paired", "triple") if total[source] == total[f"{source}{OWN}"] > 0)


def _add_missing(into: dict[tuple[int, str, Arm], Missing], cell: MissingCell, count: int) -> None:
    added = Missing(not_applicable=count) if cell.reason == NOT_APPLICABLE else Missing(unmeasured=count)
    key = (cell.stage, cell.source, cell.arm)
    into[key] = into.get(key, Missing()) + added
