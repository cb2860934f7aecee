"""Pairs kept for a person to label: which ones, what is kept of them, and what a label says.

Off unless the configuration turns it on for an endpoint. Then a share of the pairs that voted is drawn by a hash of the
request (`Purpose.AUDIT`, its own), never by what the models said, and of the drawn those with the smallest hashes are
kept, up to a bound: at every moment a uniform sample of the pairs of the epoch. Texts are redacted and cut before they
leave the process, and expire.

A pair is shown without saying which answer is whose, in an order drawn with it, so that a label is about the answers.

Not here: where pairs wait (`review_store`), and what labels are worth (`rollback.audited`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from routing.bucketing import draw, fraction
from routing.purposes import Purpose
from shadow.answer import Answer
from shadow.exchange import Exchange
from shadow.reading import Measured, Reading
from shadow.redaction import EVERYTHING, Redact, redacted

MAX_CHARACTERS: Final = 6_000
"""Of each text. Longer ones are cut: who refuses does so at the beginning."""
_CUT: Final = " […]"


class Label(StrEnum):
    """Which of a pair's answers refuses, as a person sees it."""

    NEITHER = "neither"
    STABLE = "stable"
    CANDIDATE = "candidate"
    BOTH = "both"
    UNSURE = "unsure"

    @property
    def difference(self) -> int | None:
        """Candidate − stable; None where nobody can tell."""
        return {Label.STABLE: -1, Label.CANDIDATE: 1, Label.UNSURE: None}.get(self, 0)


@dataclass(frozen=True, slots=True)
class Review:
    """An endpoint's consent. `share` of the compared pairs, at most `most` at once, each for `keep_seconds`.

    `accepts` are the classes of data that may be kept; None: only data without a class. `judged`: the judge model
    labels them too.
    """

    share: float
    keep_seconds: float
    most: int
    redact: tuple[Redact, ...] = EVERYTHING
    accepts: tuple[str, ...] | None = None
    judged: bool = False

    def takes(self, data_class: str) -> bool:
        """Whether data of a class may be kept. What has no label fails closed, on either side."""
        return not data_class if self.accepts is None else data_class in self.accepts


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """One side of a kept pair, with what was read of it."""

    text: str
    kind: str
    refused: bool


@dataclass(frozen=True, slots=True)
class KeptPair:
    """One pair that waits for a label. `at` is Unix seconds; `order` is its place among the drawn, in [0, 1)."""

    id: str
    rollout: str
    epoch: int
    at: float
    order: float
    prompt: str
    stable: KeptAnswer
    candidate: KeptAnswer
    data_class: str = ""

    @property
    def difference(self) -> int:
        """Candidate − stable, as it was read."""
        return int(self.candidate.refused) - int(self.stable.refused)

    @property
    def candidate_first(self) -> bool:
        """Whether the candidate's answer is shown first: a coin that was tossed with the draw."""
        return int(self.id, 16) % 2 == 1


def kept_pair(
    review: Review,
    exchange: Exchange,
    prompt: str,
    stable: tuple[Answer, Reading],
    candidate: tuple[Answer, Reading],
) -> KeptPair | None:
    """The pair as it is kept, or None where it is not drawn, not allowed, or was not read. Readings are of refusal."""
    order = fraction(Purpose.AUDIT, exchange.salt, exchange.request_id)
    if order >= review.share or not review.takes(exchange.data_class):
        return None
    sides = [_kept(review, *side) for side in (stable, candidate)]
    if sides[0] is None or sides[1] is None:
        return None
    return KeptPair(
        id=f"{draw(Purpose.AUDIT, exchange.salt, exchange.request_id):016x}",
        rollout=exchange.rollout,
        epoch=exchange.epoch,
        at=exchange.started_at,
        order=order,
        prompt=_text(review, prompt),
        stable=sides[0],
        candidate=sides[1],
        data_class=exchange.data_class,
    )


def _kept(review: Review, said: Answer, reading: Reading) -> KeptAnswer | None:
    if not isinstance(reading, Measured):
        return None
    called = "".join(f"\n→ {call.name}({call.arguments})" for call in said.tool_calls)
    return KeptAnswer(_text(review, (said.text or said.refusal) + called), reading.reason, bool(reading.value))


def _text(review: Review, text: str) -> str:
    """Redacted before it is cut, so that no half of a number is left standing at the end."""
    clean = redacted(text[: 2 * MAX_CHARACTERS], review.redact)
    return clean if len(clean) <= MAX_CHARACTERS else clean[:MAX_CHARACTERS] + _CUT


# ── labels, as counters of a rollout ──────────────────────────────────────────────────────────────────────────────────


def label_prefix(epoch: int, difference: int) -> str:
    """The name, before a person's label itself, of the counter of pairs that were read to differ by this much."""
    return f"label.{epoch}.{difference}."


def judged_prefix(epoch: int, difference: int) -> str:
    """The same of labels that the judge model gave."""
    return f"judged.{epoch}.{difference}."


def labels_in(counts: Mapping[str, int], epoch: int) -> Iterator[tuple[int, Label, int]]:
    """What was read, what a person said, and how often, of the labels of an epoch."""
    return _labels_in(counts, epoch, label_prefix)


def judged_in(counts: Mapping[str, int], epoch: int) -> Iterator[tuple[int, Label, int]]:
    """The same of what the judge model said, of pairs without a person's label."""
    return _labels_in(counts, epoch, judged_prefix)


def _labels_in(
    counts: Mapping[str, int], epoch: int, prefix: Callable[[int, int], str]
) -> Iterator[tuple[int, Label, int]]:
    for read in (-1, 0, 1):
        for label in Label:
            count = counts.get(prefix(epoch, read) + label.value, 0)
            if count:
                yield read, label, count
