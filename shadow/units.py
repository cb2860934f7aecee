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


_UNWRITABLE = "unwritable"
"""The failure of a request that could not be written for its arm, and was never sent."""


def unit_member(exchange: Exchange) -> str | None:
    """The member that the unit is counted under; None where no unit had a choice of arms."""
    if exchange.pinned or not exchange.drawn or not 0 < exchange.weight_bps < WEIGHT_SCALE:
        return None
    return f"u:{exchange.unit or exchange.vote_key}"


def unit_vote(member: str, exchange: Exchange, own: Answer | Unreadable) -> Vote:
    """The points that the unit's first request came to. `own` is the answer that the client got."""
    cells = (
        UnitsCell(exchange.stage, exchange.weight_bps, exchange.assigned, point.value)
        for point in Point
        if _reached(point, exchange, own)
    )
    return Vote(member, tuple(str(cell) for cell in cells))


def _reached(point: Point, exchange: Exchange, own: Answer | Unreadable) -> bool:
    match point:
        case Point.ASSIGNED:
            return True
        case Point.SENT:
            return exchange.failure != _UNWRITABLE
        case Point.COMPLETED:
            return exchange.outcome is Outcome.COMPLETED and exchange.failure != _UNWRITABLE
        case Point.SCORED:
            return _reached(Point.COMPLETED, exchange, own) and isinstance(own, Answer)
