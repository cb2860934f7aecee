"""The two arms of a rollout, and why a request has its arm.

An arm is a side, not a model: after a promotion the same model is the stable arm.
"""

from enum import StrEnum
from typing import Final


class Arm(StrEnum):
    """One side of a rollout."""

    STABLE = "stable"
    CANDIDATE = "candidate"

    @property
    def other(self) -> "Arm":
        """The side that this one is compared with."""
        return Arm.STABLE if self is Arm.CANDIDATE else Arm.CANDIDATE


STABLE: Final = Arm.STABLE
CANDIDATE: Final = Arm.CANDIDATE
"""The same, for where each request asks: in Python 3.11 a look at `Arm.STABLE` is 800 instructions, at this name 10."""


class AssignedBy(StrEnum):
    """Why a request has its arm, and what follows from it."""

    is_drawn: bool
    """Whether the arm was drawn by hash at the grant's weight: only then is the exchange split evidence."""
    is_evidence: bool
    """Whether the exchange may be counted at all, be it in pairs: under a live lease, and nobody's wish."""
    is_set_apart: bool
    """Whether a rollout runs, and the arm was not drawn."""

    def __init__(self, value: str) -> None:
        self.is_drawn = value == "bucket"
        self.is_evidence = value in ("bucket", "ring", "crowded", "unsplit")
        self.is_set_apart = value not in ("bucket", "no_grant")

    NO_GRANT = "no_grant"
    BUCKET = "bucket"
    PIN = "pin"
    EXCLUDED = "excluded"
    """Left out by the plan, or of a class of data that the candidate does not accept: as if there were no rollout."""
    RING = "ring"
    """Of a ring that the stage includes: on the candidate, by nobody's draw."""
    CROWDED = "crowded"
    """So much of the traffic that it would be the canary by itself: on stable (`routing.crowding`)."""
    UNSPLIT = "unsplit"
    """On stable, as all of its kind are, since two models' answers may not be mixed (embeddings): compared in pairs."""
    CONTINUED = "continued"
    """Goes on with an earlier answer, and so to the arm that made that."""
