"""Pairs that wait for a person's label: shown without saying whose answer is whose, and what people said of them.

An endpoint without `review:` in the configuration keeps nothing, and has nothing to show.

What is listed for a label is blind: two answers in an order drawn by a hash, without what was read of them. Pairs whose
refusal was gained or lost are shown openly, to be read, and without ids: whoever labelled those would choose what to
label by what was read, and a sample that is chosen so corrects nothing.

Not here: the routes (`labelling`).
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from gateway.config.model import Config
from gateway.control.views import View
from rollback.errors import NotPossible
from rollback.rollout import Rollout
from rollback.watching import Watched
from shadow.review import KeptAnswer, KeptPair, Label
from shadow.review_store import Labelled, ReviewStore


class Refused(StrEnum):
    """Which of the two answers refuses, as they are shown."""

    NEITHER = "neither"
    FIRST = "first"
    SECOND = "second"
    BOTH = "both"
    UNSURE = "unsure"


class Show(StrEnum):
    """Which pairs are asked for."""

    WAITING = "waiting"
    GAINED = "gained"
    LOST = "lost"


class Reviewing:
    """Lists and labels kept pairs. `check` raises `UnknownEndpoint`."""

    def __init__(
        self, config: Config, store: ReviewStore, watched: Mapping[str, Watched], check: Callable[[str], None]
    ) -> None:
        self._config = config
        self._store = store
        self._watched = watched
        self._check = check

    async def page(self, endpoint: str, show: Show, limit: int) -> View:
        """Pairs of the latest rollout's epoch."""
        self._check(endpoint)
        rollout = self._watched[endpoint].rollout
        on = self._config.endpoints[endpoint].review is not None
        if rollout is None:
            return _page(endpoint, None, on, (), Labelled(frozenset(), frozenset()), [])
        kept = await self._store.kept(endpoint, rollout.epoch)
        labelled = await self._store.labelled(endpoint, rollout.epoch)
        if show is Show.WAITING:
            shown = [_blind(pair) for pair in kept if pair.id not in labelled.by_people]
        else:
            wanted = 1 if show is Show.GAINED else -1
            shown = [_open(pair) for pair in kept if pair.difference == wanted]
        return _page(endpoint, rollout, on, kept, labelled, shown[:limit])

    async def label(self, endpoint: str, pair_id: str, refused: Refused, actor: str) -> View:
        """Take a label; a second one of the same pair takes the first back."""
        self._check(endpoint)
        pair = await self._store.find(endpoint, pair_id)
        rollout = self._watched[endpoint].rollout
        if rollout is None or (rollout.id, rollout.epoch) != (pair.rollout, pair.epoch):
            raise NotPossible(f"{pair.rollout} is over: only pairs of {endpoint}'s latest rollout can be labelled")
        meant = _meant(pair, refused)
        before = await self._store.label(endpoint, pair, meant, actor)
        first, second = ("candidate", "stable") if pair.candidate_first else ("stable", "candidate")
        return {
            "id": pair.id,
            "refused": refused.value,
            "first": first,
            "second": second,
            "replaced": _said(pair, before).value if before is not None else None,
        }


def _page(
    endpoint: str,
    rollout: Rollout | None,
    on: bool,
    kept: Sequence[KeptPair],
    labelled: Labelled,
    shown: Sequence[View],
) -> View:
    return {
        "endpoint": endpoint,
        "on": on,
        "rollout": rollout.id if rollout is not None else None,
        "epoch": rollout.epoch if rollout is not None else None,
        "kept": len(kept),
        "waiting": sum(pair.id not in labelled.by_people for pair in kept),
        "labelled": len(labelled.by_people),
        "judged": len(labelled.by_judge),
        "pairs": list(shown),
    }


def _blind(pair: KeptPair) -> View:
    first, second = (pair.candidate, pair.stable) if pair.candidate_first else (pair.stable, pair.candidate)
    return {"id": pair.id, "at": pair.at, "prompt": pair.prompt, "first": first.text, "second": second.text}


def _open(pair: KeptPair) -> View:
    return {
        "at": pair.at,
        "prompt": pair.prompt,
        "stable": _answer(pair.stable),
        "candidate": _answer(pair.candidate),
    }


def _answer(answer: KeptAnswer) -> View:
    return {"text": answer.text, "kind": answer.kind, "refused": answer.refused}


def _meant(pair: KeptPair, refused: Refused) -> Label:
    """What a label of the shown order says of the arms."""
    if refused in (Refused.FIRST, Refused.SECOND):
        return Label.CANDIDATE if (refused is Refused.FIRST) == pair.candidate_first else Label.STABLE
    return Label(refused.value)


def _said(pair: KeptPair, label: Label) -> Refused:
    """The reverse."""
    if label in (Label.STABLE, Label.CANDIDATE):
        return Refused.FIRST if (label is Label.CANDIDATE) == pair.candidate_first else Refused.SECOND
    return Refused(label.value)
