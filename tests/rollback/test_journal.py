"""The journal: what is on the disk is remembered, whatever tears it."""

import os
import resource
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollback.errors import JournalFailed
from rollback.journal import (
    LONGEST,
    GenerationNoted,
    Journal,
    JournalState,
    Line,
    RolledBackNoted,
    SeenNoted,
    read_journal,
    replay,
)
from routing.exposure import Generation

endpoints = st.sampled_from(["chat", "mail"])
rollouts = st.sampled_from(["a", "b", "c"])
numbers = st.integers(0, 20)
lines: st.SearchStrategy[Line] = st.one_of(
    st.builds(GenerationNoted, endpoints, st.builds(Generation, numbers, rollouts, st.just(1.0), st.just("ann"))),
    st.builds(RolledBackNoted, endpoints, rollouts, numbers, st.text(max_size=5), st.just("ann")),
    st.builds(SeenNoted, endpoints, numbers, numbers, st.one_of(st.just(""), rollouts), numbers),
)


def written(path: Path, noted: list[Line]) -> JournalState:
    """A journal with these lines, closed; its state at the end."""
    journal = Journal(path)
    for line in noted:
        journal.note(line)
    journal.close()
    return journal.state


@given(noted=st.lists(lines, max_size=12))
@settings(max_examples=60, deadline=None)
def test_what_was_noted_is_read_back(noted: list[Line], tmp_path_factory: pytest.TempPathFactory) -> None:
    """A reader sees exactly the state that the writer had."""
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    assert written(path, noted) == read_journal(path)


@given(noted=st.lists(lines, min_size=1, max_size=8), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_file_torn_anywhere_keeps_its_whole_lines(
    noted: list[Line], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """After a crash in the middle of a write, every line before it counts, and writing goes on cleanly."""
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    written(path, noted)
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    whole = replay(content[: content[:cut].rfind(b"\n") + 1])
    assert read_journal(path) == whole
    late = RolledBackNoted("chat", "z", 99)
    assert written(path, [late]) == whole.after(late)
    assert read_journal(path) == whole.after(late)


@given(noted=st.lists(lines, max_size=12))
def test_the_fewest_lines_amount_to_the_same_state(noted: list[Line]) -> None:
    """Compaction forgets nothing that matters."""
    state = JournalState()
    for line in noted:
        state = state.after(line)
    again = JournalState()
    for line in state.lines():
        again = again.after(line)
    assert again.generations == state.generations
    assert again.latched == state.latched
    assert {e: s.rollout for e, s in again.running.items()} == {e: s.rollout for e, s in state.running.items()}
    assert {e: n for e, n in again.revisions.items() if n} == {e: n for e, n in state.revisions.items() if n}
    assert {e: n for e, n in again.epochs.items() if n} == {e: n for e, n in state.epochs.items() if n}


@given(noise=st.binary(max_size=200))
def test_any_bytes_are_read_without_a_crash(noise: bytes) -> None:
    """Damaged lines are skipped and counted, and the good line after them still counts."""
    state = replay(
        noise.replace(b"\n", b" ") + b'\n{"type":"rolled_back","endpoint":"chat","rollout":"a","revision":3}\n'
    )
    assert state.latched == {"chat": "a"}
    assert state.damaged <= 1


def test_a_missing_journal_is_an_empty_one(tmp_path: Path) -> None:
    """A first start finds nothing, and that is no error."""
    assert read_journal(tmp_path / "none.jsonl") == JournalState()


def test_a_line_that_says_nothing_new_is_not_written(tmp_path: Path) -> None:
    """Noting the same state each second does not grow the file."""
    path = tmp_path / "journal.jsonl"
    written(path, [SeenNoted("chat", 1, 1, "a", 100)] * 50)
    assert path.read_bytes().count(b"\n") == 1


def test_a_long_journal_is_rewritten_short_and_goes_on(tmp_path: Path) -> None:
    """After thousands of transitions the file is small, complete, and still writable."""
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.note(RolledBackNoted("chat", "a", 1, "harm", "driftgate"))
    for revision in range(2, LONGEST + 10):
        journal.note(SeenNoted("chat", revision, 1, "b", revision % 100))
    journal.close()
    assert path.read_bytes().count(b"\n") < LONGEST
    assert read_journal(path) == journal.state
    assert read_journal(path).latches["chat"].reason == "harm"


def test_the_journal_is_for_its_owner_only(tmp_path: Path) -> None:
    """Nobody else reads or writes what a rollback relies on."""
    path = tmp_path / "journal.jsonl"
    written(path, [SeenNoted("chat", 1, 1)])
    assert path.stat().st_mode & 0o077 == 0


def test_a_full_disk_is_told_and_leaves_whole_lines(tmp_path: Path) -> None:
    """A write that cannot be completed raises, and the next reader finds no torn line."""
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.note(SeenNoted("chat", 1, 1))
    size = path.stat().st_size
    pid = os.fork()  # the limit on file sizes is for a process: set it in one that ends
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, size + 10))
        try:
            journal.note(RolledBackNoted("chat", "a", 2))
        except JournalFailed:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert read_journal(path) == JournalState(revisions={"chat": 1}, epochs={"chat": 1})
    journal.close()


def test_a_long_journal_is_opened_and_goes_on_where_there_is_no_room_to_shorten_it(tmp_path: Path) -> None:
    """A full disk must not keep the control process from starting."""
    path = tmp_path / "journal.jsonl"
    made: list[Line] = [SeenNoted("chat", revision, 1, "b", revision % 100) for revision in range(1, LONGEST + 1)]
    written(path, made)
    path.write_bytes(path.read_bytes() * 2)
    (tmp_path / "journal.new").mkdir()  # in its way, as no room would be
    late = RolledBackNoted("chat", "b", LONGEST + 9)
    assert written(path, [late]).latched == {"chat": "b"}
    assert path.read_bytes().count(b"\n") > LONGEST
    (tmp_path / "journal.new").rmdir()
    written(path, [])
    assert path.read_bytes().count(b"\n") < LONGEST
    assert read_journal(path).latched == {"chat": "b"}


def test_an_unreadable_place_is_told(tmp_path: Path) -> None:
    """A state directory that is a file is an error with the path in it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalFailed, match="file"):
        Journal(tmp_path / "file" / "journal.jsonl")


def test_a_line_that_could_not_be_synced_is_not_noted(tmp_path: Path) -> None:
    """What takes every write and keeps none: a rollback noted there would be called durable, and be lost."""
    path = tmp_path / "journal.jsonl"
    path.symlink_to("/dev/null")
    journal = Journal(path)
    with pytest.raises(JournalFailed, match="cannot be written"):
        journal.note(RolledBackNoted("chat", "a", 1, "enough", "ann"))
    assert journal.state == JournalState()
    journal.close()
