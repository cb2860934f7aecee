"""Which arm a key gets, and why.

An assignment is a hash of the key under the rollout's salt, compared with the weight. So it is sticky (same key, same
arm, on every worker, after every restart) and monotone (a wider weight only ever adds keys to the candidate).
"""

from dataclasses import dataclass
from enum import StrEnum

from routing.arms import Arm
from routing.bucketing import bucket
from routing.exposure import Grant


class AssignedBy(StrEnum):
    """Why a request has its arm."""

    NO_GRANT = "no_grant"
    BUCKET = "bucket"
    PIN = "pin"


@dataclass(frozen=True, slots=True)
class Assignment:
    """The arm of one request, and the grant it was made under (None: no rollout had a live lease)."""

    arm: Arm
    by: AssignedBy
    grant: Grant | None

    @property
    def is_evidence(self) -> bool:
        """Whether the exchange may be counted: made by hash, under a live lease."""
        return self.by is AssignedBy.BUCKET


def assign(grant: Grant | None, key: str, pin: Arm | None = None) -> Assignment:
    """Assign `key` under `grant`; a pin (checked for its right by the caller) wins, and is never evidence."""
    if grant is None:
        return Assignment(Arm.STABLE, AssignedBy.NO_GRANT, None)
    if pin is not None:
        return Assignment(pin, AssignedBy.PIN, grant)
    on_candidate = bucket(grant.salt, key) < grant.weight_bps
    return Assignment(Arm.CANDIDATE if on_candidate else Arm.STABLE, AssignedBy.BUCKET, grant)
