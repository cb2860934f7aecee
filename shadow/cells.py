"""Evidence counters: their names, and how observations become counts.

A cell counts how often one observation was made, so evidence is a function of integers: order, batching and merging
between replicas change nothing, and an audit entry that keeps the cells can be judged again. Continuous differences go
onto a lattice of 41 values in [−1, 1], step 0.05, rounded up or down by a hash of the request's id with the
probabilities that keep the mean exact (Waudby-Smith & Ramdas 2010.09686 bets on bounded means, so an unbiased rounding
keeps every guarantee).

Two kinds of cell are about all requests together, and carry no slice: observations by window, for the search for a
late onset (their lattice is coarser: −1, −0.8 … 1), and *units*, whose numbers on each arm must be in the proportion
of the weights.

Not here: what is observed (`comparison`) and what follows from it (`rollback.evidence`).
"""

from dataclasses import dataclass
from math import floor, log
from typing import Final, TypeAlias

from routing.arms import Arm
from routing.bucketing import fraction
from routing.purposes import Purpose

LATTICE_STEPS: Final = 20
"""Steps from 0 to 1: values are index/20 for index in −20 … 20."""

WINDOW_STEPS: Final = 5
"""Steps from 0 to 1 of a difference counted by window: fewer counters, for a search that looks for large drifts."""

EVERY: Final = "*"
"""The slice that holds all requests."""

OWN: Final = ".own"
"""Suffix of what is about stable's own side of pairs."""


@dataclass(frozen=True, slots=True)
class PairedCell:
    """How often candidate minus stable was `index`/20 for requests that both arms answered."""

    signal: str
    slice: str
    stage: int
    index: int

    def __str__(self) -> str:
        return f"p/{self.signal}/{self.slice}/{self.stage}/{self.index}"


@dataclass(frozen=True, slots=True)
class OwnCell:
    """How often stable's own side of a pair was `index`/20: 20 for an event that happened; 0 is not counted.

    For people, who want both arms' rates beside their difference; no test reads it. `VotesCell`s with the suffix `OWN`
    count the votes that it was counted on, since votes of an older version have none.
    """

    signal: str
    slice: str
    stage: int
    index: int

    def __str__(self) -> str:
        return f"o/{self.signal}/{self.slice}/{self.stage}/{self.index}"


class Event:
    """Values of a split observation.

    `LOST` is unknown: left out for harm, the worst value for no-harm. A quantity (`ttft`, `length`) is recorded as its
    logarithmic bin, `b<i>` for [1.05^i, 1.05^(i+1)) ms or characters; whether a bin is beyond stable's frozen quantile
    is decided where the quantile is known. At weight 0 stable's bins are recorded too: quantiles are frozen from them,
    and nothing else is made of them.
    """

    GOOD: Final = "0"
    BAD: Final = "1"
    LOST: Final = "x"

    BIN_RATIO: Final = 1.05

    @staticmethod
    def bin_of(quantity: float) -> str:
        """The event of a positive quantity; below 1 it is bin 0."""
        return f"b{floor(log(quantity) / log(Event.BIN_RATIO)) if quantity > 1.0 else 0}"


@dataclass(frozen=True, slots=True)
class SplitCell:
    """How often a request assigned to `arm` while the candidate's weight was `weight_bps` was good, bad or lost."""

    signal: str
    slice: str
    stage: int
    weight_bps: int
    arm: Arm
    event: str

    def __str__(self) -> str:
        return f"s/{self.signal}/{self.slice}/{self.stage}/{self.weight_bps}/{self.arm.value}/{self.event}"


@dataclass(frozen=True, slots=True)
class MissingCell:
    """How often there was no reading. `source` is `paired` or `split`; `reason` is `not_applicable` or a code."""

    signal: str
    slice: str
    stage: int
    source: str
    arm: Arm
    reason: str

    def __str__(self) -> str:
        return f"n/{self.signal}/{self.slice}/{self.stage}/{self.source}/{self.arm.value}/{self.reason}"


@dataclass(frozen=True, slots=True)
class VotesCell:
    """How many distinct voting keys voted in a stage. `source` is `paired`, `triple` or `split`.

    With the suffix `OWN`, how many of these votes counted stable's own side too.
    """

    stage: int
    source: str
    arm: Arm

    def __str__(self) -> str:
        return f"k/{self.stage}/{self.source}/{self.arm.value}"


@dataclass(frozen=True, slots=True)
class WindowPairedCell:
    """How often candidate minus stable was `index`/5 for requests assigned in `window` (`shadow.windows`)."""

    signal: str
    window: int
    index: int

    def __str__(self) -> str:
        return f"wp/{self.signal}/{self.window}/{self.index}"


@dataclass(frozen=True, slots=True)
class WindowSplitCell:
    """How often a request assigned to `arm` in `window`, at this weight, was good, bad or lost."""

    signal: str
    window: int
    weight_bps: int
    arm: Arm
    event: str

    def __str__(self) -> str:
        return f"ws/{self.signal}/{self.window}/{self.weight_bps}/{self.arm.value}/{self.event}"


@dataclass(frozen=True, slots=True)
class UnitsCell:
    """How many units of assignment (sticky keys), new in the epoch, came at least to `point` with their first request.

    `weight_bps` is the candidate's weight when the first request was assigned, so each unit was on the candidate with
    just that probability, whatever happened before it.
    """

    stage: int
    weight_bps: int
    arm: Arm
    point: str

    def __str__(self) -> str:
        return f"u/{self.stage}/{self.weight_bps}/{self.arm.value}/{self.point}"


Cell: TypeAlias = (
    PairedCell | OwnCell | SplitCell | MissingCell | VotesCell | WindowPairedCell | WindowSplitCell | UnitsCell
)


def parse(field: str) -> Cell | None:
    """The cell of a Redis hash field, or None for a field that another version wrote."""
    match field.split("/"):
        case ["p" | "o" as kind, signal, slice_, stage, index]:
            return (PairedCell if kind == "p" else OwnCell)(signal, slice_, int(stage), int(index))
        case ["s", signal, slice_, stage, weight, arm, event]:
            return SplitCell(signal, slice_, int(stage), int(weight), Arm(arm), event)
        case ["n", signal, slice_, stage, source, arm, reason]:
            return MissingCell(signal, slice_, int(stage), source, Arm(arm), reason)
        case ["k", stage, source, arm]:
            return VotesCell(int(stage), source, Arm(arm))
        case ["wp", signal, window, index]:
            return WindowPairedCell(signal, int(window), int(index))
        case ["ws", signal, window, weight, arm, event]:
            return WindowSplitCell(signal, int(window), int(weight), Arm(arm), event)
        case ["u", stage, weight, arm, point]:
            return UnitsCell(int(stage), int(weight), Arm(arm), point)
        case _:
            return None


def lattice_index(difference: float, salt: str, request_id: str, signal: str, steps: int = LATTICE_STEPS) -> int:
    """The lattice index of a difference in [−1, 1]: an unbiased, reproducible rounding."""
    scaled = min(1.0, max(-1.0, difference)) * steps
    below = floor(scaled)
    if below == scaled:
        return below
    up = fraction(Purpose.ROUND, salt, f"{signal}:{request_id}") < scaled - below
    return below + 1 if up else below


@dataclass(frozen=True, slots=True)
class Vote:
    """What one voting key adds, once per epoch and source: the set member that marks it, and its counts.

    All of a vote's cells are added together or not at all, in one script with the mark.
    """

    member: str
    cells: tuple[str, ...]
