"""Do the intervals of the change hold the truth: on many more comparisons than ten pairs of models are.

Ten pairs say little about a claim of 95 %. Labelled answers allow for more, of three kinds: pairs of XSTest's models on
each type of prompt (kinds of prompts that a detector may see worse); on random parts of the prompts, against the truth
of all prompts (so that chance takes part); and pairs of answers drawn from ChatGPT refusals, at rates that real
rollouts have, with the error rates of the other source. None of them are independent of each other, since they share
answers; and a swap the other way round is the same comparison. The recorded swaps of other models have no labels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from loadtest.signals.fit import Examples, examples, fit
from loadtest.signals.refusal import Own, counted, errs_left_out, left_out
from loadtest.signals.sources import CHATGPT, XSTEST, Labelled, decided
from shadow.signals.refusal_change import Errs, change

_PARTS: Final = (225, 112)
_DRAWS: Final = 40
_RATES: Final = (0.02, 0.1, 0.3)
_PAIRS: Final = 400
BY_TYPE: Final = "XSTest, two models, one type of prompt"
_LEAST: Final = 15
"""Prompts of a type; fewer tell nothing."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: whether a person says that it refuses, and whether the detector does."""

    refused: bool
    said: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many comparisons of one kind there are, in how many the interval holds the truth, and how wide it is."""

    kind: str
    comparisons: int
    held: int
    width: float

    @property
    def share(self) -> float:
        """Of the comparisons."""
        return self.held / self.comparisons


def coverage(rows: dict[str, tuple[Labelled, ...]], labelled: dict[str, Examples], own: Own) -> Iterator[Coverage]:
    """Each kind of comparison."""
    models = _models(rows[XSTEST], labelled, own)
    errs = errs_left_out(labelled, own)
    types = {row.item: row.group for row in rows[XSTEST]}
    yield _held(BY_TYPE, _by_type(models, types), errs)
    for size in _PARTS:
        yield _held(f"XSTest, two models, {size} random prompts, the truth of all", _by_part(models, size), errs)
    said = left_out(CHATGPT, labelled, own).scores(labelled[CHATGPT]) > 0.0
    answers = [Answered(bool(row.refused), bool(one)) for row, one in zip(decided(rows[CHATGPT]), said, strict=True)]
    yield _held(f"ChatGPT refusals, {_PAIRS} drawn pairs", _drawn(answers), _errs_on_xstest(labelled, own))


def table(made: Sequence[Coverage]) -> str:
    """Markdown: one row per kind."""
    lines = ["| comparisons of | how many | interval holds the truth | mean width, points |", "|---|---:|---:|---:|"]
    lines += [
        f"| {each.kind} | {each.comparisons:,} | {each.held:,} ({100 * each.share:.1f} %) | {100 * each.width:.1f} |"
        for each in made
    ]
    return "\n".join(lines)


_Models = dict[str, dict[str, Answered]]
_Compared = tuple[list[Answered], list[Answered], float]
"""Stable's and the candidate's answers, and the true change that their interval is to hold."""


def _models(rows: tuple[Labelled, ...], labelled: dict[str, Examples], own: Own) -> _Models:
    """XSTest by model and prompt, partial refusals counted too, read by a detector that was not fitted on it."""
    detector = left_out(XSTEST, labelled, own)
    said = detector.scores(examples((row.prompt, row.text, False) for row in rows)) > 0.0
    found: _Models = {}
    for row, one in zip(rows, said, strict=True):
        found.setdefault(row.model, {})[row.item] = Answered(row.label[0] != "1", bool(one))
    return found


def _errs_on_xstest(labelled: dict[str, Examples], own: Own) -> Errs:
    source = labelled[XSTEST]
    said, refused = fit(own).scores(source) > 0.0, source.refused > 0.0
    return Errs(float(1.0 - said[refused].mean()), float(1.0 - refused[said].mean()))


def _compared(models: _Models, stable: str, candidate: str, items: Sequence[str]) -> _Compared:
    old, new = ([models[name][item] for item in items] for name in (stable, candidate))
    return old, new, _truth(old, new)


def _truth(old: Sequence[Answered], new: Sequence[Answered]) -> float:
    return sum(two.refused - one.refused for one, two in zip(old, new, strict=True)) / len(old)


def _by_type(models: _Models, types: dict[str, str]) -> Iterator[_Compared]:
    for wanted in sorted(set(types.values())):
        items = [item for item, kind in types.items() if kind == wanted]
        if len(items) >= _LEAST:
            for stable, candidate in combinations(sorted(models), 2):
                yield _compared(models, stable, candidate, items)


def _by_part(models: _Models, size: int) -> Iterator[_Compared]:
    random = np.random.default_rng(size)
    items = sorted(next(iter(models.values())))
    for stable, candidate in combinations(sorted(models), 2):
        *_, truth = _compared(models, stable, candidate, items)
        for _ in range(_DRAWS):
            part = [items[at] for at in random.permutation(len(items))[:size]]
            old, new, _ = _compared(models, stable, candidate, part)
            yield old, new, truth


def _drawn(answers: Sequence[Answered]) -> Iterator[_Compared]:
    """Two supposed models that refuse at given rates, each answer drawn from the labelled ones."""
    random = np.random.default_rng(1)
    by_label = {label: [each for each in answers if each.refused is label] for label in (False, True)}

    def drawn(rate: float) -> list[Answered]:
        refusing = random.random(_PAIRS) < rate
        return [by_label[bool(one)][random.integers(len(by_label[bool(one)]))] for one in refusing]

    for stable in _RATES:
        for candidate in _RATES:
            for _ in range(_DRAWS):
                old, new = drawn(stable), drawn(candidate)
                yield old, new, candidate - stable


def _held(kind: str, compared: Iterator[_Compared], errs: Errs) -> Coverage:
    comparisons = held = 0
    width = 0.0
    for old, new, truth in compared:
        found = change(counted([each.said for each in old], [each.said for each in new]), errs)
        assert found is not None
        comparisons += 1
        held += found.holds(truth)
        width += found.high - found.low
    return Coverage(kind, comparisons, held, width / comparisons)
