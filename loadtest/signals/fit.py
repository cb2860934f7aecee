"""Fits the refusal detector's weights and writes them into the product: `python -m loadtest.signals.fit`.

Logistic regression with a ridge penalty, on the signs of `shadow.signals.refusal_signs`. The examples are the labelled
sources whose licences permit it (XSTest, ChatGPT refusals; never the recorded swaps) and exchanges made up by
`loadtest.signals.invented`. Each source weighs the same, however many rows it has: none may set the line alone.

For judging, `fit` is called with one labelled source left out; the penalty and the sources' weights below are the same
there. Signs, recipes and penalty were chosen while looking at both sources, which no leaving out can undo.
"""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from loadtest.rig.recordings import data_dir
from loadtest.signals.invented import invent
from loadtest.signals.sources import decided, sources
from shadow.signals.refusal_signs import signs_of

INVENTED: Final = 3_000
SEED: Final = 1
SOURCE_WEIGHT: Final = 1_000.0
"""Every source counts as so many examples."""
RIDGE: Final = 4.0
STEPS: Final = 300
NAMES: Final = tuple(signs_of("a question", "An answer."))
TARGET: Final = Path(__file__).resolve().parents[2] / "shadow" / "signals" / "refusal_weights.py"

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Examples:
    """Signs of one source's answers, one row each, and whether each is a refusal (1.0 or 0.0)."""

    signs: Matrix
    refused: Matrix


@dataclass(frozen=True, slots=True)
class Fitted:
    """A linear score: refused above 0."""

    base: float
    weights: Matrix

    def scores(self, signs: Matrix) -> Matrix:
        """Log odds of each row."""
        return np.asarray(signs @ self.weights + self.base, dtype=np.float64)


def examples(rows: Iterable[tuple[str, str, bool]]) -> Examples:
    """Examples of (prompt, text, refused)."""
    signs, refused = [], []
    for prompt, text, said_no in rows:
        found = signs_of(prompt, text)
        signs.append([found.get(name, 0.0) for name in NAMES])
        refused.append(float(said_no))
    return Examples(np.array(signs, dtype=np.float64), np.array(refused, dtype=np.float64))


def invented_examples() -> Examples:
    """The made-up exchanges."""
    return examples((each.prompt, each.text, each.refused) for each in invent(INVENTED, SEED))


def labelled_examples(data: Path) -> dict[str, Examples]:
    """The labelled sources that are there."""
    return {
        name: examples((row.prompt, row.text, bool(row.refused)) for row in decided(rows))
        for name, rows in sources(data).items()
    }


def fit(parts: Iterable[Examples]) -> Fitted:
    """Logistic regression by Nesterov's accelerated gradient; deterministic."""
    listed = tuple(parts)
    signs = np.concatenate([part.signs for part in listed])
    refused = np.concatenate([part.refused for part in listed])
    weight = np.concatenate([np.full(len(part.refused), SOURCE_WEIGHT / len(part.refused)) for part in listed])
    rows = np.column_stack([signs, np.ones(len(refused))])
    penalty = np.append(np.full(signs.shape[1], RIDGE), 0.0)
    curvature = 0.25 * float(np.linalg.eigvalsh(rows.T @ (weight[:, None] * rows))[-1]) + RIDGE
    at = ahead = np.zeros(rows.shape[1])
    momentum = 1.0
    for _ in range(STEPS):
        excess = weight * (1.0 / (1.0 + np.exp(-(rows @ ahead))) - refused)
        new = ahead - (rows.T @ excess + penalty * ahead) / curvature
        grown = (1.0 + np.sqrt(1.0 + 4.0 * momentum * momentum)) / 2.0
        ahead = new + (momentum - 1.0) / grown * (new - at)
        at, momentum = new, grown
    return Fitted(float(at[-1]), at[:-1])


def source_text(fitted: Fitted, used: Iterable[str]) -> str:
    """The module that the product ships."""
    lines = [f'    "{name}": {weight:.3f},' for name, weight in zip(NAMES, fitted.weights, strict=True)]
    return "\n".join(
        (
            '"""What each sign of `refusal_signs` adds to the log odds of an unwilling refusal. Data, not code.',
            "",
            f"Written by `python -m loadtest.signals.fit` from: {', '.join(used)}. Edit that, not this.",
            '"""',
            "",
            "from collections.abc import Mapping",
            "from types import MappingProxyType",
            "from typing import Final",
            "",
            f"BASE: Final = {fitted.base:.3f}",
            "",
            "_WEIGHTS: Final = {",
            *lines,
            "}",
            "WEIGHTS: Final[Mapping[str, float]] = MappingProxyType(_WEIGHTS)",
            '"""By the sign\'s name."""',
            "",
        )
    )


def main() -> int:
    """Fit on all sources and write the weights; with `--check`, only say whether they would change."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the shipped weights differ")
    only_check = parser.parse_args().check
    labelled = labelled_examples(data_dir())
    if len(labelled) < 2:
        sys.stderr.write("the labelled sources are not here\n")
        return 2
    text = source_text(fit((*labelled.values(), invented_examples())), (*labelled, "invented exchanges"))
    if only_check:
        return int(TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
