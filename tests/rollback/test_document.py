"""Documents of two versions: what the version before wrote is read, and what it reads is what it is given.

`stored_by_version_1` holds what a gateway of the first version left in Redis and in its journal.
"""

import json
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, Final

import pytest

from rollback import audit
from rollback.document import CORE, HOLDINGS_SINCE_2, NEWEST, SINCE_2, ended, from_json, to_json, version_of
from rollback.hours import Hours
from rollback.journal import read_journal
from rollback.plan import Budget, Plan, Stage
from rollback.rollout import Holding, Phase, Rollout
from routing.errors import MalformedState, NewerState
from routing.exposure import Grant
from routing.stored import generation_from_json, grant_from_json, grant_to_json
from tests.a_rollout import in_canary

STORED: Final = Path(__file__).parent / "stored_by_version_1"
PLAN: Final = Plan("quick", 0.05, 10.0, 900.0, (Stage(0), Stage(1_000), Stage(10_000)), ())
CANARY: Final = in_canary(PLAN)

Json = dict[str, Any]  # Any: as JSON says it


def stored(name: str) -> Json:
    """A recorded document."""
    found: Json = json.loads((STORED / name).read_bytes())
    return found


def as_version_1_reads(document: Json) -> Json:
    """What is left of a document when its members that version 1 never wrote are dropped, as it drops them."""
    known = stored("rollout-canary.json")
    kept = {name: value for name, value in document.items() if name in known}
    plan = {name: value for name, value in document["plan"].items() if name in known["plan"]}
    stage = known["plan"]["stages"][0]
    plan["stages"] = [{n: v for n, v in each.items() if n in stage} for each in document["plan"]["stages"]]
    return {**kept, "plan": plan}


@pytest.mark.parametrize("name", ["rollout-canary.json", "rollout-paused.json", "rollout-promoted.json"])
def test_what_version_1_wrote_is_read_and_written_so_that_it_reads_it(name: str) -> None:
    """The whole way: a rollout that runs on while gateways are exchanged loses nothing, whichever of them leads."""
    document = stored(name)
    assert document["version"] == 1
    rollout = from_json(json.dumps(document).encode())
    assert rollout.phase == document["phase"]
    again = json.loads(to_json(rollout))
    assert again["version"] == 1
    assert as_version_1_reads(again) == document


def test_the_lease_the_audit_and_the_journal_of_version_1_are_read() -> None:
    """Down to the counters that a widening was decided on."""
    grant = grant_from_json((STORED / "grant.json").read_bytes())
    assert grant is not None
    assert (grant.weight_bps, grant.stage) == (2_500, 1)
    assert grant == from_json((STORED / "rollout-canary.json").read_bytes()).grant()
    generation = generation_from_json((STORED / "generation.json").read_bytes())
    assert generation is not None
    assert generation.model == "lumen-2"
    entries = [audit.from_fields({audit.ENTRY: line}) for line in (STORED / "audit.jsonl").read_bytes().splitlines()]
    assert [entry.action for entry in entries] == ["start", "widen", "pause", "resume"]
    assert len(entries[1].cells) > 100
    assert len(entries[1].signals) > 3
    journal = read_journal(STORED / "journal.jsonl")
    assert (journal.damaged, journal.revisions["chat"]) == (0, 7)
    assert journal.generations["chat"] == generation


USED: Final[Json] = {
    "approved_by": "ann",
    "kept_until": 2_000.0,
    "judged_epoch": 3,
    "slices": ("key.tenant=shop",),
    "widen_during": (Hours(days=(0,), begin=540, end=1020),),
    "exclude": ("tenant:bank",),
    "keep_stable_seconds": 60.0,
    "slices_roll_back": True,
    "approval": True,
    "include": ("ring:beta",),
}
"""A use of each member that version 1 does not have."""


def using(kind: type, name: str) -> Rollout:
    """The rollout with one of them in use."""
    change: Json = {name: USED[name]}
    if kind is Rollout:
        return replace(CANARY, **change)
    if kind is Plan:
        return replace(CANARY, plan=replace(PLAN, **change))
    return replace(CANARY, plan=replace(PLAN, stages=(*PLAN.stages[:2], replace(PLAN.stages[2], **change))))


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in SINCE_2.items() for name in names])
def test_what_version_1_would_drop_closes_the_document_to_it(kind: type, name: str) -> None:
    """Each such member by itself; and the present version reads it back."""
    rollout = using(kind, name)
    assert version_of(rollout) == 2
    assert json.loads(to_json(rollout))["version"] == 2
    assert from_json(to_json(rollout)) == rollout


@pytest.mark.parametrize("holding", sorted(HOLDINGS_SINCE_2))
def test_a_reason_to_hold_that_version_1_cannot_read_closes_the_document_to_it(holding: Holding) -> None:
    """Until the reason is gone."""
    held = replace(CANARY, holding=holding)
    assert (version_of(held), version_of(replace(held, holding=None))) == (2, 1)


@pytest.mark.parametrize("kind", [Rollout, Plan, Stage, Budget])
def test_every_member_that_version_1_did_not_write_is_listed(kind: type) -> None:
    """Whoever adds one has to say what the version before would make of it, or this fails."""
    first = stored("rollout-canary.json")
    plan = first["plan"]
    known = {Rollout: first, Plan: plan, Stage: plan["stages"][0], Budget: plan["budgets"][0]}[kind]
    new = {each.name for each in fields(kind)} - set(known)
    assert new == set(SINCE_2[kind])
    for each in fields(kind):
        if each.name in new:
            assert each.default is not MISSING, each.name
            assert not each.default, each.name


def test_a_reason_to_hold_is_known_to_version_1_or_listed() -> None:
    """The first version's reasons, by name."""
    first = "paused burn signal_harm not_enough_evidence bake unmeasured mismatch deadline stable_failing blind"
    assert {str(each) for each in Holding} == {*first.split(), *(str(each) for each in HOLDINGS_SINCE_2)}


def test_a_newer_document_says_what_to_do() -> None:
    """And one without a version is no document."""
    newer = json.dumps({**json.loads(to_json(CANARY)), "version": NEWEST + 1}).encode()
    with pytest.raises(NewerState, match=r"version 3.*upgrade this gateway.*driftgate rollback"):
        from_json(newer)
    with pytest.raises(MalformedState):
        from_json(b'{"id": "chat-1"}')


def test_a_document_of_any_version_is_ended_by_its_core() -> None:
    """What is not understood is kept as it is; the fence goes on."""
    newer = {**json.loads(to_json(CANARY)), "version": 9, "plan": {"shape": "unknown"}, "tide": [1.5, {"a": []}]}
    done = ended(json.dumps(newer).encode(), actor="ann", reason="enough", now=7.0)
    assert done is not None
    assert (done.rollout, done.before_revision, done.revision) == ("chat-1", 1, 2)
    changed = {"revision": 2, "phase": "rolled_back", "weight_bps": 0, "holding": None, "paused": False}
    assert json.loads(done.document) == {**newer, **changed, "reason": "enough", "actor": "ann", "ended_at": 7.0}
    assert (done.entry.phase_from, done.entry.phase_to, done.entry.revision) == (Phase.CANARY, Phase.ROLLED_BACK, 2)
    assert ended(done.document, actor="ann", reason="again", now=8.0) is None


def test_ending_by_the_core_is_what_a_rollback_does() -> None:
    """Of a document that is understood, the same comes out as when it is rolled back in the usual way."""
    done = ended(to_json(CANARY), actor="ann", reason="enough", now=7.0)
    assert done is not None
    after = from_json(done.document)
    assert (after.phase, after.weight_bps, after.grant(), after.ended_at) == (Phase.ROLLED_BACK, 0, None, 7.0)
    assert set(CORE) <= set(json.loads(done.document))


@pytest.mark.parametrize("data", [b"", b"[]", b'{"version": 9}', b'{"id": 1, "revision": "x", "phase": "canary"}'])
def test_without_a_core_there_is_nothing_to_end(data: bytes) -> None:
    """The lease can still be deleted."""
    assert ended(data, actor="ann", reason="enough", now=7.0) is None


@pytest.mark.parametrize("more", [{"include": ("ring:beta",)}, {"exclude": ("tenant:bank",)}, {"kept": True}])
def test_a_lease_that_version_1_would_misread_is_sealed(more: Json) -> None:
    """It has none of the members that version 1 looks for, and the present version opens it."""
    plain = Grant("chat-1", "new", "salt", 1_000, 1, 1, 1)
    assert set(json.loads(grant_to_json(plain))) >= set(stored("grant.json"))
    sealed = replace(plain, **more)
    assert not set(json.loads(grant_to_json(sealed))) & set(stored("grant.json"))
    assert grant_from_json(grant_to_json(sealed)) == sealed


def test_a_lease_of_an_unknown_version_grants_nothing() -> None:
    """Even one that looks like today's."""
    sealed = json.loads(grant_to_json(Grant("chat-1", "new", "salt", 1_000, 1, 1, 1, exclude=("tenant:bank",))))
    assert grant_from_json(json.dumps({**sealed, "version": 3}).encode()) is None
