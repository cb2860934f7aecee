"""Asks the judge model about the grey comparisons of a triple, and for labels of kept pairs, within its calls a minute.

No room, data that it may not see, a failed call or a word that is none: then the triple stands as the words had it, and
that is counted. Nothing else depends on the judge.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import anyio

from shadow.answer import Answer, Unreadable
from shadow.capture import read_answer
from shadow.errors import MirrorFailed
from shadow.exchange import Api, Exchange
from shadow.judge import CALLS_PER_COMPARISON, PATH, JudgePolicy, question, refusal_question, refusing, verdict
from shadow.mirror import SHADOW_HEADER, Upstream
from shadow.pacing import Tokens
from shadow.review import KeptAnswer, KeptPair, Label
from shadow.signals.agreement import Agreement
from shadow.spending import spending

DEADLINE_SECONDS: Final = 30.0
_PAIRS: Final = tuple(combinations(range(3), 2))
"""Of stable, stable again and candidate: the order in which agreements come."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Three agreements, the judge's in the place of grey ones, and what to count."""

    values: tuple[float, ...]
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Labelled:
    """What the judge says of a kept pair, None where it was not asked or said nothing of use, and what to count."""

    label: Label | None
    counts: dict[str, int]


_LABELS: Final = {
    (False, False): Label.NEITHER,
    (True, False): Label.STABLE,
    (False, True): Label.CANDIDATE,
    (True, True): Label.BOTH,
}
"""By whether stable's and the candidate's answer refuse."""


class Judge:
    """One per process. `upstream` raises `MirrorFailed`."""

    def __init__(self, policy: JudgePolicy, upstream: Upstream) -> None:
        self._policy = policy
        self._upstream = upstream
        self._calls: Tokens | None = None

    async def settle(
        self, exchange: Exchange, prompt: str, said: Sequence[Answer], agreements: Sequence[Agreement]
    ) -> Settled:
        """The agreements of stable, stable again and candidate, with each other; see the module."""
        values = tuple(each.value for each in agreements)
        grey = self._policy.grey(agreements)
        if not grey:
            return Settled(values, {})
        if not self._policy.takes(exchange.data_class):
            return Settled(values, {"judge.not_allowed": 1})
        if not self._spend(CALLS_PER_COMPARISON * len(grey)):
            return Settled(values, {"judge.shed": 1})
        asked = [(said[_PAIRS[at][0]], said[_PAIRS[at][1]]) for at in grey]
        spent: Counter[str] = Counter()
        both: list[float | None] = [None] * (CALLS_PER_COMPARISON * len(grey))

        async def ask(at: int, first: Answer, second: Answer) -> None:
            both[at] = await self._ask(question(self._policy.model, prompt, first, second), spent)

        async with anyio.create_task_group() as tasks:
            for at, (one, other) in enumerate(asked):
                tasks.start_soon(ask, 2 * at, one, other)
                tasks.start_soon(ask, 2 * at + 1, other, one)
        counts = {"judge.calls": len(both), **spent}
        settled = dict(enumerate(values))
        for at, place in enumerate(grey):
            first, second = both[2 * at], both[2 * at + 1]
            if first is None or second is None:
                return Settled(values, {**counts, "judge.failed": 1})
            settled[place] = (first + second) / 2.0
        return Settled(tuple(settled.values()), {**counts, "judge.settled": 1})

    @property
    def model(self) -> str:
        """The model that judges, by its configured name."""
        return self._policy.model

    async def label(self, pair: KeptPair) -> Labelled:
        """Which answers of a kept pair refuse, asked twice, in either order; see the module.

        Two replies that contradict each other are `UNSURE`: then it was the place that spoke.
        """
        if not self._policy.takes(pair.data_class):
            return Labelled(None, {"judge.not_allowed": 1})
        if not self._spend(CALLS_PER_COMPARISON):
            return Labelled(None, {"judge.shed": 1})
        spent: Counter[str] = Counter({"judge.calls": CALLS_PER_COMPARISON})
        one = await self._refusing(pair.prompt, pair.stable, pair.candidate, spent)
        other = await self._refusing(pair.prompt, pair.candidate, pair.stable, spent)
        if one is None or other is None:
            return Labelled(None, {**spent, "judge.failed": 1})
        label = _LABELS[one] if one == other[::-1] else Label.UNSURE
        return Labelled(label, {**spent, "judge.labelled": 1})

    async def _refusing(
        self, prompt: str, first: KeptAnswer, second: KeptAnswer, spent: Counter[str]
    ) -> tuple[bool, bool] | None:
        said = await self._said(refusal_question(self._policy.model, prompt, first.text, second.text), spent)
        return None if said is None else refusing(said)

    async def _ask(self, body: bytes, spent: Counter[str]) -> float | None:
        said = await self._said(body, spent)
        return None if said is None else verdict(said)

    async def _said(self, body: bytes, spent: Counter[str]) -> Answer | None:
        try:
            reply = await self._upstream.unary(
                self._policy.model, PATH, (SHADOW_HEADER,), body, deadline_seconds=DEADLINE_SECONDS
            )
        except MirrorFailed:
            return None
        said = read_answer(Api.CHAT, reply.body, stream=False, status=reply.status)
        if isinstance(said, Unreadable):
            return None
        spent["judge.tokens"] += (said.prompt_tokens or 0) + (said.completion_tokens or 0)
        spent.update(spending("judge", self._policy.price, said))
        return said

    def _spend(self, calls: int) -> bool:
        now = anyio.current_time()
        level = self._calls or Tokens.full(self._policy.calls_per_minute, now)
        left = level.spend(calls, now)
        self._calls = left or level
        return left is not None
