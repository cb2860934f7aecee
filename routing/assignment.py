"""Which arm a key gets, and why.

First comes who the caller is: whoever the plan leaves out is not part of the rollout at all, and a ring that the stage
includes is on the candidate, whatever its keys' buckets. All others are drawn.

An assignment is a hash of the key under the rollout's salt, compared with the weight. So it is sticky (same key, same
arm, on every worker, after every restart) and monotone (a wider weight only ever adds keys to the candidate).
"""

from typing import Final

import msgspec

from routing.arms import CANDIDATE, STABLE, Arm, AssignedBy
from routing.bucketing import Draws
from routing.exposure import Grant


class Assignment:
    """The arm of one request, and the grant it was made under (None: no rollout had a live lease).

    A plain class, as what each request looks at most: compiled, its attributes have a fixed place.
    """

    __slots__ = ("arm", "by", "grant", "is_drawn", "is_evidence", "is_set_apart")

    def __init__(self, arm: Arm, by: AssignedBy, grant: Grant | None) -> None:
        self.arm: Final = arm
        self.by: Final = by
        self.grant: Final = grant
        drawn = by is _BUCKET  # as nearly all are: what follows is looked up by name for the others alone
        self.is_drawn: Final = drawn or by.is_drawn
        self.is_evidence: Final = drawn or by.is_evidence
        self.is_set_apart: Final = not drawn and by.is_set_apart


class Maker(msgspec.Struct, frozen=True):
    """The model that made the answer a request goes on with; None where that is not known."""

    model: str | None


_STABLE: Final = STABLE
_CANDIDATE: Final = CANDIDATE
_BUCKET: Final = AssignedBy.BUCKET
NO_GRANT: Final = Assignment(STABLE, AssignedBy.NO_GRANT, None)
EXCLUDED: Final = Assignment(STABLE, AssignedBy.EXCLUDED, None)


def assign(
    grant: Grant | None,
    key: str,
    pin: Arm | None = None,
    *,
    attributes: frozenset[str] = frozenset(),
    crowded: bool = False,
    continues: Maker | None = None,
    draws: Draws | None = None,
) -> Assignment:
    """Assign `key` under `grant`, of which `draws` are made here where the caller keeps none.

    `attributes` are the caller's (`ring:beta`, `tenant:shop`, `key:ci`). A pin, checked for its right by the caller,
    goes before rings and the draw, and is never evidence; after a promotion there is no arm to pin to, since the model
    that is kept answers mirrors only. `crowded`: what `routing.crowding` says of the key.
    `continues`: the request goes on with an answer, and who made that. It is never evidence: whether it goes where the
    draw would have it depends on when its conversation began, so neither arm's would be a fair sample.
    """
    if grant is None:
        return NO_GRANT
    if grant.exclude and not attributes.isdisjoint(grant.exclude):
        return EXCLUDED
    if pin is not None and not grant.kept:
        return Assignment(pin, AssignedBy.PIN, grant)
    if continues is not None and continues.model is not None:
        from_candidate = continues.model == grant.candidate and grant.exposes
        return Assignment(CANDIDATE if from_candidate else STABLE, AssignedBy.CONTINUED, grant)
    if continues is not None:
        drawn = assign(grant, key, attributes=attributes, crowded=crowded, draws=draws)
        return Assignment(drawn.arm, AssignedBy.CONTINUED, drawn.grant)
    if grant.include and not attributes.isdisjoint(grant.include):
        return Assignment(CANDIDATE, AssignedBy.RING, grant)
    if crowded:
        return Assignment(STABLE, AssignedBy.CROWDED, grant)
    if draws is None:
        draws = Draws(grant.salt, grant.weight_bps)
    return Assignment(_CANDIDATE if draws.on_candidate(key) else _STABLE, _BUCKET, grant)


def unsplit(grant: Grant, attributes: frozenset[str]) -> Assignment:
    """The assignment of a request whose kind is never split: stable's, and compared unless the caller is left out."""
    if not attributes.isdisjoint(grant.exclude):
        return EXCLUDED
    return Assignment(STABLE, AssignedBy.UNSPLIT, grant)
