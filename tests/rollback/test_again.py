"""Decisions judged again from their audit entries."""

from dataclasses import replace

import msgspec
import pytest

from rollback import again, audit
from rollback.audit import AuditEntry, basis_of, entry_of
from rollback.decision import Facts, decide
from rollback.errors import Unreadable
from rollback.rollout import Rollout
from routing.errors import MalformedState
from tests.rollback import scenes
from tests.rollback.scenes import ERRORS, LENGTH, REFUSAL, facts, pairs, split, votes
from tests.rollback.test_controller import gateway

WIDENED = pairs("refusal", same=400) + votes(0, "paired", 400, "stable")
HARMED = pairs("refusal", worse=40, same=160, better=1) + votes(0, "paired", 201, "stable")


def stored(made: AuditEntry) -> dict[bytes, bytes]:
    """The fields of the stream."""
    return dict(zip((audit.ENTRY, audit.NUMBERS), audit.to_fields(made), strict=True))


def entry(rollout: Rollout, known: Facts, now: float = 1000.0) -> AuditEntry:
    """The audit entry of what is decided, as the controller writes it and Redis gives it back."""
    made = decide(rollout, known, now)
    assert made.changed
    written = entry_of(
        rollout,
        made.after,
        at=now,
        actor="driftgate",
        action=made.kind.value,
        signals=made.reports,
        cells=known.cells,
        basis=basis_of(rollout, known, now),
    )
    return replace(audit.from_fields(stored(written)), id="1-0")


@pytest.mark.parametrize("cells", [WIDENED, HARMED], ids=["widened", "rolled back"])
def test_an_exported_decision_comes_out_the_same_to_the_last_bit(cells: dict[str, int]) -> None:
    """Through Redis, the export and a file: action, reason, and every number of the table."""
    made = entry(scenes.rollout(), facts(cells))
    document = again.exported(made, "0.1")
    assert again.is_exported(document)
    assert again.read(document).entry == made
    assert again.differences(again.read(document).entry) == ()


def test_all_that_a_decision_may_depend_on_is_in_the_entry() -> None:
    """A burst is decided on counts, a late stage on its weights and on both sources of evidence."""
    counts = {"assigned.candidate": 40, "hard_failure.candidate": 35, "assigned.stable": 10}
    burst = entry(scenes.rollout(stage=3), facts(counts=counts))
    assert "burst" in burst.reason
    assert again.differences(burst) == ()
    cells = split("refusal", 2, (30, 1500), (60, 400)) + pairs("length", 2, same=90)
    assert again.differences(entry(scenes.rollout(REFUSAL, LENGTH, ERRORS, stage=2), facts(cells))) == ()


def test_one_altered_counter_is_found_out() -> None:
    """The numbers of the entry belong to its counters; every difference is named."""
    made = entry(scenes.rollout(), facts(HARMED))
    altered = replace(made, cells=made.cells | {"p/refusal/*/0/0": 161})
    assert {each.what for each in again.differences(altered)} >= {"reason", "refusal[*] paired points upper"}


def test_what_an_operator_did_has_nothing_to_judge_again() -> None:
    """The message says who made it."""
    made = replace(entry(scenes.rollout(), facts(HARMED)), basis=None, actor="ann")
    with pytest.raises(Unreadable, match="made by ann"):
        again.exported(made, "0.1")
    with pytest.raises(Unreadable, match="made by ann"):
        again.differences(made)


def test_an_entry_of_an_older_driftgate_is_still_read() -> None:
    """All in one field, and without a basis: history and explain go on working."""
    made = entry(scenes.rollout(), facts(HARMED))
    old = msgspec.json.decode(msgspec.json.encode(made))
    del old["basis"]
    assert audit.from_fields({b"entry": msgspec.json.encode(old)}) == replace(made, basis=None)


def test_an_entrys_numbers_are_stored_apart_and_compressed() -> None:
    """An older driftgate reads what happened, too; damaged numbers are said, and not taken for none."""
    made = replace(entry(scenes.rollout(), facts(HARMED)), id="")
    fields = stored(made)
    assert sum(map(len, fields.values())) < len(msgspec.json.encode(made))
    assert audit.from_fields(fields) == made
    assert audit.from_fields(fields, whole=False) == replace(made, signals=(), cells={}, basis=None)
    with pytest.raises(MalformedState):
        audit.from_fields({**fields, b"numbers": b"not compressed"})


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"prompt": "a"}\n{"prompt": "b"}', b"\xff\xfe", b"[" * 5000])
def test_other_files_are_no_exported_decision(data: bytes) -> None:
    """Recorded pairs, nonsense and nothing are told apart from it, and none of them raises."""
    assert not again.is_exported(data)


def test_a_damaged_export_says_what_is_wrong() -> None:
    """The path of the first thing that does not fit."""
    with pytest.raises(Unreadable, match=r"cannot be read.*entry"):
        again.read(b'{"kind": "driftgate.decision", "entry": {"at": "soon"}}')
    made = again.exported(entry(scenes.rollout(), facts(HARMED)), "0.1")
    with pytest.raises(Unreadable, match="has format 2"):
        again.read(made.replace(b'"format": 1', b'"format": 2'))


@pytest.mark.anyio
async def test_what_the_controller_commits_can_be_judged_again() -> None:
    """From the audit stream alone: the entry has the document as it was, the counters and the time."""
    at = gateway()
    await at.started(scenes.rollout())
    at.store.cells["chat", 1] = dict(HARMED)
    await at.controller.tick()
    (written,) = await at.store.entries("chat", 1)
    assert written.action == "roll_back"
    assert again.differences(written) == ()
    (interval,) = (seen for row, seen in again.intervals(written).items() if row[0] == "refusal" and row[2] == "paired")
    assert interval[0] > 0.02
