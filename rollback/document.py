"""The rollout document as stored, and what gateways of different versions make of one another's.

While a fleet is upgraded, gateways of two versions share one Redis. The rules (docs/adr/0017-two-versions-at-once.md):

- Read two versions: the present one and the one before.
- Write the lowest version whose readers lose nothing by it. So a rollout that uses nothing new is understood by all,
  and any of them may lead it; one that does use it is closed to those who would misread it.
- A version that is not known grants nothing, and the lead is left to a gateway that knows it.
- Whatever the version, a running rollout can be rolled back: `CORE` keeps its names and its meaning for ever.

Not here: how a lease is stored (`routing.stored`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import msgspec

from rollback.audit import AuditEntry
from rollback.plan import Budget, Plan, Stage
from rollback.rollout import Holding, Phase, Rollout
from routing.errors import MalformedState, NewerState

OLDEST: Final = 1
NEWEST: Final = 2

SINCE_2: Final[Mapping[type, tuple[str, ...]]] = {
    Rollout: ("approved_by", "kept_until", "judged_epoch", "slices"),
    Plan: ("widen_during", "exclude", "keep_stable_seconds", "slices_roll_back"),
    Stage: ("approval", "include"),
    Budget: (),
}
"""What a reader of version 1 would drop without a word. Each is empty where it is not used."""

HOLDINGS_SINCE_2: Final = frozenset({Holding.FROZEN, Holding.APPROVAL, Holding.OUTSIDE_HOURS})
"""Reasons for holding that a reader of version 1 cannot read."""

CORE: Final = ("version", "id", "revision", "phase", "weight_bps", "holding", "paused", "reason", "actor", "ended_at")
"""What every version, past and to come, calls by these names: enough to end a rollout without understanding it."""

_OVER: Final = frozenset({Phase.IDLE, Phase.PROMOTED, Phase.ROLLED_BACK})


class _Version(msgspec.Struct):
    version: int


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Rollout)
_versions = msgspec.json.Decoder(_Version)


def version_of(rollout: Rollout) -> int:
    """The lowest version whose readers lose nothing of this rollout."""
    parts = (rollout, rollout.plan, *rollout.plan.stages, *rollout.plan.budgets)
    newer = any(getattr(part, name) for part in parts for name in SINCE_2[type(part)])
    return 2 if newer or rollout.holding in HOLDINGS_SINCE_2 else OLDEST


def to_json(rollout: Rollout) -> bytes:
    """The document as stored."""
    document = {each.name: getattr(rollout, each.name) for each in fields(rollout)}
    return _encoder.encode(document | {"version": version_of(rollout)})


def from_json(data: bytes) -> Rollout:
    """The stored document; raises `NewerState` or `MalformedState` where this version cannot read it."""
    try:
        version = _versions.decode(data).version
        if version > NEWEST:
            raise NewerState(
                f"the rollout document has version {version}, which a newer driftgate wrote; this one reads {OLDEST} "
                f"to {NEWEST}: upgrade this gateway. It grants nothing meanwhile; `driftgate rollback` works"
            )
        if version < OLDEST:
            raise MalformedState(f"the rollout document has version {version}; this driftgate reads from {OLDEST} on")
        return _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise MalformedState(f"the rollout document cannot be read: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A rollout that was ended without being understood: its new document, and what the fence and the audit need."""

    rollout: str
    before_revision: int
    revision: int
    document: bytes
    entry: AuditEntry


def ended(data: bytes, *, actor: str, reason: str, now: float) -> Ended | None:
    """A running rollout of any version, rolled back by its core alone; all else is kept as it is.

    None where it does not run, or has no such core.
    """
    try:
        held: Any = msgspec.json.decode(data)  # Any: of a version that is not known
        rollout, revision, phase = str(held["id"]), int(held["revision"]), str(held["phase"])
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError):
        return None
    if phase in _OVER:
        return None
    after = {"revision": revision + 1, "phase": Phase.ROLLED_BACK, "weight_bps": 0, "holding": None, "paused": False}
    after |= {"reason": reason, "actor": actor, "ended_at": now}
    entry = AuditEntry(
        at=now,
        actor=actor,
        action="rollback",
        rollout=rollout,
        phase_from=Phase(phase) if phase in set(Phase) else Phase.IDLE,
        phase_to=Phase.ROLLED_BACK,
        stage=0,
        weight_bps=0,
        revision=revision + 1,
        reason=reason,
    )
    return Ended(
        rollout=rollout,
        before_revision=revision,
        revision=revision + 1,
        document=_encoder.encode({**held, **after}),
        entry=entry,
    )
