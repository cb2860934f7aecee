"""What waits to be written: never twice, never without bound, never lost silently."""

from hypothesis import given
from hypothesis import strategies as st

from shadow.batching import MAX_BATCH_VOTES, MAX_CUT, Batch, Home, Pending, RecentVoters
from shadow.cells import Vote

CHAT = Home("chat", "chat-1", 1)
LATER = Home("chat", "chat-1", 2)


def vote(number: int) -> Vote:
    """A vote of its own key."""
    return Vote(f"p:{number}", ("p/refusal/*/0/0",))


def test_each_home_has_its_own_batches() -> None:
    """Counters of two epochs never mix."""
    pending = Pending("w")
    pending.vote(CHAT, vote(1))
    pending.vote(LATER, vote(1))
    pending.count(CHAT, "shadowed", 3)
    assert [(batch.home, batch.votes, dict(batch.counts)) for batch in pending.cut()] == [
        (CHAT, (vote(1),), {"shadowed": 3}),
        (LATER, (vote(1),), {}),
    ]


def test_a_batch_that_was_not_written_is_handed_out_again_unchanged() -> None:
    """With its id, and what came later is in another one."""
    pending = Pending("w")
    pending.vote(CHAT, vote(1))
    first = pending.cut()
    pending.vote(CHAT, vote(2))
    second = pending.cut()
    assert second[0] == first[0]
    assert second[1].votes == (vote(2),)
    pending.written(first[0])
    assert pending.cut() == second[1:]


def test_a_batch_that_failed_goes_to_the_end() -> None:
    """One that can never be written does not bar the others."""
    pending = Pending("w")
    pending.vote(CHAT, vote(1))
    bad = pending.cut()[0]
    pending.failed(bad)
    pending.vote(CHAT, vote(2))
    good, last = pending.cut()[1], pending.cut()[0]
    assert (good.votes, last) == ((vote(2),), bad)
    pending.failed(bad)
    assert pending.cut()[0] == good


def test_beyond_the_bound_votes_are_dropped_and_counted() -> None:
    """Writing makes room again."""
    pending = Pending("w", max_votes=2)
    assert [pending.vote(CHAT, vote(i)) for i in range(4)] == [True, True, False, False]
    (batch,) = pending.cut()
    assert dict(batch.counts) == {"lost.memory": 2}
    pending.written(batch)
    assert pending.vote(CHAT, vote(4))


def test_a_long_outage_makes_larger_batches_not_more() -> None:
    """What waits after many cuts is bounded in number."""
    pending = Pending("w")
    batches: tuple[Batch, ...] = ()
    for i in range(1_000):
        pending.vote(CHAT, vote(i))
        batches = pending.cut()
    assert len(batches) == MAX_CUT
    for batch in batches:
        pending.written(batch)
    assert len(pending.cut()[0].votes) == 1_000 - MAX_CUT


def test_large_batches_are_cut_in_pieces() -> None:
    """One script run must stay short; the counts go with the first."""
    pending = Pending("w")
    for i in range(2 * MAX_BATCH_VOTES + 1):
        pending.vote(CHAT, vote(i))
    pending.count(CHAT, "shed")
    batches = pending.cut()
    assert [len(batch.votes) for batch in batches] == [MAX_BATCH_VOTES, MAX_BATCH_VOTES, 1]
    assert [dict(batch.counts) for batch in batches] == [{"shed": 1}, {}, {}]


@given(st.lists(st.sampled_from(["vote", "count", "cut", "write", "fail"]), max_size=60))
def test_everything_added_is_written_once(steps: list[str]) -> None:
    """In whatever order adding, cutting, writing and failing come."""
    written: list[Batch] = []
    pending, votes, counts = Pending("w"), 0, 0
    for step in steps:
        if step == "vote":
            votes += pending.vote(CHAT, vote(votes))
        elif step == "count":
            pending.count(CHAT, "shed")
            counts += 1
        else:
            _step(pending, written, step)
    for batch in pending.cut():
        _write(pending, written, batch)
    for batch in pending.cut():
        _write(pending, written, batch)
    assert pending.is_empty
    assert pending.waiting_votes == 0
    assert sorted(each.member for batch in written for each in batch.votes) == sorted(f"p:{i}" for i in range(votes))
    assert sum(batch.counts.get("shed", 0) for batch in written) == counts
    assert len({batch.id for batch in written}) == len(written)


def _step(pending: Pending, written: list[Batch], step: str) -> None:
    batches = pending.cut()
    if batches and step == "write":
        _write(pending, written, batches[0])
    elif batches and step == "fail":
        pending.failed(batches[0])


def _write(pending: Pending, written: list[Batch], batch: Batch) -> None:
    written.append(batch)
    pending.written(batch)


def test_a_vote_is_claimed_by_the_first_and_can_be_released() -> None:
    """A mirror that was shed leaves the key its vote."""
    recent = RecentVoters()
    assert recent.claim(CHAT, "p:1")
    assert not recent.claim(CHAT, "p:1")
    assert recent.claim(LATER, "p:1")
    recent.release(CHAT, "p:1")
    assert recent.claim(CHAT, "p:1")


def test_memory_of_voters_is_bounded_and_keeps_the_latest() -> None:
    """Forgetting costs a mirror, never a second vote: the store knows."""
    recent = RecentVoters(limit=4)
    for member in ("a", "b", "a", "c", "d", "e"):
        recent.claim(CHAT, member)
        assert len(recent) <= 4
    assert not recent.claim(CHAT, "e")
    assert recent.claim(CHAT, "b")


def test_voters_of_earlier_epochs_are_forgotten() -> None:
    """An endpoint may have a rollout every few seconds; another endpoint's voters stay."""
    recent = RecentVoters()
    other = Home("support", "support-1", 1)
    assert recent.claim(other, "p:1")
    for epoch in range(50):
        assert recent.claim(Home("chat", f"chat-{epoch}", epoch), "p:1")
    assert len(recent) == 3
    assert not recent.claim(Home("chat", "chat-48", 48), "p:1")
    assert not recent.claim(other, "p:1")
