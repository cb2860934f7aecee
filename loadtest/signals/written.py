"""Exchanges written for this project, one by one, to fit the refusal detector and to try it on.

`written.txt` is about what a model will not do, `unable.txt` about what it can not. Only the first is used for telling
unwilling from answers; both for telling whether what was asked is given.

They are there for what generated ones (`invented`) cannot have: many voices and subjects. One rule labels them: a text
that does what was asked, or says why the question's premise does not hold, is an answer, whatever it says before; a
yes-or-no question is answered by yes or no; to lecture, to point elsewhere or to say nothing in particular is not.
Most prompts stand there twice, answered and declined, so that the subject gives nothing away.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
ANSWER, UNWILLING, UNABLE, PARTIAL = "A", "U", "N", "P"


@dataclass(frozen=True, slots=True)
class Written:
    """One exchange; the label is one of the four above. A partial one does a part, and says so of the rest."""

    label: str
    prompt: str
    text: str


def written() -> tuple[Written, ...]:
    """What a model will not do: answers and refusals, and some inabilities."""
    return _read("written.txt")


def lacking() -> tuple[Written, ...]:
    """What a model can not do: said and no more, done in part, and done all the same."""
    return _read("unable.txt")


def _read(name: str) -> tuple[Written, ...]:
    blocks = (_HERE / name).read_text(encoding="utf-8").strip().split("\n\n")
    records = (block.split("\n", 1) for block in blocks if not block.startswith("#"))
    return tuple(Written(head[0], head[2:], text.replace("\\n", "\n")) for head, text in records)
