"""From a triple of answers to its vote, without JSON paths that vary by themselves, with the judge's word if asked."""

from collections.abc import Mapping

from shadow import comparison
from shadow.answer import Answer
from shadow.cells import Vote
from shadow.comparison import Heard
from shadow.job import Job
from shadow.judging import Judge
from shadow.signals.json_paths import VolatilePaths
from shadow.signals.spoken import told


class Triples:
    """Remembers, for each endpoint and stable model, which JSON paths vary between two answers of stable."""

    def __init__(self, judge: Judge | None) -> None:
        self._judge = judge
        self._volatile: dict[tuple[str, str], VolatilePaths] = {}

    async def vote(self, job: Job, stable: Heard, again: Heard, candidate: Heard) -> tuple[Vote, Mapping[str, int]]:
        """The vote, and what to count of the judge."""
        volatile = self._volatile.setdefault((job.exchange.endpoint, job.exchange.stable), VolatilePaths())
        ignoring, one, two, other = volatile.ignored, stable.said, again.said, candidate.said
        judged: tuple[float, ...] = ()
        counts: Mapping[str, int] = {}
        if isinstance(one, Answer) and isinstance(two, Answer):
            if self._judge is not None and isinstance(other, Answer):
                said = (one, two, other)
                agreed = comparison.agreements(job.ask, said, ignoring)
                settled = await self._judge.settle(job.exchange, job.ask.prompt, said, agreed)
                judged, counts = settled.values, settled.counts
            volatile.learn(told(one.text), told(two.text))
        vote = comparison.triple_vote(job.exchange, job.ask, stable, again, candidate, job.slices, ignoring, judged)
        return vote, counts
