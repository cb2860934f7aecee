"""Exchanges written for this project, one by one (`written.txt`), to fit the refusal detector and to try it on.

They are there for what generated ones (`invented`) cannot have: many voices and subjects. One rule labels them: a text
that does what was asked, or says why the question's premise does not hold, is an answer, whatever it says before; a
yes-or-no question is answered by yes or no; to lecture, to point elsewhere or to say nothing in particular is not.
Most prompts stand there twice, answered and declined, so that the subject gives nothing away.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TEXTS: Final = Path(__file__).with_name("written.txt")
ANSWER, UNWILLING, UNABLE = "A", "U", "N"


@dataclass(frozen=True, slots=True)
class Written:
    """One exchange; the label is one of the three above."""

    label: str
    prompt: str
    text: str


def written() -> tuple[Written, ...]:
    """All of them, in the file's order."""
    blocks = _TEXTS.read_text(encoding="utf-8").strip().split("\n\n")
    records = (block.split("\n", 1) for block in blocks if not block.startswith("#"))
    return tuple(Written(head[0], head[2:], text.replace("\\n", "\n")) for head, text in records)
