"""What a shadow worker works with beyond its own process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from shadow.judging import Judge
from shadow.mirror import Mirror
from shadow.review import KeptPair, Review
from shadow.spending import Price
from shadow.store import CellStore


class PairKeeper(Protocol):
    """Where pairs wait for a person's label."""

    async def keep(self, endpoint: str, pair: KeptPair, review: Review) -> None:
        """Let the pair wait; raises `StoreUnavailable`."""


@dataclass(frozen=True, slots=True)
class Means:
    """Who answers mirrors, where counters and kept pairs go, who judges grey agreements, and the models' prices."""

    mirror: Mirror
    store: CellStore
    reviews: PairKeeper
    judge: Judge | None = None
    prices: Mapping[str, Price] = field(default_factory=dict)
