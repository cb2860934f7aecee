"""The servers of one model: how each is doing, and which is asked next.

Who serves a request tells its server what came of it: `answered` when a usable answer began, `completed` when it is
whole, `failed` where the server is to blame. What is the client's fault, or ours, is told to nobody.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from time import monotonic

from gateway.channel.series import series
from gateway.upstream.breaker import CLOSED
from gateway.upstream.choosing import choose
from gateway.upstream.client import AnyPool, Hears
from gateway.upstream.errors import LeftAlone
from gateway.upstream.retries import RetryBudget
from gateway.upstream.target import Place, Target

logger = logging.getLogger(__name__)


class Server(Hears):
    """One base URL of one model, in this process."""

    __slots__ = ("breaker", "model", "opened", "passes_check", "place", "pool")

    def __init__(self, model: str, place: Place, pool: AnyPool) -> None:
        self.model = model
        self.place = place
        self.pool = pool
        self.breaker = CLOSED
        self.passes_check = True
        self.opened = 0

    @property
    def load(self) -> int:
        """Requests under way and waiting in line."""
        return self.pool.busy + self.pool.waiting

    def answered(self) -> None:
        """A usable answer began."""
        if self.breaker is not CLOSED and self.breaker.is_open:
            self.breaker = self.breaker.answered()
            logger.info("model %s at %s answers again", self.model, self.place)

    def completed(self) -> None:
        """A usable answer is whole."""
        if self.breaker is not CLOSED:
            self.breaker = self.breaker.completed()

    def failed(self, kind: str) -> None:
        """A request failed, and this server is to blame."""
        was_open = self.breaker.is_open
        self.breaker = self.breaker.failed(monotonic())
        if self.breaker.is_open and not was_open:
            self.opened += 1
            message = "model %s at %s failed %d requests in a row, the last by %s: it is left alone but for a trial"
            logger.warning(message, self.model, self.place, self.breaker.failures, kind)

    def checked(self, *, well: bool) -> None:
        """What the last health checks say."""
        if well != self.passes_check:
            self.passes_check = well
            say = logger.info if well else logger.warning
            say("model %s at %s %s its health check", self.model, self.place, "passes" if well else "fails")


class Servers:
    """All servers of one model."""

    def __init__(self, target: Target, servers: Sequence[Server]) -> None:
        self.target = target
        self.budget = RetryBudget(monotonic())
        self.retries: Counter[str] = Counter()
        self.all = tuple(servers)
        self._turn = 0

    def choose(self, *, insist: bool, first: str = "") -> Server:
        """The server to ask; raises `LeftAlone`. `insist`: ask one in any case. `first`: the place to ask, if well."""
        only = self.all[0]
        if len(self.all) == 1 and only.breaker is CLOSED and (insist or only.passes_check):
            return only
        now = monotonic()
        server: Server | None = only
        if len(self.all) > 1:
            wanted = [each for each in self.all if str(each.place) == first] if first else []
            server = choose(wanted, now, insist=False)
            if server is None:
                self._turn += 1
                server = choose(self.all, now, insist=insist, turn=self._turn)
        elif not insist and not (only.passes_check and only.breaker.admits(now)):
            server = None
        if server is None:
            raise LeftAlone("breaker_open", f"the servers of {self.target.name} failed lately, and are not asked now")
        if server.breaker is not CLOSED:
            server.breaker = server.breaker.begun(now)
        return server

    def another(self, tried: Sequence[Server], reason: str = "connect") -> Server | None:
        """A server for a request that those in `tried` have made nothing of; None where there is none, or no budget."""
        now = monotonic()
        server = choose([each for each in self.all if each not in tried], now, insist=False, turn=self._turn)
        if server is None or not self.may_retry(reason):
            return None
        server.breaker = server.breaker.begun(now)
        return server

    def may_retry(self, reason: str = "stale") -> bool:
        """Whether the budget allows one more retry; if so, it is counted."""
        if not self.budget.spend(monotonic()):
            self.retries["refused"] += 1
            return False
        self.retries[reason] += 1
        return True

    def series(self) -> Mapping[str, float]:
        """What `/metrics` shows of them."""
        model = self.target.name
        values = {
            series("driftgate_upstream_retries_total", model=model, reason=reason): float(count)
            for reason, count in self.retries.items()
        }
        for server in self.all:
            labels = {"model": model, "server": str(server.place)}
            out = server.breaker.is_open or not server.passes_check
            values[series("driftgate_upstream_in_flight", **labels)] = float(server.load)
            values[series("driftgate_upstream_left_alone", **labels)] = float(out)
            values[series("driftgate_upstream_breaker_opened_total", **labels)] = float(server.opened)
        return values
