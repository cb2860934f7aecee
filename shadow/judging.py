"""Asks the judge model about the grey comparisons of a triple, within its calls a minute.

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
from shadow.judge import CALLS_PER_COMPARISON, PATH, JudgePolicy, question, verdict
from shadow.mirror import SHADOW_HEADER, Upstream
from shadow.pacing import Tokens
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

    async def _ask(self, body: bytes, spent: Counter[str]) -> float | None:
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
        return verdict(said)

    def _spend(self, calls: int) -> bool:
        now = anyio.current_time()
        level = self._calls or Tokens.full(self._policy.calls_per_minute, now)
        left = level.spend(calls, now)
        self._calls = left or level
        return left is not None
