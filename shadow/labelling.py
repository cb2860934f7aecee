"""Lets the judge model label the pairs that are kept for review.

Stands between the worker and the store: a pair is kept as ever, and where the endpoint's `review:` says so it is also
put before the judge, which sees what a person would see: the redacted texts, without whose they are. Pairs wait in a
bounded queue, one at a time is asked about, and one that finds no room, or no call left in the minute, waits for a
person like all others. That depends on how busy the minute is, not on what was said, so what is labelled stays a
sample that nobody chose by its content.

A judge's label is counted apart from people's, and gives way to a person's (`review_store`).
"""

import logging
from collections import deque
from typing import Final

import anyio

from routing.errors import StoreUnavailable
from shadow.judging import Judge
from shadow.review import KeptPair, Review
from shadow.review_store import ReviewStore

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 200


class Labelling:
    """Keeps pairs as `ReviewStore` does; `serve` lets the judge label them."""

    def __init__(self, store: ReviewStore, judge: Judge) -> None:
        self._store = store
        self._judge = judge
        self._waiting: deque[tuple[str, KeptPair]] = deque()
        self._came = anyio.Event()

    async def keep(self, endpoint: str, pair: KeptPair, review: Review) -> None:
        """Let the pair wait; raises `StoreUnavailable`."""
        await self._store.keep(endpoint, pair, review)
        if review.judged and len(self._waiting) < MOST_WAITING:
            self._waiting.append((endpoint, pair))
            self._came.set()

    async def serve(self) -> None:
        """Label what waits, until cancelled."""
        while True:
            await self._came.wait()
            self._came = anyio.Event()
            while self._waiting:
                await self._label(*self._waiting.popleft())

    async def _label(self, endpoint: str, pair: KeptPair) -> None:
        found = await self._judge.label(pair)
        try:
            await self._store.judge(endpoint, pair, found.label, self._judge.model, found.counts)
        except StoreUnavailable as error:
            logger.warning("a label of the judge model is lost: %s", error)
