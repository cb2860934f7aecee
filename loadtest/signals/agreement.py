"""How well `agreement` follows people's judgement: the area under the curve on human-judged pairs of answers.

The source is `qa-eval/NQ.json`: two answers that people judged correct agree, of two where one is correct they do not;
pairs of two wrong ones say nothing. Questions that the source calls improper are left out. The baselines of
`signals.md` that need no library are run beside it: normalised exact match, and token F1.

The kinds of task are those that the signal itself detects. Areas are within a kind, so a kind whose answers nearly all
agree has a rough one; the last rows are all pairs, and per pair of systems.

`rows()` gives the table to `loadtest.signals`; `python -m loadtest.signals.agreement` prints it alone.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from time import process_time
from typing import Final, TypeAlias

import numpy as np

from loadtest.rig.recordings import data_dir
from shadow.answer import Answer, Ask
from shadow.signals.agreement import compare

BAR: Final = 0.85
BAR_US: Final = 300.0
SYSTEMS: Final = ("fid", "gpt35", "chatgpt", "gpt4", "newbing")
LEAST_PAIRS: Final = 20
"""A kind with fewer pairs of either sort has no row."""


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """Two systems' answers to one question, and whether people say that they agree."""

    question: str
    systems: str
    one: str
    other: str
    agree: bool


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """One line of the table. `area` is None where there are too few pairs; `microseconds` is the CPU time of a pair."""

    scorer: str
    pairs_of: str
    pairs: int
    agreeing: int
    area: float | None
    microseconds: float | None = None


_Score: TypeAlias = Callable[[JudgedPair], float]


def judged_pairs(path: Path) -> Iterator[JudgedPair]:
    """Every pair that people's judgement says something about."""
    for row in json.loads(path.read_text(encoding="utf-8")):
        for one, other in combinations(SYSTEMS, 2):
            right = bool(row[f"judge_{one}"]), bool(row[f"judge_{other}"])
            said = row[f"answer_{one}"], row[f"answer_{other}"]
            if any(right) and not row["improper"] and None not in said:
                yield JudgedPair(row["question"], f"{one}, {other}", *said, agree=all(right))


def area(scores: list[float], agree: list[bool]) -> float | None:
    """The area under the curve: how often an agreeing pair scores above another one, ties half (Mann & Whitney)."""
    truth = np.array(agree)
    positive, negative = int(truth.sum()), int((~truth).sum())
    if min(positive, negative) < LEAST_PAIRS:
        return None
    _, place, counts = np.unique(np.array(scores), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[place]
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * negative))


def rows(data: Path | None = None) -> tuple[AgreementRow, ...]:
    """The table: baselines, the signal, the signal by kind of task, and by pair of systems."""
    pairs = list(judged_pairs((data or data_dir()) / "qa-eval" / "NQ.json"))
    began = process_time()
    compared = [compare(_ask(pair), _answer(pair.one), _answer(pair.other)) for pair in pairs]
    took = (process_time() - began) / len(pairs) * 1e6
    scores = [each.value for each in compared]
    made = [_row(name, "all", pairs, [score(pair) for pair in pairs]) for name, score in _BASELINES.items()]
    made.append(_row("agreement", "all", pairs, scores, took))
    made += _grouped(pairs, scores, [f"kind {each.kind}" for each in compared])
    made += _grouped(pairs, scores, [pair.systems for pair in pairs])
    return tuple(made)


def _grouped(pairs: list[JudgedPair], scores: list[float], groups: list[str]) -> Iterator[AgreementRow]:
    for group in sorted(set(groups)):
        chosen = [index for index, name in enumerate(groups) if name == group]
        yield _row("agreement", group, [pairs[index] for index in chosen], [scores[index] for index in chosen])


def _row(
    scorer: str, group: str, pairs: list[JudgedPair], scores: list[float], took: float | None = None
) -> AgreementRow:
    agree = [pair.agree for pair in pairs]
    return AgreementRow(scorer, group, len(pairs), sum(agree), area(scores, agree), took)


def _ask(pair: JudgedPair) -> Ask:
    return Ask(pair.question, wants_json=False, schema=None, tools=(), max_tokens=None)


def _answer(text: str) -> Answer:
    return Answer(text, "", blocked=False, finish="stop", truncated=False, tool_calls=(), completion_tokens=None)


def _tokens(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", text.lower()) if word not in ("a", "an", "the")]


def _exact(pair: JudgedPair) -> float:
    return float(_tokens(pair.one) == _tokens(pair.other))


def _token_f1(pair: JudgedPair) -> float:
    one, other = set(_tokens(pair.one)), set(_tokens(pair.other))
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 1.0


_BASELINES: Final[dict[str, _Score]] = {"normalised exact match": _exact, "token F1": _token_f1}


def table(made: tuple[AgreementRow, ...]) -> str:
    """The rows as Markdown."""
    lines = [
        "| score | pairs of | pairs | agreeing | area under the curve | µs a pair |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in made:
        found = "too few" if row.area is None else f"{row.area:.3f}"
        cost = "" if row.microseconds is None else f"{row.microseconds:.0f}"
        lines.append(f"| {row.scorer} | {row.pairs_of} | {row.pairs:,} | {row.agreeing:,} | {found} | {cost} |")
    return "\n".join(lines)


def main() -> int:
    """Print the table; 1 where the bar is missed."""
    made = rows()
    print(table(made))
    whole = next(row for row in made if row.scorer == "agreement" and row.pairs_of == "all")
    reached = (whole.area or 0.0) >= BAR and (whole.microseconds or 0.0) <= BAR_US
    print(f"\nbar: area at least {BAR} at no more than {BAR_US:.0f} µs: {'reached' if reached else 'missed'}")
    return int(not reached)


if __name__ == "__main__":
    sys.exit(main())
