"""The counters of an epoch, sorted by what they count. Unknown fields are left alone: another version wrote them.

Sorting looks at names only, and the same names come back at every look, so the *layout* of a set of names is remembered
and a look at 50,000 counters costs one array of counts, cut into pieces.

Not here: what they mean for a test (`rollback.tallies`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from routing.arms import Arm
from shadow.cells import (
    EVERY,
    LATTICE_STEPS,
    WINDOW_STEPS,
    Cell,
    Event,
    MissingCell,
    PairedCell,
    SplitCell,
    UnitsCell,
    VotesCell,
    WindowPairedCell,
    WindowSplitCell,
    parse,
)

NOT_APPLICABLE: Final = "not_applicable"
"""The reason of a missing reading that has no meaning for its request."""

KEYLESS: Final = "keyless"
"""The reason that marks a paired vote of a client without a key. Not a missing reading."""

_Kind = TypeVar("_Kind", WindowPairedCell, WindowSplitCell)

Ints: TypeAlias = npt.NDArray[np.int64]

Place: TypeAlias = tuple[str, str]
"""A signal's cell name and a slice."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Requests of one stage without a reading: for which it has no meaning, and which could not be read."""

    not_applicable: int = 0
    unmeasured: int = 0

    def __add__(self, other: "Missing") -> "Missing":
        return Missing(self.not_applicable + other.not_applicable, self.unmeasured + other.unmeasured)


@dataclass(frozen=True, slots=True, eq=False)
class PairedCounts:
    """The paired counters of one place: `cells`, and as arrays of one length their `stages`, `indices` and `counts`."""

    cells: tuple[PairedCell, ...]
    stages: Ints
    indices: Ints
    counts: Ints

    def __iter__(self) -> Iterator[tuple[PairedCell, int]]:
        return zip(self.cells, self.counts.tolist(), strict=True)

    def by_index(self, stage: int | None = None) -> Ints:
        """Counts by lattice index, from −`LATTICE_STEPS` on: of one stage, or of all."""
        counts = self.counts if stage is None else self.counts * (self.stages == stage)
        found = np.zeros(2 * LATTICE_STEPS + 1, dtype=np.int64)
        np.add.at(found, self.indices + LATTICE_STEPS, counts)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class WindowCounts(Generic[_Kind]):
    """One signal's observations by window: `table` has a row for each window, in order, and a column for each kind.

    A kind is a counter without its window.
    """

    kinds: tuple[_Kind, ...]
    table: Ints


@dataclass(frozen=True, slots=True)
class Ledger:
    """Counters by kind. Read-only by convention.

    `paired`: per place, its counters; `split`: per place, (cell, count) pairs. `missing`: per place, (stage, source,
    arm) → `Missing`. `votes`: (stage, source, arm) → distinct voting keys. `keyless`: per signal, paired votes of
    clients without a key. `window_paired` and `window_split`: per signal, observations of all requests by window.
    `units`: (stage, weight, arm, point) → sticky keys.
    """

    paired: Mapping[Place, PairedCounts]
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
    if signal in UNDIRECTED:
        return held
    cells = tuple(replace(cell, index=-cell.index) for cell in held.cells)
    return PairedCounts(cells, held.stages, -held.indices, held.counts)


def _turned_kind(signal: str, kind: WindowPairedCell) -> WindowPairedCell:
    return kind if signal in UNDIRECTED else replace(kind, index=-kind.index)


@lru_cache(maxsize=262_144)
def _parsed(field: str) -> Cell | None:
    """`parse`, remembered for when some names are new; a malformed field is left alone like an unknown one."""
    try:
        return parse(field)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True, eq=False)
class _WindowLayout(Generic[_Kind]):
    """Where one signal's counters by window stand among the names, and where each belongs in the table."""

    kinds: tuple[_Kind, ...]
    windows: int
    positions: Ints
    rows: Ints
    columns: Ints

    def filled(self, counts: Ints) -> WindowCounts[_Kind]:
        """The table with these counts of all names."""
        table = np.zeros((self.windows, len(self.kinds)), dtype=np.int64)
        np.add.at(table, (self.rows, self.columns), counts[self.positions])
        return WindowCounts(self.kinds, table)


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """Where among some names each counter stands. The positions of `paired` come with an empty `PairedCounts`."""

    paired: Mapping[Place, tuple[Ints, PairedCounts]]
    split: Mapping[Place, Sequence[tuple[int, SplitCell]]]
    window_paired: Mapping[str, _WindowLayout[WindowPairedCell]]
    window_split: Mapping[str, _WindowLayout[WindowSplitCell]]
    others: Sequence[tuple[int, MissingCell | VotesCell | UnitsCell]]


@lru_cache(maxsize=8)
def _layout(names: tuple[str, ...]) -> _Layout:
    """The layout of these names: as many are remembered as endpoints are likely to have rollouts at once."""
    paired: dict[Place, list[tuple[int, PairedCell]]] = defaultdict(list)
    split: dict[Place, list[tuple[int, SplitCell]]] = defaultdict(list)
    window_paired: dict[str, list[tuple[int, WindowPairedCell]]] = defaultdict(list)
    window_split: dict[str, list[tuple[int, WindowSplitCell]]] = defaultdict(list)
    others: list[tuple[int, MissingCell | VotesCell | UnitsCell]] = []
    for position, name in enumerate(names):
        match _parsed(name):
            case PairedCell() as cell:
                if abs(cell.index) <= LATTICE_STEPS:
                    paired[cell.signal, cell.slice].append((position, cell))
            case SplitCell() as cell:
                split[cell.signal, cell.slice].append((position, cell))
            case WindowPairedCell() as cell:
                if abs(cell.index) <= WINDOW_STEPS:
                    window_paired[cell.signal].append((position, cell))
            case WindowSplitCell() as cell:
                if cell.event in (Event.GOOD, Event.BAD, Event.LOST):
                    window_split[cell.signal].append((position, cell))
            case None:
                continue
            case cell:
                others.append((position, cell))
    return _Layout(
        {place: _placed(found) for place, found in paired.items()},
        split,
        {signal: _tabled(pairs) for signal, pairs in window_paired.items()},
        {signal: _tabled(votes) for signal, votes in window_split.items()},
        others,
    )


def _tabled(found: Sequence[tuple[int, _Kind]]) -> _WindowLayout[_Kind]:
    kinds = sorted({replace(cell, window=0) for _, cell in found}, key=str)
    windows = sorted({cell.window for _, cell in found})
    row, column = ({each: at for at, each in enumerate(order)} for order in (windows, kinds))
    return _WindowLayout(
        tuple(kinds),
        len(windows),
        np.array([position for position, _ in found], dtype=np.int64),
        np.array([row[cell.window] for _, cell in found], dtype=np.int64),
        np.array([column[replace(cell, window=0)] for _, cell in found], dtype=np.int64),
    )


def _placed(found: Sequence[tuple[int, PairedCell]]) -> tuple[Ints, PairedCounts]:
    cells = tuple(cell for _, cell in found)
    stages = np.array([cell.stage for cell in cells], dtype=np.int64)
    indices = np.array([cell.index for cell in cells], dtype=np.int64)
    positions = np.array([position for position, _ in found], dtype=np.int64)
    return positions, PairedCounts(cells, stages, indices, np.zeros(len(cells), dtype=np.int64))


def read(cells: Mapping[str, int]) -> Ledger:
    """The ledger of a hash of counters."""
    layout = _layout(tuple(cells))
    values = list(cells.values())
    counts = np.array(values, dtype=np.int64)
    paired = {
        place: PairedCounts(empty.cells, empty.stages, empty.indices, counts[positions])
        for place, (positions, empty) in layout.paired.items()
    }
    split = {place: [(cell, values[position]) for position, cell in found] for place, found in layout.split.items()}
    missing: dict[Place, dict[tuple[int, str, Arm], Missing]] = defaultdict(dict)
    votes: Counter[tuple[int, str, Arm]] = Counter()
    keyless: Counter[str] = Counter()
    units: Counter[tuple[int, int, Arm, str]] = Counter()
    for position, cell in layout.others:
        count = values[position]
        if isinstance(cell, VotesCell):
            votes[cell.stage, cell.source, cell.arm] += count
        elif isinstance(cell, UnitsCell):
            units[cell.stage, cell.weight_bps, cell.arm, cell.point] += count
        elif cell.reason == KEYLESS:
            keyless[cell.signal] += count if cell.slice == EVERY else 0
        else:
            _add_missing(missing[cell.signal, cell.slice], cell, count)
    window_paired = {signal: each.filled(counts) for signal, each in layout.window_paired.items()}
    window_split = {signal: each.filled(counts) for signal, each in layout.window_split.items()}
    return Ledger(paired, split, missing, votes, keyless, window_paired, window_split, units)


def _add_missing(into: dict[tuple[int, str, Arm], Missing], cell: MissingCell, count: int) -> None:
    added = Missing(not_applicable=count) if cell.reason == NOT_APPLICABLE else Missing(unmeasured=count)
    key = (cell.stage, cell.source, cell.arm)
    into[key] = into.get(key, Missing()) + added
