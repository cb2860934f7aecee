"""How much of the evidence one tenant may be, so that none can buy a verdict with many keys.

A vote is let in while its tenant has cast few, or no more than its share of all. That looks at how many votes there
were, never at what they said, nor at the arm: which votes count is fixed before they are read, and so every bound on
false alarms holds for those that count (optional skipping; Shafer & Vovk 2019, Game-Theoretic Foundations, ch. 7).

Each worker keeps its own count, since the last start: a tenant's share is bounded in what each of them sends. Where
fewer tenants are active than the share allows for (one, at a half), what they may add ends: one tenant alone decides
nothing then, which is what the bound says.
"""

from collections import Counter, OrderedDict
from typing import Final

from shadow.batching import Home
from shadow.exchange import Exchange

DIMENSION: Final = "key.tenant"
"""The slice that says whose an exchange is. Keys name their tenant; no client can choose it."""
FREE_VOTES: Final = 50
"""A tenant's first votes always count: who comes first would else wait for the others."""
MOST_HOMES: Final = 64
"""Rollouts' epochs that are remembered; one is active per endpoint, and the oldest is forgotten first."""


class TenantShares:
    """Counts votes by tenant."""

    __slots__ = ("_votes",)

    def __init__(self) -> None:
        self._votes: OrderedDict[Home, Counter[str]] = OrderedDict()

    def admit(self, home: Home, exchange: Exchange, most: float | None) -> bool:
        """Whether one more vote of the exchange's tenant keeps it within `most` of all; it is counted then.

        `most` is a fraction; None lets everybody in.
        """
        if most is None:
            return True
        votes = self._votes.setdefault(home, Counter())
        self._votes.move_to_end(home)
        if len(self._votes) > MOST_HOMES:
            self._votes.popitem(last=False)
        tenant = dict(exchange.slices).get(DIMENSION, "")
        mine = votes[tenant]
        if mine >= FREE_VOTES and mine > most * votes.total():
            return False
        votes[tenant] = mine + 1
        return True
