"""Units of assignment, counted once on each arm: is the candidate getting the share of keys that it was given?

A *unit* is what was assigned: a sticky key, or the request where there is none. It may be more than a voting key (a
batch account is sticky as one and votes per job), and requests of one unit all go one way, so only its first request in
the epoch counts. Where that request came to is counted at four points:

- *assigned*: it was handed over, whatever became of it;
- *sent*: its arm's model could be asked at all (the body fitted into its prompt);
- *completed*: the client has its whole answer, whoever gave it;
- *scored*: that answer could be read.

The first point at which the arms are out of proportion says where the comparison breaks. A point further on is reached
with the same chance on either arm, or the two are no longer compared on alike requests.

Not here: the test (`rollback.mismatch`).
"""

from enum import StrEnum
from functools import lru_cache
from typing import Final

from routing.arms import Arm
from routing.bucketing import WEIGHT_SCALE
from shadow.answer import Answer, Unreadable
from shadow.cells import UnitsCell, Vote
from shadow.exchange import Exchange, Outcome


class Point(StrEnum):
    """How far a request came, in order."""

    ASSIGNED = "assigned"
    SENT = "sent"
    COMPLETED = "completed"
    SCORED = "scored"


_ORDER: Final = tuple(Point)

_UNWRITABLE = "unwritable"
"""The failure of a request that could not be written for its arm, and was never sent."""


def unit_member(exchange: Exchange) -> str | None:
    """The member that the unit is counted under; None where no unit had a choice of arms."""
    if exchange.pinned or not exchange.drawn or not 0 < exchange.weight_bps < WEIGHT_SCALE:
        return None
    return f"u:{exchange.unit or exchange.vote_key}"


def unit_vote(member: str, exchange: Exchange, own: Answer | Unreadable) -> Vote:
    """The points that the unit's first request came to. `own` is the answer that the client got."""
    return Vote(member, _cells(exchange.stage, exchange.weight_bps, exchange.assigned, _farthest(exchange, own)))


@lru_cache(maxsize=256)
def _cells(stage: int, weight_bps: int, arm: Arm, farthest: Point) -> tuple[str, ...]:
    """The names of the cells of all points up to the farthest."""
    reached = _ORDER[: _ORDER.index(farthest) + 1]
    return tuple(str(UnitsCell(stage, weight_bps, arm, point.value)) for point in reached)


def _farthest(exchange: Exchange, own: Answer | Unreadable) -> Point:
    if exchange.failure == _UNWRITABLE:
        return Point.ASSIGNED
    if exchange.outcome is not Outcome.COMPLETED:
        return Point.SENT
    return Point.SCORED if isinstance(own, Answer) else Point.COMPLETED
