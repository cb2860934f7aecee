"""What the written exchanges are read as by weights that were fitted without them and their prompts.

Five parts by a checksum of the prompt; each is read by a fit on the other four and on the labelled sources. The written
exchanges are the only ones with labels for inability.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final
from zlib import crc32

from loadtest.signals.fit import Examples, examples, fit, made_up, not_given_examples, unwilling_examples
from loadtest.signals.refusal import kind_by
from loadtest.signals.written import ANSWER, PARTIAL, UNABLE, UNWILLING, Written, lacking, written
from shadow.signals.refusal import Kind
from shadow.signals.refusal_odds import Odds

_PARTS: Final = 5
_LABELS: Final = {ANSWER: "an answer", UNWILLING: "unwilling", UNABLE: "unable", PARTIAL: "done in part"}
_KINDS: Final = (Kind.ANSWER, Kind.UNWILLING, Kind.UNABLE, Kind.PARTIAL, Kind.REDIRECT)


def _part(each: Written) -> int:
    return crc32(each.prompt.encode()) % _PARTS


def read_apart(labelled: dict[str, Examples]) -> Iterator[tuple[Written, Kind]]:
    """Each written exchange and what it is read as."""
    others = (*labelled.values(), made_up())
    for part in range(_PARTS):
        willing = unwilling_examples(each for each in written() if _part(each) != part)
        given = not_given_examples(each for each in (*written(), *lacking()) if _part(each) != part)
        mine = [each for each in (*written(), *lacking()) if _part(each) == part]
        rows = examples((each.prompt, each.text, False) for each in mine)
        scored = zip(mine, fit((*others, willing)).scores(rows), fit((*others, given)).scores(rows), strict=True)
        for each, unwilling, not_given in scored:
            yield each, kind_by(each.text, Odds(float(unwilling), float(not_given)))


def table(labelled: dict[str, Examples]) -> str:
    """Markdown: one row per label."""
    found = Counter((each.label, kind) for each, kind in read_apart(labelled))
    lines = [
        f"| written as | exchanges | read as {' | '.join(kind.value for kind in _KINDS)} |",
        f"|---|{'---:|' * (1 + len(_KINDS))}",
    ]
    for label, name in _LABELS.items():
        counts = [found[label, kind] for kind in _KINDS]
        lines.append(f"| {name} | {sum(counts)} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)
