"""A decision judged again from its audit entry, by the same engine: it must come out the same to the last bit.

An *exported decision* is one JSON document with the entry in it, and needs nothing else: the rollout before, the
counters, what else was known, and the time. Another result means another engine (a later version judges otherwise) or
an entry that was altered.

Not here: judging recorded pairs (`rollback.recorded`).
"""

from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import msgspec

from rollback.audit import AuditEntry
from rollback.decision import Decision, decide
from rollback.errors import Unreadable
from rollback.evidence import examine
from shadow.cells import EVERY

KIND: Final = "driftgate.decision"
FORMAT: Final = 1


class Exported(msgspec.Struct, frozen=True):
    """An exported decision. `engine` is the driftgate version that exported it."""

    entry: AuditEntry
    kind: str = KIND
    format: int = FORMAT
    engine: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that came out differently."""

    what: str
    recorded: Any  # Any: a number, a text or a row of the table; only shown
    again: Any  # Any: likewise


def exported(entry: AuditEntry, engine: str) -> bytes:
    """The document; raises `Unreadable` where the entry cannot be judged again."""
    if entry.basis is None:
        raise Unreadable(f"{entry.id} was made by {entry.actor}, not by the judge: there is nothing to judge again")
    return msgspec.json.format(msgspec.json.encode(Exported(entry, engine=engine)), indent=1)


def is_exported(data: bytes) -> bool:
    """Whether a file holds an exported decision, and not something else."""
    try:
        return msgspec.json.decode(data, type=_Header).kind == KIND
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return False


class _Header(msgspec.Struct):
    kind: str = ""


def read(data: bytes) -> Exported:
    """The exported decision; raises `Unreadable`."""
    try:
        found = msgspec.json.decode(data, type=Exported)
    except msgspec.MsgspecError as error:
        raise Unreadable(f"the exported decision cannot be read: {error}") from error
    if found.format != FORMAT:
        raise Unreadable(f"the exported decision has format {found.format}; this driftgate reads {FORMAT}")
    return found


def decide_again(entry: AuditEntry) -> Decision:
    """The decision that the entry's numbers lead to now."""
    basis = entry.basis
    if basis is None:
        raise Unreadable(f"{entry.id} was made by {entry.actor}, not by the judge: there is nothing to judge again")
    return decide(basis.before, replace(basis.facts, cells=entry.cells), basis.now)


def differences(entry: AuditEntry) -> tuple[Difference, ...]:
    """What comes out differently; nothing, if all is well. Numbers are compared exactly."""
    made = decide_again(entry)
    after = made.after
    pairs: list[tuple[str, Any, Any]] = [
        ("action", entry.action, made.kind.value),
        ("phase", entry.phase_to.value, after.phase.value),
        ("stage", entry.stage, after.stage),
        ("weight_bps", entry.weight_bps, after.weight_bps),
        ("revision", entry.revision, after.revision),
        ("reason", entry.reason, after.reason),
        ("rows", len(entry.signals), len(made.reports)),
    ]
    for before, now in zip(entry.signals, made.reports, strict=False):
        name = f"{now.signal}[{now.slice}] {now.source.value} {now.test.value} {now.side.value}"
        pairs.append((name, _exactly(before), _exactly(now)))
    return tuple(Difference(*pair) for pair in pairs if pair[1] != pair[2])


Row: TypeAlias = tuple[str, str, str, str, str]
"""A row of the table: signal, slice, source, test, side."""


def intervals(entry: AuditEntry) -> dict[Row, tuple[float, float]]:
    """Both confidence bounds of each row over all requests, at the test's own share of alpha, in the row's unit."""
    if entry.basis is None:
        return {}
    evidence = examine(entry.basis.before, entry.cells)
    known = {test.signal for test in evidence.tests}
    found = {}
    for row in entry.signals:
        interval = evidence.interval(row) if row.slice == EVERY and row.signal in known else None
        if interval is not None:
            found[row.signal, row.slice, row.source.value, row.test.value, row.side.value] = interval
    return found


def _exactly(value: object) -> bytes:
    """JSON keeps every bit of a float: two rows are the same exactly if their texts are."""
    return msgspec.json.encode(value)
