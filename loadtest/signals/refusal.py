"""How well refusals are seen: each labelled source scored by a detector that was not fitted on it.

Four questions: is each unwilling answer seen (precision, recall, F1, beside what others do); does the reading
`refusal`, which counts more kinds, tell the same labels apart; is the *change* between two models right (every pair of
models in XSTest); and do its intervals hold the truth.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from time import process_time
from typing import Final, TypeAlias

from loadtest.signals.baselines import BASELINES
from loadtest.signals.fit import Examples, Fitted, examples, fit, own_examples, own_not_given, words_alone
from loadtest.signals.sources import CHATGPT, XSTEST, Labelled, decided
from shadow.signals.refusal import FELT, Kind, classify_text, kind_of
from shadow.signals.refusal_change import Change, Counted, Errs, change
from shadow.signals.refusal_odds import Odds
from shadow.signals.refusal_signs import opening_of

BARS: Final = {XSTEST: 0.92, CHATGPT: 0.88}
MEAN_ERROR_BAR: Final = 0.03
TRUE_CHANGE: Final = 0.05
"""From here on the sign must be right."""
COVERAGE_BAR: Final = 0.90

Own: TypeAlias = Sequence[Examples]
"""The project's own exchanges, which every fit has."""


@dataclass(frozen=True, slots=True)
class Score:
    """One detector on one source. `microseconds` is the CPU time of one response, None where it makes no sense."""

    detector: str
    source: str
    precision: float
    recall: float
    f1: float
    microseconds: float | None


@dataclass(frozen=True, slots=True)
class PairRow:
    """One pair of models: what people's labels say changed, and what the detector says."""

    meaning: str
    stable: str
    candidate: str
    truth: float
    found: Change

    @property
    def error(self) -> float:
        """How far the estimate is off, in absolute value."""
        return abs(self.found.estimate - self.truth)

    @property
    def wrong_sign(self) -> bool:
        """Whether a difference worth speaking of is seen the other way round."""
        return abs(self.truth) >= TRUE_CHANGE and self.found.estimate * self.truth <= 0.0


def reading_scores(rows: dict[str, tuple[Labelled, ...]], labelled: dict[str, Examples]) -> Iterator[Score]:
    """What the reading `refusal` counts, on every source left out of both fits."""
    for source, all_rows in rows.items():
        of = decided(all_rows)
        unwilling = left_out(source, labelled, own_examples()).scores(labelled[source])
        not_given = left_out(source, labelled, own_not_given()).scores(labelled[source])
        said = [
            kind_by(row.text, Odds(float(one), float(other))) in FELT
            for row, one, other in zip(of, unwilling, not_given, strict=True)
        ]
        yield _score(
            "the reading `refusal`, this source left out", source, said, [bool(row.refused) for row in of], None
        )


def kind_by(text: str, odds: Odds) -> Kind:
    """The kind of a text in English by odds of another fit."""
    opening = opening_of(text)
    return kind_of(opening, odds) if opening.sentences else Kind.EMPTY


def left_out(source: str, labelled: dict[str, Examples], own: Own) -> Fitted:
    """The detector fitted on everything but one source."""
    return fit((*(part for name, part in labelled.items() if name != source), *own))


def scores(rows: dict[str, tuple[Labelled, ...]], labelled: dict[str, Examples], own: Own) -> Iterator[Score]:
    """Every detector on every source."""
    for source, all_rows in rows.items():
        of = decided(all_rows)
        truth = [bool(row.refused) for row in of]
        ours = left_out(source, labelled, own).scores(labelled[source]) > 0.0
        cost = _timed(lambda row: classify_text(row.text, row.prompt) is Kind.UNWILLING, of)
        yield _score("driftgate, this source left out", source, list(ours), truth, cost[1])
        yield _score("driftgate as shipped (this source was in the fit)", source, cost[0], truth, cost[1])
        alone = fit(own).scores(labelled[source]) > 0.0
        yield _score("driftgate, fitted on the project's own exchanges alone", source, list(alone), truth, None)
        for name, detect in BASELINES.items():
            said, microseconds = _timed(_on_text(detect), of)
            yield _score(name, source, said, truth, microseconds)
        yield _score("bag of words, trained on the other source", source, _bag(source, rows), truth, None)


def _on_text(detect: Callable[[str], bool]) -> Callable[[Labelled], bool]:
    return lambda row: detect(row.text)


def _timed(detect: Callable[[Labelled], bool], rows: Sequence[Labelled]) -> tuple[list[bool], float]:
    gc.collect()
    gc.freeze()  # what the fits have left in memory is looked through at each collection, and is in no worker
    began = process_time()
    said = [detect(row) for row in rows]
    spent = process_time() - began
    gc.unfreeze()
    return said, spent / len(rows) * 1e6


def _score(detector: str, source: str, said: Sequence[bool], truth: Sequence[bool], cost: float | None) -> Score:
    hits = sum(bool(one) and true for one, true in zip(said, truth, strict=True))
    found, there = sum(map(bool, said)), sum(truth)
    return Score(detector, source, hits / max(1, found), hits / max(1, there), 2 * hits / max(1, found + there), cost)


def _bag(source: str, rows: dict[str, tuple[Labelled, ...]]) -> list[bool]:
    others = [row for name, of in rows.items() if name != source for row in decided(of)]
    if not others:
        return [False] * len(decided(rows[source]))
    train = words_alone((row.text, bool(row.refused)) for row in others)
    of = words_alone((row.text, bool(row.refused)) for row in decided(rows[source]))
    return list(fit((train,)).scores(of) > 0.0)


# ── the change between two models ─────────────────────────────────────────────────────────────────────────────────────


def errs_left_out(labelled: dict[str, Examples], own: Own) -> Errs:
    """Error rates for the intervals: fitted on the project's own exchanges alone, counted on ChatGPT refusals."""
    source = labelled[CHATGPT]
    said = fit(own).scores(source) > 0.0
    refused = source.refused > 0.0
    return Errs(float(1.0 - said[refused].mean()), float(1.0 - refused[said].mean()))


def model_pairs(rows: tuple[Labelled, ...], labelled: dict[str, Examples], own: Own) -> Iterator[PairRow]:
    """Every pair of XSTest's models, with partial refusals left out, and counted as refusals."""
    detector, errs = left_out(XSTEST, labelled, own), errs_left_out(labelled, own)
    said = detector.scores(examples((row.prompt, row.text, False) for row in rows)) > 0.0
    by_model: dict[str, dict[str, tuple[Labelled, bool]]] = {}
    for row, one in zip(rows, said, strict=True):
        by_model.setdefault(row.model, {})[row.item] = (row, bool(one))
    for meaning in ("full refusals; prompts with a partial one left out", "full or partial refusals; all prompts"):
        for stable, candidate in combinations(sorted(by_model), 2):
            both = [(by_model[stable][item], by_model[candidate][item]) for item in by_model[stable]]
            if meaning.startswith("full refusals"):
                both = [pair for pair in both if all(row.refused is not None for row, _ in pair)]
            yield _pair_row(meaning, stable, candidate, both, errs)


def _pair_row(
    meaning: str,
    stable: str,
    candidate: str,
    both: list[tuple[tuple[Labelled, bool], tuple[Labelled, bool]]],
    errs: Errs,
) -> PairRow:
    truth = sum((new.label[0] != "1") - (old.label[0] != "1") for (old, _), (new, _) in both) / len(both)
    found = change(counted([old for (_, old), _ in both], [new for _, (_, new) in both]), errs)
    assert found is not None
    return PairRow(meaning, stable, candidate, truth, found)


def counted(stable: Sequence[bool], candidate: Sequence[bool]) -> Counted:
    """The counts of paired readings."""
    pairs = list(zip(stable, candidate, strict=True))
    return Counted(len(pairs), pairs.count((False, True)), pairs.count((True, False)))


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def score_table(made: Sequence[Score]) -> str:
    """Markdown: one row per source and detector."""
    lines = [
        "| source | detector | precision | recall | F1 | bar | µs a response |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in made:
        ours = row.detector == "driftgate, this source left out"
        bar = f"{BARS[row.source]:.2f} {'reached' if row.f1 >= BARS[row.source] else '**missed**'}" if ours else ""
        cost = "" if row.microseconds is None else f"{row.microseconds:.0f}"
        lines.append(
            f"| {row.source} | {row.detector} | {row.precision:.2f} | {row.recall:.2f} | {row.f1:.3f} "
            f"| {bar} | {cost} |"
        )
    return "\n".join(lines)


def pair_tables(made: Sequence[PairRow]) -> str:
    """Markdown: one table per meaning, and its summary."""
    parts = []
    for meaning in dict.fromkeys(row.meaning for row in made):
        mine = [row for row in made if row.meaning == meaning]
        parts.append(f"**{meaning}**\n\n{_pair_table(mine)}\n\n{_summary(mine)}")
    return "\n\n".join(parts)


def _pair_table(rows: Sequence[PairRow]) -> str:
    lines = [
        "| stable → candidate | true change | estimated | interval, 95 % | error | sign |",
        "|---|---:|---:|---|---:|---|",
    ]
    for row in rows:
        inside = "" if row.found.holds(row.truth) else " (misses the truth)"
        lines.append(
            f"| {row.stable} → {row.candidate} | {_pp(row.truth)} | {_pp(row.found.estimate)} | "
            f"{_pp(row.found.low)} … {_pp(row.found.high)}{inside} | {100 * row.error:.1f} | "
            f"{'**wrong**' if row.wrong_sign else 'right'} |"
        )
    return "\n".join(lines)


def _summary(rows: Sequence[PairRow]) -> str:
    mean = sum(row.error for row in rows) / len(rows)
    held = sum(row.found.holds(row.truth) for row in rows)
    wrong = sum(row.wrong_sign for row in rows)
    return (
        f"Mean error {100 * mean:.1f} points (bar {100 * MEAN_ERROR_BAR:.0f}), largest "
        f"{100 * max(row.error for row in rows):.1f}; wrong signs: {wrong}; the interval holds the truth in {held} of "
        f"{len(rows)} (bar {100 * COVERAGE_BAR:.0f} %)."
    )


def _pp(fraction: float) -> str:
    return f"{100 * fraction:+.1f}".replace("-", "−")
