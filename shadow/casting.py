"""From what was observed of a request to the cells of its vote.

A *make* is one observation that waits for the slice it is counted in: every observation of a vote is counted in every
slice of its request, some over all requests only, and some by window as well.

The same few thousand cells are counted over and over, so each is made, and named, once and remembered.

Not here: what is observed (`comparison`), and what the cells are called (`cells`).
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

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

_KNOWN: Final = 16_384
"""Cells of each kind that are remembered: some megabytes, and more than an epoch of a few slices has."""


@dataclass(frozen=True, slots=True)
class Named:
    """A cell and its name; interned, since many votes may have to wait for the store."""

    cell: Cell
    name: str


Make: TypeAlias = Callable[[str], Named]
"""Makes one observation's cell for a slice."""


def named(cell: Cell) -> Named:
    """The cell with its name."""
    return Named(cell, sys.intern(str(cell)))


@lru_cache(maxsize=_KNOWN)
def _paired(signal: str, slice_: str, stage: int, index: int) -> Named:
    return named(PairedCell(signal, slice_, stage, index))


@lru_cache(maxsize=_KNOWN)
def _own(signal: str, slice_: str, stage: int, index: int) -> Named:
    return named(OwnCell(signal, slice_, stage, index))


@lru_cache(maxsize=_KNOWN)
def _split(signal: str, slice_: str, stage: int, weight_bps: int, arm: Arm, event: str) -> Named:
    return named(SplitCell(signal, slice_, stage, weight_bps, arm, event))


@lru_cache(maxsize=_KNOWN)
def _missing(signal: str, slice_: str, stage: int, source: str, arm: Arm, reason: str) -> Named:
    return named(MissingCell(signal, slice_, stage, source, arm, reason))


@lru_cache(maxsize=_KNOWN)
def _window_paired(signal: str, window: int, index: int) -> str:
    return sys.intern(str(WindowPairedCell(signal, window, index)))


@lru_cache(maxsize=_KNOWN)
def _window_split(signal: str, window: int, weight_bps: int, arm: Arm, event: str) -> str:
    return sys.intern(str(WindowSplitCell(signal, window, weight_bps, arm, event)))


@lru_cache(maxsize=_KNOWN)
def _votes(stage: int, source: str, arm: Arm) -> str:
    return sys.intern(str(VotesCell(stage, source, arm)))


def pair(exchange: Exchange, signal: str, difference: float) -> Make:
    """Candidate − stable, on the lattice."""
    index, stage = lattice_index(difference, exchange.salt, exchange.request_id, signal), exchange.stage
    return lambda slice_: _paired(signal, slice_, stage, index)


def own_side(exchange: Exchange, signal: str, value: float) -> list[Make]:
    """Stable's own side of a pair, in [0, 1], on the lattice; nothing for nought, of which there is most."""
    if value <= 0.0:
        return []
    index, stage = lattice_index(value, exchange.salt, exchange.request_id, f"{signal}{OWN}"), exchange.stage
    return [lambda slice_: _own(signal, slice_, stage, index)] if index else []


def split(exchange: Exchange, signal: str, event: str) -> Make:
    """What the assigned arm did, at the weight that it was assigned at."""
    stage, weight_bps, arm = exchange.stage, exchange.weight_bps, exchange.assigned
    return lambda slice_: _split(signal, slice_, stage, weight_bps, arm, event)


def missing(exchange: Exchange, signal: str, source: str, arm: Arm, reason: str) -> Make:
    """No observation, and why."""
    stage = exchange.stage
    return lambda slice_: _missing(signal, slice_, stage, source, arm, reason)


def votes(exchange: Exchange, source: str) -> tuple[str, ...]:
    """One vote of pairs or triples, and one that counted stable's own side."""
    return _votes(exchange.stage, source, exchange.assigned), _votes(exchange.stage, source + OWN, exchange.assigned)


def vote_counted(exchange: Exchange, source: str) -> str:
    """One vote of a source that has no other side."""
    return _votes(exchange.stage, source, exchange.assigned)


def windowed(exchange: Exchange, makes: list[Make]) -> Iterator[str]:
    """The same observations by window. Not of binned quantities, which nothing searches there."""
    if exchange.window == UNKNOWN:
        return
    for make in makes:
        match make(EVERY).cell:
            case PairedCell(signal, _, _, index):
                where = f"{signal}.window"
                coarse = lattice_index(index / LATTICE_STEPS, exchange.salt, exchange.request_id, where, WINDOW_STEPS)
                yield _window_paired(signal, exchange.window, coarse)
            case SplitCell(signal, _, _, weight_bps, arm, event) if event in (Event.GOOD, Event.BAD, Event.LOST):
                yield _window_split(signal, exchange.window, weight_bps, arm, event)
            case _:
                continue


def vote_of(member: str, makes: list[Make], slices: tuple[str, ...], *once: str) -> Vote:
    """Every observation in every slice, and the cells that are counted once."""
    return Vote(member, (*[make(slice_).name for make in makes for slice_ in slices or (EVERY,)], *once))


def everywhere(makes: Iterable[Make]) -> Iterator[str]:
    """Observations that are counted over all requests, and in no slice."""
    return (make(EVERY).name for make in makes)
