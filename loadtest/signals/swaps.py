"""What the signals say of the recorded swaps: all ordered pairs of ten models on the same prompts.

These answers carry no labels, and nothing is fitted on them: the table is a check that real changes are seen and that
models of one kind do not differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import exp
from statistics import fmean
from typing import Final

from loadtest.signals.refusal import counted
from shadow.answer import Answer, Ask
from shadow.reading import Measured
from shadow.signals import agreement, length
from shadow.signals.catalogue import ALSO
from shadow.signals.refusal import read
from shadow.signals.refusal_change import Change, change

_EVERY: Final = 4
"""Agreement is read on every fourth prompt: 45 pairs of models are many."""


@dataclass(frozen=True, slots=True)
class Side:
    """One model's readings on all prompts."""

    answers: tuple[Answer, ...]
    refused: tuple[bool, ...]
    also: Mapping[str, float]
    """The share of answers in which each further signal's event happened, where it was measured."""


@dataclass(frozen=True, slots=True)
class SwapRow:
    """One ordered swap."""

    stable: str
    candidate: str
    rates: tuple[float, float]
    gained: int
    lost: int
    refusal: Change
    length_ratio: float
    agreement: float
    moved: tuple[str, ...]
    """Further signals that moved by 5 points or more."""


def swap_rows(recorded: Mapping[str, Mapping[str, str]]) -> tuple[SwapRow, ...]:
    """All ordered pairs; each model's answers are read once."""
    if not recorded:
        return ()
    prompts = [each for each in next(iter(recorded.values())) if all(each in other for other in recorded.values())]
    asks = [Ask(prompt, False, None, (), None) for prompt in prompts]
    sides = {model: _side(asks, [said[prompt] for prompt in prompts]) for model, said in recorded.items()}
    agreed: dict[frozenset[str], float] = {}
    rows = []
    for stable, candidate in permutations(sides, 2):
        pair = frozenset((stable, candidate))
        if pair not in agreed:
            agreed[pair] = _agreement(asks, sides[stable], sides[candidate])
        rows.append(_row(stable, candidate, sides, agreed[pair]))
    return tuple(rows)


def _side(asks: Sequence[Ask], texts: Sequence[str]) -> Side:
    answers = tuple(Answer(text, "", False, "stop", False, (), None) for text in texts)
    both = list(zip(asks, answers, strict=True))
    refused = tuple(reading == 1.0 for reading in (_value(read(*each)) for each in both))
    return Side(
        answers, refused, {name: _share([_value(signal(*each)) for each in both]) for name, signal in ALSO.items()}
    )


def _value(reading: object) -> float | None:
    return reading.value if isinstance(reading, Measured) else None


def _share(values: Sequence[float | None]) -> float:
    there = [value for value in values if value is not None]
    return fmean(there) if there else 0.0


def _agreement(asks: Sequence[Ask], one: Side, other: Side) -> float:
    triples = list(zip(asks, one.answers, other.answers, strict=True))[::_EVERY]
    return fmean(agreement.agree(*triple) for triple in triples)


def _row(stable: str, candidate: str, sides: Mapping[str, Side], agreed: float) -> SwapRow:
    old, new = sides[stable], sides[candidate]
    counts = counted(old.refused, new.refused)
    found = change(counts)
    assert found is not None
    pairs = zip(old.answers, new.answers, strict=True)
    ratio = fmean(length.difference(len(one.text), len(other.text)) for one, other in pairs)
    moves = {name: new.also[name] - old.also[name] for name in old.also}
    return SwapRow(
        stable,
        candidate,
        (fmean(old.refused), fmean(new.refused)),
        counts.gained,
        counts.lost,
        found,
        exp(ratio * length.CLIP),
        agreed,
        tuple(f"{name} {100 * moved:+.0f}".replace("-", "−") for name, moved in moves.items() if abs(moved) >= 0.05),
    )


def swap_table(rows: Sequence[SwapRow]) -> str:
    """Markdown."""
    lines = [
        "| stable → candidate | refusals | new, gone | change, points | length | agreement | others, points |",
        "|---|---|---|---|---:|---:|---|",
    ]
    for row in rows:
        interval = " … ".join(f"{100 * each:+.1f}" for each in (row.refusal.low, row.refusal.high))
        lines.append(
            f"| {row.stable} → {row.candidate} | {row.rates[0]:.3f} → {row.rates[1]:.3f} | {row.gained}, {row.lost} | "
            f"{f'{100 * row.refusal.estimate:+.1f} [{interval}]'.replace('-', '−')} | ×{row.length_ratio:.2f} | "
            f"{row.agreement:.2f} | {', '.join(row.moved)} |"
        )
    return "\n".join(lines)
