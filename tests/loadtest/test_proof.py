"""The proof must not pass by not looking: what is wrong with a run is found."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.proof.__main__ import LEASE_SECONDS, Seen, judged
from loadtest.proof.report import summary
from loadtest.proof.swaps import SWAPS, Swap
from loadtest.rig.application import Application, Tally
from loadtest.rig.asking import Answer
from loadtest.rig.recordings import UNKNOWN_ANSWER, Recording, load, render
from loadtest.rig.replay_server import Entry

PROMPTS = {"Say hi.": "Hi, ünï!", "Count.": "1, 2, 3"}
SWAP = Swap("old", "new", "rolled_back", "refusal")


def entry(user: str, at: float, *, shadow: bool = False) -> Entry:
    """A line of a model server's log."""
    return Entry(at=at, prompt=0, user=user, shadow=shadow, stream=False)


SEEN = Seen(
    rollout={"phase": "rolled_back", "reason": "refusal +8 pp"},
    tally=Tally(asked=3, stable=2, candidate=1, candidate_users={"ada"}),
    stable_log=[entry("ada", 1.0, shadow=True), entry("ben", 2.0)],
    candidate_log=[entry("ada", 1.0), entry("ben", 2.0, shadow=True), entry("", 0.5)],
    seconds=4.0,
    ended_seen_at=5.0,
)


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """Two recorded answers."""
    path = tmp_path / "recorded.json"
    path.write_text(json.dumps([{"instruction": ask, "output": said} for ask, said in PROMPTS.items()]))
    return load(path, "old")


def said_in(stream: bytes) -> str:
    """The text that a stream carries."""
    events = [line.removeprefix("data: ") for line in stream.decode().split("\n\n") if line]
    assert events.pop() == "[DONE]"
    return "".join(json.loads(event)["choices"][0]["delta"].get("content", "") for event in events)


def test_a_run_as_it_must_be_has_nothing_wrong() -> None:
    """Pairs are mirrors in both logs; requests served by the candidate are users' own."""
    run = judged(SWAP, 1, SEEN)
    assert run.wrong == ()
    assert (run.pairs, run.candidate_served) == (2, 2)


@pytest.mark.parametrize("rollout", [{"phase": "promoted", "reason": ""}, {"phase": "rolled_back", "reason": "length"}])
def test_another_end_or_another_reason_is_wrong(rollout: dict[str, str]) -> None:
    """Rolled back for length is not rolled back for refusal."""
    assert judged(SWAP, 1, replace(SEEN, rollout=rollout)).wrong


def test_a_user_on_the_candidate_after_a_lease_is_wrong() -> None:
    """A rollback that leaves anybody behind fails the proof, however right its reason."""
    late = [*SEEN.candidate_log, entry("cid", SEEN.ended_seen_at + LEASE_SECONDS + 0.1)]
    assert judged(SWAP, 1, replace(SEEN, candidate_log=late)).wrong


def test_a_header_that_names_the_wrong_arm_is_wrong() -> None:
    """An answer said to be the candidate's must stand in the candidate's own log."""
    assert judged(SWAP, 1, replace(SEEN, candidate_log=[])).wrong


def test_a_complaint_of_the_application_is_wrong() -> None:
    """One failed request or one changed byte fails the run."""
    assert judged(SWAP, 1, replace(SEEN, tally=Tally(complaints=["user-1: status 502"], candidate_users=set()))).wrong


def test_both_forms_of_an_answer_carry_the_recorded_words(recording: Recording) -> None:
    """The unary JSON and the joined events say what the model said, accents included."""
    for prompt, said in PROMPTS.items():
        rendered = recording.of(prompt)
        assert json.loads(rendered.unary)["choices"][0]["message"]["content"] == said
        assert said_in(rendered.stream) == said
    assert said_in(recording.of("never asked").stream) == UNKNOWN_ANSWER


@pytest.mark.parametrize(
    ("arm", "body", "wrong", "promoted"),
    [
        ("stable", render("old", 0, "Hi, ünï!").unary, 0, 0),
        ("candidate", render("old", 0, "Hi, ünï!").unary, 1, 0),
        ("stable", render("new", 0, "Hi, ünï!").unary, 0, 1),
        ("stable", render("old", 0, "Hi, uni!").unary, 1, 0),
        ("", render("old", 0, "Hi, ünï!").unary, 1, 0),
    ],
    ids=["as recorded", "of the other arm", "of a promoted candidate", "one byte off", "without an arm"],
)
def test_the_application_compares_every_byte(
    recording: Recording, arm: str, body: bytes, wrong: int, promoted: int
) -> None:
    """An answer counts as right only if it is what the arm in its header said."""
    other = replace(recording, rendered={"Say hi.": render("new", 0, "Hi, ünï!")})
    application = Application(0, "chat", recording, other, seed=1)
    application._check("ada", "Say hi.", Answer(200, {"x-driftgate-arm": arm}, body), stream=False)
    assert (application.tally.wrong, application.tally.promoted) == (wrong, promoted)


def test_the_table_has_one_row_for_each_swap() -> None:
    """Runs of one swap are summed up in one row, with how many ended as they must."""
    runs = [judged(swap, seed, SEEN) for swap in SWAPS for seed in (1, 2)]
    rows = summary(runs).splitlines()[2:]
    assert len(rows) == len(SWAPS)
    assert "| 2 of 2 |" in next(row for row in rows if row.startswith("| claude-2 "))
    assert "| 0 of 2 |" in next(row for row in rows if "itself" in row)
