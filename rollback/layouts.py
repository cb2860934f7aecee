"""Where each counter stands: names are read once, and after that a look at 100,000 counters costs one array of counts.

A hash of counters has the same names at every look, but for a few new ones: each window of time brings some, a hundred
or so in a busy rollout. So the *layout* of the names is remembered, and grows by the new ones alone. What a layout says
depends on the names only, not on which of them it has seen first, and what is remembered changes nothing but the time
that a look takes.

Not here: what the counters are called (`shadow.cells`), and what they add up to (`rollback.ledger`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from shadow.cells import (
    LATTICE_STEPS,
    WINDOW_STEPS,
    Cell,
    Event,
    MissingCell,
    OwnCell,
    PairedCell,
    SplitCell,
    UnitsCell,
    VotesCell,
    WindowPairedCell,
    WindowSplitCell,
    parse,
)

WindowKind = TypeVar("WindowKind", WindowPairedCell, WindowSplitCell)

Ints: TypeAlias = npt.NDArray[np.int64]

Place: TypeAlias = tuple[str, str]
"""A signal's cell name and a slice."""

VALUES: Final = 2 * LATTICE_STEPS + 1

_REMEMBERED: Final = 8
"""As many sets of names as endpoints are likely to have rollouts at once."""

_STRIDE: Final = 1024
"""Names compared at once: most strides hold no new one."""


def _none() -> Ints:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class WindowLayout(Generic[WindowKind]):
    """Where one signal's counters by window stand: position, window and kind of each. A kind has window 0."""

    kinds: tuple[WindowKind, ...] = ()
    positions: Ints = field(default_factory=_none)
    windows: Ints = field(default_factory=_none)
    columns: Ints = field(default_factory=_none)

    def grown(self, found: Sequence[tuple[int, WindowKind]]) -> "WindowLayout[WindowKind]":
        """With these counters as well; kinds stay in the order of their names."""
        new: list[WindowKind] = [replace(cell, window=0) for _, cell in found]
        named: dict[str, WindowKind] = {str(kind): kind for kind in self.kinds}
        named.update((str(kind), kind) for kind in new)
        column = {name: at for at, name in enumerate(sorted(named))}
        moved = np.array([column[str(kind)] for kind in self.kinds], dtype=np.int64)
        return WindowLayout(
            tuple(named[name] for name in column),
            np.append(self.positions, [position for position, _ in found]),
            np.append(self.windows, [cell.window for _, cell in found]),
            np.append(moved[self.columns], [column[str(kind)] for kind in new]),
        )

    @cached_property
    def _flat(self) -> tuple[Ints, int]:
        """Where each counter belongs in `table`, counted through, and the number of windows."""
        windows, rows = np.unique(self.windows, return_inverse=True)
        return rows * len(self.kinds) + self.columns, len(windows)

    def table(self, counts: Ints) -> Ints:
        """Counts with a row for each window, in order, and a column for each kind."""
        flat, windows = self._flat
        shape = (windows, len(self.kinds))
        return np.bincount(flat, counts[self.positions], windows * len(self.kinds)).astype(np.int64).reshape(shape)


@dataclass(frozen=True, eq=False)
class PairedLayout:
    """Where the pairs stand: arrays of one length with position, place (its number in `places`), stage and index."""

    places: tuple[Place, ...] = ()
    found: Ints = field(default_factory=lambda: np.zeros((4, 0), dtype=np.int64))

    def grown(self, places: Iterable[Place], found: Sequence[tuple[int, int, int, int]]) -> "PairedLayout":
        """With these counters as well; `places` are all, the known ones first."""
        if not found:
            return self
        return PairedLayout(tuple(places), np.hstack((self.found, np.array(found, dtype=np.int64).T)))

    @cached_property
    def stages(self) -> tuple[int, ...]:
        """Stages that have pairs."""
        return tuple(np.unique(self.found[2]).tolist())

    @cached_property
    def _flat(self) -> Ints:
        """Where each counter belongs in `lattices`, counted through."""
        stage = np.searchsorted(np.array(self.stages, dtype=np.int64), self.found[2])
        flat: Ints = (self.found[1] * len(self.stages) + stage) * VALUES + self.found[3] + LATTICE_STEPS
        return flat

    def lattices(self, counts: Ints) -> Ints:
        """Counts by place, stage and lattice value."""
        shape = (len(self.places), len(self.stages), VALUES)
        made = np.bincount(self._flat, counts[self.found[0]], shape[0] * shape[1] * shape[2])
        return made.astype(np.int64).reshape(shape)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where each counter stands among `size` names."""

    size: int = 0
    paired: PairedLayout = field(default_factory=PairedLayout)
    split: Mapping[Place, tuple[tuple[int, SplitCell], ...]] = field(default_factory=dict)
    window_paired: Mapping[str, WindowLayout[WindowPairedCell]] = field(default_factory=dict)
    window_split: Mapping[str, WindowLayout[WindowSplitCell]] = field(default_factory=dict)
    others: tuple[tuple[int, OwnCell | MissingCell | VotesCell | UnitsCell], ...] = ()

    def grown(self, names: Iterable[str]) -> "Layout":
        """With these names as well; those that cannot be read, or are not of this version, have no place."""
        added = tuple(names)
        places = {place: at for at, place in enumerate(self.paired.places)}
        paired: list[tuple[int, int, int, int]] = []
        split: dict[Place, list[tuple[int, SplitCell]]] = defaultdict(list)
        window_paired: dict[str, list[tuple[int, WindowPairedCell]]] = defaultdict(list)
        window_split: dict[str, list[tuple[int, WindowSplitCell]]] = defaultdict(list)
        others: list[tuple[int, OwnCell | MissingCell | VotesCell | UnitsCell]] = []
        for position, name in enumerate(added, self.size):
            match _parsed(name):
                case PairedCell(signal, slice_, stage, index):
                    if abs(index) <= LATTICE_STEPS:
                        paired.append((position, places.setdefault((signal, slice_), len(places)), stage, index))
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
        return Layout(
            size=self.size + len(added),
            paired=self.paired.grown(places, paired),
            split={**self.split, **{at: (*self.split.get(at, ()), *found) for at, found in split.items()}},
            window_paired=_grown(self.window_paired, window_paired),
            window_split=_grown(self.window_split, window_split),
            others=(*self.others, *others),
        )


def _grown(
    before: Mapping[str, WindowLayout[WindowKind]], new: Mapping[str, Sequence[tuple[int, WindowKind]]]
) -> dict[str, WindowLayout[WindowKind]]:
    return {**before, **{signal: before.get(signal, WindowLayout()).grown(found) for signal, found in new.items()}}


def _parsed(name: str) -> Cell | None:
    try:
        return parse(name)
    except ValueError:
        return None


@dataclass(frozen=True, eq=False)
class _Seen:
    """A layout, and the order in which its names came: `slots` says of each name which of the layout's it is."""

    order: tuple[str, ...]
    slots: Ints
    layout: Layout

    @cached_property
    def _where(self) -> Mapping[str, int]:
        return dict(zip(self.order, self.slots.tolist(), strict=True))

    def followed_by(self, order: tuple[str, ...]) -> "_Seen | None":
        """With the names that are new in `order`; None if others are gone."""
        slots, new = self._merged(order) or self._looked_up(order)
        if len(order) - len(new) < len(self.order):
            return None
        return _Seen(order, slots, self.layout.grown(new))

    def _merged(self, order: tuple[str, ...]) -> tuple[Ints, list[str]] | None:
        """By going through both in step, which is enough where the old names come as they did before."""
        slots = np.empty(len(order), dtype=np.int64)
        new: list[str] = []
        ahead, known = 0, len(self.order)
        for start in range(0, len(order), _STRIDE):
            stride = order[start : start + _STRIDE]
            if stride == self.order[ahead : ahead + len(stride)]:
                slots[start : start + len(stride)] = self.slots[ahead : ahead + len(stride)]
                ahead += len(stride)
                continue
            for at, name in enumerate(stride, start):
                if ahead < known and name == self.order[ahead]:
                    slots[at] = self.slots[ahead]
                    ahead += 1
                else:
                    slots[at] = known + len(new)
                    new.append(name)
        return (slots, new) if ahead == known else None

    def _looked_up(self, order: tuple[str, ...]) -> tuple[Ints, list[str]]:
        """By looking up every name: Redis turns their order upside down when a hash outgrows its table."""
        slots = np.fromiter((self._where.get(name, -1) for name in order), np.int64, len(order))
        new = np.flatnonzero(slots < 0)
        slots[new] = np.arange(len(self.order), len(self.order) + len(new))
        return slots, [order[at] for at in new.tolist()]


_NOTHING: Final = _Seen((), _none(), Layout())


class _Memory:
    """What was needed last, the latest first."""

    def __init__(self) -> None:
        self._held: tuple[_Seen, ...] = ()

    def laid_out(self, cells: Mapping[str, int]) -> tuple[Layout, Ints]:
        """The layout of all names of `cells`, in whatever order they come, and their counts in the layout's own."""
        order = tuple(cells)
        before, seen = self._seen(order)
        self._held = (seen, *(held for held in self._held if held is not before))[:_REMEMBERED]
        counts = np.empty(len(order), dtype=np.int64)
        counts[seen.slots] = np.fromiter(cells.values(), np.int64, len(order))
        return seen.layout, counts

    def _seen(self, order: tuple[str, ...]) -> tuple[_Seen, _Seen]:
        """What is remembered of these names, and what is to be remembered in its place."""
        for held in self._held:
            if held.order == order:
                return held, held
        for held in sorted(self._held, key=lambda held: -len(held.order)):
            grown = held.followed_by(order) if len(held.order) <= len(order) else None
            if grown is not None:
                return held, grown
        made = _NOTHING.followed_by(order)
        assert made is not None, "everything follows nothing"
        return made, made


laid_out: Final = _Memory().laid_out
