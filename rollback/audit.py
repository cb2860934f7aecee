"""The audit entry: who did what to a rollout, why, and the numbers that it was decided on.

It keeps the counters themselves and everything else that was known, so that a decision can be judged again from its
entry alone, to the last bit (`rollback.again`). It holds no prompt, no answer and no key.

It is stored as two fields: what happened, as JSON; and the *numbers* that it was decided on, which are a thousand times
as long (60 to 250 KB), as compressed JSON, an eighth of that. Who lists a history need not unpack them. Entries of
earlier versions have it all in the first field, and are read as before.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from rollback.decision import Facts
from rollback.rollout import Phase, Rollout
from rollback.verdict import SignalReport
from routing.errors import MalformedState


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What the judge decided on at `now`: the document before, and the facts, whose cells are the entry's own."""

    before: Rollout
    facts: Facts
    now: float


def basis_of(before: Rollout, facts: Facts, now: float) -> Basis:
    """The basis of a decision, for an entry that keeps the cells."""
    return Basis(before=before, facts=replace(facts, cells={}), now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One transition. `at` is Redis server time in Unix seconds; `id` is the stream's, empty until it is stored.

    `include` are the rings that the stage exposes beside its weight, while it runs. `basis` is there where the judge
    decided, and not an operator; entries of driftgate 0.1 have none.
    """

    at: float
    actor: str
    action: str
    rollout: str
    phase_from: Phase
    phase_to: Phase
    stage: int
    weight_bps: int
    revision: int
    reason: str
    signals: tuple[SignalReport, ...] = ()
    cells: dict[str, int] = field(default_factory=dict)
    id: str = ""
    include: tuple[str, ...] = ()
    basis: Basis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Numbers:
    """What an entry was decided on."""

    signals: tuple[SignalReport, ...]
    cells: dict[str, int]
    basis: Basis | None


ENTRY: Final = b"entry"
NUMBERS: Final = b"numbers"
"""The fields of the stream."""
_LONGEST_NUMBER: Final = 20
"""Digits of 64 bits."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AuditEntry)
_numbers = msgspec.json.Decoder(_Numbers)


def entry_of(
    before: Rollout | None,
    after: Rollout,
    *,
    at: float,
    actor: str,
    action: str,
    signals: tuple[SignalReport, ...] = (),
    cells: Mapping[str, int] | None = None,
    basis: Basis | None = None,
) -> AuditEntry:
    """The entry of the transition from `before` (None: there was no rollout) to `after`."""
    same = before is not None and before.id == after.id
    return AuditEntry(
        at=at,
        actor=actor,
        action=action,
        rollout=after.id,
        phase_from=before.phase if before is not None and same else Phase.IDLE,
        phase_to=after.phase,
        stage=after.stage,
        weight_bps=after.weight_bps,
        include=after.include,
        revision=after.revision,
        reason=after.reason,
        signals=signals,
        cells=dict(cells or {}),
        basis=basis,
    )


def noted(endpoint_has: Rollout | None, *, at: float, actor: str, action: str, reason: str) -> AuditEntry:
    """The entry of something done to an endpoint that moves no rollout: its latest one stays as it is."""
    if endpoint_has is None:
        return AuditEntry(
            at=at,
            actor=actor,
            action=action,
            rollout="",
            phase_from=Phase.IDLE,
            phase_to=Phase.IDLE,
            stage=0,
            weight_bps=0,
            revision=0,
            reason=reason,
        )
    entry = entry_of(endpoint_has, endpoint_has, at=at, actor=actor, action=action)
    return replace(entry, reason=reason)


def to_fields(entry: AuditEntry) -> tuple[bytes, bytes]:
    """The entry as stored: what happened, and the numbers (empty where it was not decided on any)."""
    if not (entry.signals or entry.cells or entry.basis):
        return _encoder.encode(entry), b""
    numbers = _Numbers(signals=entry.signals, cells=entry.cells, basis=entry.basis)
    return _encoder.encode(replace(entry, signals=(), cells={}, basis=None)), zlib.compress(_encoder.encode(numbers))


def from_fields(fields: Mapping[bytes, bytes], *, whole: bool = True) -> AuditEntry:
    """The stored entry, without its numbers where not `whole`; raises `MalformedState`."""
    try:
        entry = _decoder.decode(fields.get(ENTRY, b""))
        packed = fields.get(NUMBERS)
        if packed is None or not whole:
            return entry
        numbers = _numbers.decode(zlib.decompress(packed))
    except (msgspec.MsgspecError, zlib.error) as error:
        raise MalformedState(f"the audit entry cannot be read: {error}") from error
    return replace(entry, signals=numbers.signals, cells=numbers.cells, basis=numbers.basis)


def is_id(text: str) -> bool:
    """Whether a text may be the id of an entry: milliseconds and a number, as the stream gives them."""
    milliseconds, dash, number = text.partition("-")
    return bool(dash) and all(
        part.isascii() and part.isdigit() and len(part) <= _LONGEST_NUMBER for part in (milliseconds, number)
    )
