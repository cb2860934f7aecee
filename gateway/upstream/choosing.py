"""Which of a model's servers is asked. Pure.

The least loaded of those that are well. Where none is: a request that has nowhere else to go (stable's) is sent to the
least loaded all the same, since a wrong guess of ours must not take an answer from anybody; any other is not sent.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from gateway.upstream.breaker import Breaker


class Choosable(Protocol):
    """What is known of a server. `load`: requests under way and waiting in line."""

    @property
    def load(self) -> int:
        """Requests under way and waiting in line."""

    @property
    def breaker(self) -> Breaker:
        """What its last requests came to."""

    @property
    def passes_check(self) -> bool:
        """Whether it passed its last health check, or has none."""


AnyServer = TypeVar("AnyServer", bound=Choosable)


def choose(servers: Sequence[AnyServer], now: float, *, insist: bool, turn: int = 0) -> AnyServer | None:
    """The server to ask, None where it is better not to ask. `turn` breaks ties: equals are asked in turn."""
    well = [server for server in servers if server.passes_check and server.breaker.admits(now)]
    eligible: Sequence[AnyServer] = well or (servers if insist else ())
    if not eligible:
        return None
    count = len(eligible)
    return min((eligible[(turn + index) % count] for index in range(count)), key=_load)


def _load(server: Choosable) -> int:
    return server.load
