"""Going back to an earlier stable model when nothing is running: after a promotion, or by `--to GENERATION`.

Generations only ever go forward, so going back is a new generation with an old model. With Redis gone it is journaled
and told to this gateway's workers; the controller puts it into Redis when that returns.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from gateway.config.model import Config
from gateway.control.home import Home
from gateway.control.rolling import (
    COMMITTED,
    OVERTAKEN,
    SETTLE_SECONDS,
    SYNCED,
    Durability,
    Order,
    RolledBack,
    RollingBack,
)
from gateway.control.views import rollout_view
from rollback import commands
from rollback.carrying import Because, Carrier, generation_of
from rollback.errors import Conflict, NotPossible
from rollback.rollout import Phase, Rollout
from rollback.store import Loaded, RolloutStore
from rollback.watching import Watched
from routing.errors import StoreUnavailable
from routing.exposure import Generation

TRIES: Final = 5


class Returning:
    """Makes an earlier model stable again."""

    def __init__(
        self,
        config: Config,
        store: RolloutStore,
        home: Home,
        carrier: Carrier,
        rolling: RollingBack,
        watched: Mapping[str, Watched],
        clock: Callable[[], float],
    ) -> None:
        self._rolling = rolling
        self._config = config
        self._store = store
        self._home = home
        self._carrier = carrier
        self._watched = watched
        self._clock = clock

    async def roll_back(self, order: Order, to: int | None) -> RolledBack:
        """Stop what runs; where nothing does, or `to` names another generation than the present, go back.

        What runs is stopped first, whatever becomes of `to`: a mistyped number must not leave users on the candidate.
        Raises `UnknownEndpoint`, and `NotPossible` where there is nothing to roll back.
        """
        try:
            stopped = await self._rolling.stop(order)
        except StoreUnavailable:  # nothing is known to run; what was promoted can still be gone back from
            return await self.go_back(order, to)
        if stopped is not None and (to is None or to == self._number(order.endpoint)):
            return stopped
        try:
            return await self.go_back(order, to)
        except NotPossible as error:
            if stopped is None:
                raise
            raise NotPossible(f"the rollout is rolled back, but no further: {error}") from error

    def _number(self, endpoint: str) -> int:
        known = self._watched[endpoint].generation or self._home.journal.generations.get(endpoint)
        return known.number if known is not None else 0

    async def go_back(self, order: Order, to: int | None) -> RolledBack:
        """A new generation with the model of generation `to`, or with the one before the last promotion.

        Raises `NotPossible` where there is nothing to go back to.
        """
        for _ in range(TRIES):
            try:
                loaded = await self._store.load(order.endpoint)
                stored = await self._store.generations(order.endpoint)
            except StoreUnavailable as error:
                return await self._at_home(order, to, str(error))
            model = self._model(order.endpoint, loaded.rollout, loaded.generation, stored, to)
            remembered = self._home.journal.generations.get(order.endpoint)
            generation = generation_of(model, loaded.generation, remembered, by=order.actor, now=loaded.now)
            try:
                return await self._commit(order, loaded, generation)
            except Conflict:
                continue
        raise NotPossible(f"going back on {order.endpoint} was {OVERTAKEN}")

    def _model(
        self,
        endpoint: str,
        rollout: Rollout | None,
        current: Generation | None,
        stored: tuple[Generation, ...],
        to: int | None,
    ) -> str:
        first = self._config.endpoints[endpoint].stable
        if to is None:
            if rollout is None or rollout.phase is not Phase.PROMOTED:
                raise NotPossible(
                    f"nothing is running on {endpoint}, so there is nothing to roll back; to go back to an earlier "
                    "model, name its generation with --to"
                )
            model = rollout.stable
        else:
            models = {0: first, **{generation.number: generation.model for generation in stored}}
            if to not in models:
                raise NotPossible(f"{endpoint} has no generation {to}; it has {', '.join(map(str, sorted(models)))}")
            model = models[to]
        if model == (current.model if current is not None else first):
            raise NotPossible(f"{model} is the stable model of {endpoint} already")
        if model not in self._config.models:
            raise NotPossible(f"the configuration has no model {model!r} any more; add it, and try again")
        return model

    async def _commit(self, order: Order, loaded: Loaded, generation: Generation) -> RolledBack:
        before = loaded.rollout
        if before is None:
            raise NotPossible(f"no rollout has ever run on {order.endpoint}, so there is no earlier generation")
        after = self._returned(before, order, loaded.now)
        because = Because(actor=order.actor, action="rollback_to", now=loaded.now)
        change = await self._carrier.carry_out(before, after, because, generation)
        watched = self._watched[order.endpoint]
        watched.rollout, watched.generation = after, generation
        missing = self._store.replicas - change.replicas
        redis = COMMITTED if missing <= 0 else f"written, but {missing} of {self._store.replicas} replicas are missing"
        return await self._answer(order, after, generation, redis)

    def _returned(self, rollout: Rollout, order: Order, now: float) -> Rollout:
        highest = self._home.journal.revisions.get(order.endpoint, 0)
        if rollout.phase is Phase.PROMOTED:
            ended = commands.roll_back(rollout, actor=order.actor, reason=order.reason, now=now)
            return replace(ended, revision=max(ended.revision, highest + 1))
        revision = max(rollout.revision, highest) + 1
        return replace(rollout, revision=revision, reason=order.reason, actor=order.actor)

    async def _at_home(self, order: Order, to: int | None, why: str) -> RolledBack:
        """Redis is gone: only what this process remembers can be gone back to."""
        watched = self._watched[order.endpoint]
        before = watched.rollout
        remembered = self._home.journal.generations.get(order.endpoint)
        if to not in (None, 0) or before is None:
            raise StoreUnavailable(f"{why}, and without it the earlier generations of {order.endpoint} are not known")
        model = self._model(order.endpoint, before, remembered, (), to)
        generation = generation_of(model, watched.generation, remembered, by=order.actor, now=watched.now)
        return await self._answer(order, self._returned(before, order, watched.now), generation, f"unreachable: {why}")

    async def _answer(self, order: Order, after: Rollout, generation: Generation, redis: str) -> RolledBack:
        failure = await self._home.remember(order.endpoint, generation)
        seq = self._home.route(order.endpoint, generation, after, self._clock(), 0)
        settled = await self._home.settled(seq, SETTLE_SECONDS)
        durability = Durability(
            journal=f"failed: {failure}" if failure else SYNCED,
            redis=redis,
            acknowledged=settled.acknowledged,
            pending=settled.pending,
        )
        watched = self._watched[order.endpoint]
        return RolledBack(rollout_view(after, watched.counts, watched.reports, refusals=watched.refusals), durability)
