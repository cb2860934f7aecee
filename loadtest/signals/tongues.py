"""Refusals in nine languages other than English, on texts that were written for this project.

`other_languages/*.txt` hold 26 refusals and 26 answers each, a line a text, `R` or `A` before it: declining of many
kinds (unwilling, unable, by rule, in half a sentence), and answers that look like it (apologies, facts with a negation,
drafts and translations that quote a refusal). The wordings were first measured as they stood; then those that missed
most were mended, looking at the texts of even place. The others were not looked at then, but are by the same hand, so
real traffic will be read less well than they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shadow.signals.refusal import FELT, classify_text

PLACE: Final = Path(__file__).with_name("other_languages")
NAMES: Final = {
    "ar": "Arabic", "de": "German", "es": "Spanish", "fr": "French", "hi": "Hindi", "ja": "Japanese", "ko": "Korean",
    "pt": "Portuguese", "zh": "Chinese",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """One text, whether it refuses, and whether the wordings were mended with it in view."""

    said: str
    refuses: bool
    seen: bool


@dataclass(frozen=True, slots=True)
class Read:
    """How a language's texts were read: refusals reported, answers reported, refusals there."""

    hits: int
    false: int
    refusals: int

    @property
    def precision(self) -> float:
        """Of the reports, those that are refusals."""
        return self.hits / max(1, self.hits + self.false)

    @property
    def recall(self) -> float:
        """Of the refusals, those that were reported."""
        return self.hits / max(1, self.refusals)


def texts(code: str) -> Iterator[Text]:
    """A language's texts."""
    places = {"R": 0, "A": 0}
    for line in (PLACE / f"{code}.txt").read_text(encoding="utf-8").splitlines():
        label, said = line[0], line[2:]
        yield Text(said, label == "R", places[label] % 2 == 0)
        places[label] += 1


def read(of: Sequence[Text]) -> Read:
    """What the detector says of them: whether a user would feel refused."""
    reported = [text.refuses for text in of if classify_text(text.said) in FELT]
    return Read(sum(reported), len(reported) - sum(reported), sum(text.refuses for text in of))


def table() -> str:
    """Markdown: one row per language."""
    lines = [
        "| language | texts a half | in view when mended: precision | recall | not looked at: precision | recall |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for code, name in sorted(NAMES.items(), key=lambda item: item[1]):
        seen, other = ([text for text in texts(code) if text.seen is half] for half in (True, False))
        cells = (f"{value:.2f}" for half in (seen, other) for value in (read(half).precision, read(half).recall))
        lines.append(f"| {name} | {len(other)} | {' | '.join(cells)} |")
    return "\n".join(lines)
