"""Fits the refusal detector's weights and writes them into the product: `python -m loadtest.signals.fit`.

Two fits alike: unwilling against answer (`refusal_weights`), and everything that does not give what was asked against
answer (`unable_weights`, which knows the exchanges about inability, too).

Logistic regression with a ridge penalty, on the signs of `shadow.signals.refusal_signs`, on the same signs once more
for texts that speak as an AI (so that a sign may mean something else after such a disclaimer), and on the buckets of
`shadow.signals.refusal_words`. The examples are the labelled sources whose licences permit it (XSTest, ChatGPT
refusals; never the recorded swaps), exchanges written for this project (`written`) and made-up ones (`invented`). A
part weighs the same however many rows it has, so that none sets the line alone; the written ones weigh more.

For judging, `fit` is called with one labelled source left out; everything else is the same there. Signs, recipes and
penalty were chosen while looking at both sources, which no leaving out can undo.
"""

import argparse
import sys
from base64 import b85encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from textwrap import wrap
from typing import Final

import numpy as np

from loadtest.rig.recordings import data_dir
from loadtest.signals.invented import invent
from loadtest.signals.rows import Matrix, Rows, rows_of, stacked
from loadtest.signals.sources import decided, sources
from loadtest.signals.written import ANSWER, UNWILLING, Written, lacking, written
from shadow.signals.refusal_signs import opening_of, signs_in, signs_of
from shadow.signals.refusal_words import BUCKETS, buckets

INVENTED: Final = 3_000
SEED: Final = 1
PART_WEIGHT: Final = 1_000.0
"""Every part counts as so many examples,"""
WRITTEN_WEIGHT: Final = 4.0
"""and the written exchanges as so many parts."""
RIDGE: Final = 2.0
WORDS_LENGTH: Final = 5.0
"""All words of a text together are so long a row: about as long as its signs are."""
PRIOR: Final = log(1.5)
"""Refusals are up to half of the examples and a few in a hundred of what models say: a report must be half as likely
again to be right as wrong among texts such as the examples."""
STEPS: Final = 150
NAMES: Final = tuple(signs_of("a question", "An answer."))
_AS_AI: Final = NAMES.index("speaks_as_ai")
_PRODUCT: Final = Path(__file__).resolve().parents[2] / "shadow" / "signals"


@dataclass(frozen=True, slots=True)
class Examples:
    """One source's answers as rows, whether each is a refusal (1.0 or 0.0), and how many parts the source counts as."""

    rows: Rows
    refused: Matrix
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """A linear score: refused above 0. `as_ai` is added to `signs` for texts that speak as an AI."""

    base: float
    signs: Matrix
    as_ai: Matrix
    words: Matrix

    def scores(self, of: Examples) -> Matrix:
        """Log odds of each row."""
        return of.rows.times(np.concatenate([self.signs, self.as_ai, self.words])) + self.base


def examples(exchanges: Iterable[tuple[str, str, bool]], weight: float = 1.0) -> Examples:
    """Examples of (prompt, text, refused)."""
    signs, words, refused = [], [], []
    for prompt, text, said_no in exchanges:
        opening = opening_of(text)
        found = signs_in(prompt, opening) if opening.sentences else {}
        signs.append([found.get(name, 0.0) for name in NAMES])
        words.append(buckets(opening.head))
        refused.append(float(said_no))
    return Examples(_rows(np.array(signs, dtype=np.float64), words), np.array(refused, dtype=np.float64), weight)


def words_alone(exchanges: Iterable[tuple[str, bool]]) -> Examples:
    """Examples of (text, refused) that know no signs: a bag of words."""
    listed = tuple(exchanges)
    words = [buckets(opening_of(text).head) for text, _ in listed]
    signs = np.zeros((len(listed), len(NAMES)))
    return Examples(_rows(signs, words), np.array([float(said_no) for _, said_no in listed]))


def _rows(signs: Matrix, words: Sequence[set[int]]) -> Rows:
    return rows_of(np.hstack([signs, signs * signs[:, _AS_AI : _AS_AI + 1]]), words, BUCKETS, WORDS_LENGTH)


def made_up() -> Examples:
    """The exchanges that are made by recipe."""
    return examples((each.prompt, each.text, each.refused) for each in invent(INVENTED, SEED))


def unwilling_examples(of: Iterable[Written]) -> Examples:
    """Written exchanges that are unwilling or answers."""
    kept = (each for each in of if each.label in {ANSWER, UNWILLING})
    return examples(((each.prompt, each.text, each.label == UNWILLING) for each in kept), WRITTEN_WEIGHT)


def not_given_examples(of: Iterable[Written]) -> Examples:
    """Written exchanges, those that do not give what was asked, or only in part, against answers."""
    return examples(((each.prompt, each.text, each.label != ANSWER) for each in of), WRITTEN_WEIGHT)


def own_examples() -> tuple[Examples, ...]:
    """The project's own exchanges for telling unwilling from answers."""
    return made_up(), unwilling_examples(written())


def own_not_given() -> tuple[Examples, ...]:
    """The project's own exchanges for telling whether what was asked is given."""
    return made_up(), not_given_examples((*written(), *lacking()))


def labelled_examples(data: Path) -> dict[str, Examples]:
    """The labelled sources that are there."""
    return {
        name: examples((row.prompt, row.text, bool(row.refused)) for row in decided(rows))
        for name, rows in sources(data).items()
    }


def fit(parts: Iterable[Examples], prior: float = PRIOR) -> Fitted:
    """Logistic regression by Nesterov's accelerated gradient; deterministic."""
    listed = tuple(parts)
    rows = stacked([part.rows for part in listed])
    rows = Rows(np.hstack([rows.dense, np.ones((len(rows.dense), 1))]), rows.row, rows.column, rows.value, rows.columns)
    refused = np.concatenate([part.refused for part in listed])
    weight = np.concatenate(
        [np.full(len(part.refused), part.weight * PART_WEIGHT / len(part.refused)) for part in listed]
    )
    signs = 2 * len(NAMES)
    penalty = np.full(signs + 1 + rows.columns, RIDGE)
    penalty[signs] = 0.0
    curvature = 0.26 * rows.steepest(weight) + RIDGE
    at = ahead = np.zeros(len(penalty))
    momentum = 1.0
    for _ in range(STEPS):
        excess = weight * (1.0 / (1.0 + np.exp(-rows.times(ahead))) - refused)
        new = ahead - (rows.back(excess) + penalty * ahead) / curvature
        grown = (1.0 + np.sqrt(1.0 + 4.0 * momentum * momentum)) / 2.0
        ahead = new + (momentum - 1.0) / grown * (new - at)
        at, momentum = new, grown
    return Fitted(float(at[signs]) - prior, at[: len(NAMES)], at[len(NAMES) : signs], at[signs + 1 :])


def _table(name: str, weights: Matrix) -> Iterable[str]:
    yield f"_{name}: Final = {{"
    yield from (f'    "{sign}": {weight:.3f},' for sign, weight in zip(NAMES, weights, strict=True))
    yield "}"
    yield f"{name}: Final[Mapping[str, float]] = MappingProxyType(_{name})"


def source_text(fitted: Fitted, says: str, used: Iterable[str]) -> str:
    """A module that the product ships; `says` is what its numbers are odds of."""
    step = float(np.abs(fitted.words).max()) / 127.0
    packed = b85encode(np.rint(fitted.words / step).astype(np.int8).tobytes()).decode()
    return "\n".join(
        (
            f'"""What each sign and word of an opening adds to the log odds {says}. Data, not code.',
            "",
            f"Written by `python -m loadtest.signals.fit`, from {', '.join(used)}.",
            '"""',
            "",
            "from collections.abc import Mapping",
            "from types import MappingProxyType",
            "from typing import Final",
            "",
            f"BASE: Final = {fitted.base:.3f}",
            "",
            *_table("WEIGHTS", fitted.signs),
            '"""By the sign\'s name."""',
            "",
            *_table("WEIGHTS_AS_AI", fitted.signs + fitted.as_ai),
            '"""The same, for a text that speaks as an AI."""',
            "",
            f"WORD_STEP: Final = {step * WORDS_LENGTH:.5f}",
            '"""What 1 in `WORDS` is worth, before it is divided by the root of the number of buckets."""',
            "WORDS: Final = (",
            *(f'    "{line}"' for line in wrap(packed, 112)),
            ")",
            '"""A signed byte for each bucket of `refusal_words`, in base 85."""',
            "",
        )
    )


def shipped(labelled: dict[str, Examples]) -> dict[Path, str]:
    """The modules as they ship, by path: fitted on everything there is."""
    used = (*labelled, "invented and written exchanges")
    unwilling = fit((*labelled.values(), *own_examples()))
    not_given = fit((*labelled.values(), *own_not_given()))
    return {
        _PRODUCT / "refusal_weights.py": source_text(unwilling, "of an unwilling refusal", used),
        _PRODUCT / "unable_weights.py": source_text(not_given, "that what was asked is not given", used),
    }


def main() -> int:
    """Fit on all sources and write the weights; with `--check`, only say whether they would change."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the shipped weights differ")
    only_check = parser.parse_args().check
    labelled = labelled_examples(data_dir())
    if len(labelled) < 2:
        sys.stderr.write("the labelled sources are not here\n")
        return 2
    made = shipped(labelled)
    if only_check:
        return int(any(path.read_text(encoding="utf-8") != text for path, text in made.items()))
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
