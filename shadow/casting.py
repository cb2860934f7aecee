"""From what was observed of a request to the cells of its vote.

A *make* is one observation that waits for the slice it is counted in: every observation of a vote is counted in every
slice of its request, some over all requests only, and some by window as well.

Not here: what is observed (`comparison`), and what the cells are called (`cells`).
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from routing.arms import Arm
from shadow.cells import (
    EVERY,
    LATTICE_STEPS,
    OWN,
    WINDOW_STEPS,
    Cell,
    Event,
    MissingCell,
    OwnCell,
    PairedCell,
    SplitCell,
    Vote,
    VotesCell,
    WindowPairedCell,
    WindowSplitCell,
    lattice_index,
)
from shadow.exchange import Exchange
from shadow.windows import UNKNOWN

Make: TypeAlias = Callable[[str], Cell]
"""Makes one observation's cell for a slice."""


def pair(exchange: Exchange, signal: str, difference: float) -> Make:
    """Candidate − stable, on the lattice."""
    index = lattice_index(difference, exchange.salt, exchange.request_id, signal)
    return lambda slice_: PairedCell(signal, slice_, exchange.stage, index)


def own_side(exchange: Exchange, signal: str, value: float) -> list[Make]:
    """Stable's own side of a pair, in [0, 1], on the lattice; nothing for nought, of which there is most."""
    index = lattice_index(max(0.0, value), exchange.salt, exchange.request_id, f"{signal}{OWN}")
    return [lambda slice_: OwnCell(signal, slice_, exchange.stage, index)] if index else []


def missing(exchange: Exchange, signal: str, source: str, arm: Arm, reason: str) -> Make:
    """No observation, and why."""
    return lambda slice_: MissingCell(signal, slice_, exchange.stage, source, arm, reason)


def votes(exchange: Exchange, source: str) -> tuple[VotesCell, ...]:
    """One vote of pairs or triples, and one that counted stable's own side."""
    return tuple(VotesCell(exchange.stage, f"{source}{suffix}", exchange.assigned) for suffix in ("", OWN))


def windowed(exchange: Exchange, makes: list[Make]) -> Iterator[Cell]:
    """The same observations by window. Not of binned quantities, which nothing searches there."""
    if exchange.window == UNKNOWN:
        return
    for make in makes:
        match make(EVERY):
            case PairedCell(signal, _, _, index):
                where = f"{signal}.window"
                coarse = lattice_index(index / LATTICE_STEPS, exchange.salt, exchange.request_id, where, WINDOW_STEPS)
                yield WindowPairedCell(signal, exchange.window, coarse)
            case SplitCell(signal, _, _, weight_bps, arm, event) if event in (Event.GOOD, Event.BAD, Event.LOST):
                yield WindowSplitCell(signal, exchange.window, weight_bps, arm, event)
            case _:
                continue


def vote_of(member: str, makes: list[Make], slices: tuple[str, ...], *once: Cell) -> Vote:
    """Every observation in every slice, and the cells that are counted once."""
    cells: Iterator[Cell] = (make(slice_) for make in makes for slice_ in slices or (EVERY,))
    # Interned: the names repeat from vote to vote, and many votes may have to wait for the store.
    return Vote(member, tuple(sys.intern(str(cell)) for cell in (*cells, *once)))


def everywhere(makes: Iterable[Make]) -> Iterator[Cell]:
    """Observations that are counted over all requests, and in no slice."""
    return (make(EVERY) for make in makes)
