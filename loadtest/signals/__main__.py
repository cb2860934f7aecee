"""How well the signals see what users would see: `python -m loadtest.signals` (or `make signals`).

Prints, and with `--write` puts between the marks of `docs/signals.md`: refusals on every labelled source beside simple
detectors; written exchanges by kind; every pair of XSTest's models; refusals in other languages; agreement on
human-judged answers; all recorded swaps. Ends with 1 where a bar is missed and the docs do not say so.

Needs the shared data folder (`DRIFTGATE_SHARED_DATA`); 2 without it.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from loadtest.rig.recordings import data_dir
from loadtest.signals import agreement, confusion, tongues
from loadtest.signals.coverage import Coverage, coverage
from loadtest.signals.coverage import table as coverage_table
from loadtest.signals.fit import labelled_examples, own_examples
from loadtest.signals.refusal import (
    BARS,
    COVERAGE_BAR,
    MEAN_ERROR_BAR,
    PairRow,
    Score,
    model_pairs,
    pair_tables,
    reading_scores,
    score_table,
    scores,
)
from loadtest.signals.sources import CHATGPT, XSTEST, recorded, sources
from loadtest.signals.swaps import swap_rows, swap_table

BEGIN: Final = "<!-- signals:begin -->"
END: Final = "<!-- signals:end -->"
DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "signals.md"
KNOWN_MISSED: Final[frozenset[str]] = frozenset()
"""Bars that are known to be missed; docs/signals.md says why."""


def missed(made: list[Score], pairs: list[PairRow], held: list[Coverage]) -> list[str]:
    """The bars that are missed, by name."""
    found = [row.source for row in made if row.detector.endswith("left out") and row.f1 < BARS[row.source]]
    for meaning in dict.fromkeys(row.meaning for row in pairs):
        mine = [row for row in pairs if row.meaning == meaning]
        if sum(row.error for row in mine) / len(mine) > MEAN_ERROR_BAR:
            found.append(f"mean error, {meaning}")
        if any(row.wrong_sign for row in mine):
            found.append(f"sign, {meaning}")
        if sum(row.found.holds(row.truth) for row in mine) < COVERAGE_BAR * len(mine):
            found.append(f"coverage, {meaning}")
    found += [f"coverage, {each.kind}" for each in held if each.share < COVERAGE_BAR]
    return found


def report(data: Path) -> tuple[str, list[str]]:
    """All tables as Markdown, and the bars that are missed."""
    rows = sources(data)
    labelled, own = labelled_examples(data), own_examples()
    made = list(scores(rows, labelled, own))
    pairs = list(model_pairs(rows[XSTEST], labelled, own))
    held = list(coverage(rows, labelled, own))
    parts = (
        ("Refusals, answer by answer", score_table([*made, *reading_scores(rows, labelled)])),
        ("Written exchanges, each read by a fit without it", confusion.table(labelled)),
        ("Refusals, the change between two models (XSTest)", pair_tables(pairs)),
        ("Whether its intervals hold the truth", coverage_table(held)),
        ("Refusals in other languages", tongues.table()),
        ("Agreement (qa-eval, NQ)", agreement.table(agreement.rows(data))),
        ("The recorded swaps", swap_table(swap_rows(recorded(data)))),
    )
    return "\n\n".join(f"## {title}\n\n{table}" for title, table in parts), missed(made, pairs, held)


def main() -> int:
    """Print the tables; say which bars are missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/signals.md")
    write = parser.parse_args().write
    if set(sources(data_dir())) != {XSTEST, CHATGPT}:
        sys.stderr.write("the labelled sources are not here; DRIFTGATE_SHARED_DATA says where they are\n")
        return 2
    text, failed = report(data_dir())
    print(text)
    print(f"\nbars missed: {', '.join(failed) or 'none'}")
    if write:
        whole = DOCUMENT.read_text(encoding="utf-8")
        before, after = whole.split(BEGIN)[0], whole.split(END)[1]
        DOCUMENT.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
    return int(bool(set(failed) - KNOWN_MISSED))


if __name__ == "__main__":
    sys.exit(main())
