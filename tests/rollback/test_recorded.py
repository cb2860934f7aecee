"""Recorded pairs, judged offline."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.config.plans import PlanSpec
from loadtest.rig.recordings import data_dir
from rollback.errors import Unreadable
from rollback.plan import Budget, BudgetClass, Plan
from rollback.recorded import Judgement, Outcomes, judged, read
from tests.rollback import scenes
from tests.rollback.scenes import AGREEMENT, ERRORS, LENGTH, REFUSAL, SCHEMA, TTFT

DEFAULT = PlanSpec().resolve("default")
BROKEN = {"error": {"message": "no"}}
REFUSED = "I'm sorry, but I can't help with that."
ANSWERED = "The capital of France is Paris, which lies on the Seine."


def judge(records: list[dict[str, Any]], plan: Plan = DEFAULT) -> Judgement:
    """What records, written as JSONL, are judged as."""
    return judged(plan, read(json.dumps(record).encode() for record in records))


def same(count: int, **more: Any) -> list[dict[str, Any]]:
    """Records on which the two models do not differ."""
    return [{"prompt": f"question {i}", "stable": ANSWERED, "candidate": ANSWERED, **more} for i in range(count)]


def refusing(count: int) -> list[dict[str, Any]]:
    """Records on which the candidate refuses and stable does not."""
    return [{"prompt": f"other {i}", "stable": ANSWERED, "candidate": REFUSED} for i in range(count)]


def test_equal_answers_are_shown_harmless() -> None:
    """Refusal and length shown; what nobody asked for is not applicable; what pairs cannot tell is named."""
    found = judge(same(600))
    assert found.outcome is Outcomes.HARMLESS
    assert found.sentence == "refusal, length shown within the limits, n = 600; schema not applicable"
    assert found.left_out == (
        "agreement: no line has stable_again",
        "errors: every answer arrived",
        "ttft: needs real traffic",
    )


def test_more_refusals_are_harm_with_the_numbers() -> None:
    """The sentence is that of a rollback."""
    found = judge(same(300) + refusing(60))
    assert found.outcome is Outcomes.HARM
    assert found.sentence.startswith("refusal +16.7 pp [")
    assert "over the limit of 2.0 pp, n = 360, burn 100 %" in found.sentence


def test_few_pairs_are_not_enough_and_the_sentence_says_how_many_more() -> None:
    """Neither harm nor harmlessness is made of thirty pairs."""
    found = judge(same(40))
    assert found.outcome is Outcomes.NOT_ENOUGH
    assert "more pairs to show that it is within the limit of" in found.sentence


def test_a_key_votes_once() -> None:
    """Requests of one user depend on each other: the first line counts, whatever the others say."""
    repeated = [record | {"key": "u-1"} for record in refusing(200)]
    found = judge(same(600) + repeated)
    assert (found.outcome, found.pairs, found.repeated_keys) == (Outcomes.HARMLESS, 601, 199)


def test_the_order_of_the_lines_changes_nothing_but_which_line_of_a_key_counts() -> None:
    """Counters add up."""
    records = same(200) + refusing(20)
    assert judge(records).sentence == judge(records[::-1]).sentence


def test_answers_that_failed_are_errors() -> None:
    """Null, and an error object: then errors are judged too."""
    failing: list[dict[str, Any]] = [{"prompt": f"p{i}", "stable": ANSWERED, "candidate": BROKEN} for i in range(40)]
    none: list[dict[str, Any]] = [{"prompt": f"q{i}", "stable": ANSWERED, "candidate": None} for i in range(40)]
    failing += none
    found = judge(same(300) + failing, scenes.plan(REFUSAL, ERRORS, TTFT))
    assert (found.outcome, found.left_out) == (Outcomes.HARM, ("ttft: needs real traffic",))
    assert found.sentence.startswith("errors +")


def test_response_bodies_are_read_as_in_a_rollout() -> None:
    """Whole chat bodies, with the structure that the request demands."""
    schema = {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "c", "schema": schema}}
    request = {"messages": [{"role": "user", "content": "which city?"}], "response_format": wanted}

    def said(text: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}

    good, bad = said('{"city": "Paris"}'), said('{"town": "Paris"}')
    records = [{"request": request, "stable": good, "candidate": bad if i % 4 == 0 else good} for i in range(200)]
    found = judge(records, scenes.plan(SCHEMA))
    assert (found.outcome, found.sentence[:15]) == (Outcomes.HARM, "schema +25.0 pp")


def test_agreement_is_judged_where_stable_was_asked_twice() -> None:
    """Against stable's agreement with itself."""
    records = [
        {
            "prompt": f"p{i}",
            "stable": ANSWERED,
            "stable_again": ANSWERED,
            "candidate": "Bananas grow in warm countries.",
        }
        for i in range(100)
    ]
    found = judge(records, scenes.plan(AGREEMENT))
    assert (found.outcome, found.left_out) == (Outcomes.HARM, ())
    assert found.sentence.startswith("agreement")


def test_a_signal_that_only_holds_is_not_harmless() -> None:
    """A rollout would not widen either."""
    only_holds = Budget("refusal", BudgetClass.SIGNAL, max_increase=0.02)
    found = judge(same(300) + refusing(60), scenes.plan(only_holds, LENGTH))
    assert found.outcome is Outcomes.NOT_ENOUGH


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "line 2: not a JSON object"),
        ("[]", "line 2: not a JSON object"),
        ('{"prompt": "a", "stable": "b"}', "line 2: `candidate` is missing; null says"),
        ('{"prompt": "a", "stable": 1, "candidate": "c"}', "line 2: `stable` must be a text, a response body, or null"),
        ('{"stable": "b", "candidate": "c"}', "line 2: give `prompt`"),
        ('{"prompt": "a", "request": {}, "stable": "b", "candidate": "c"}', "line 2: give `prompt`"),
        ('{"prompt": "a", "stable": "b", "candidte": "c"}', "line 2: unknown field 'candidte'"),
        ('{"prompt": "a", "stable": "b", "candidate": "c", "api": "telex"}', "line 2: `api` must be one of"),
        ('{"prompt": "a", "stable": "b", "candidate": "c", "key": []}', "line 2: `key` must be a text"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(line: str, complaint: str) -> None:
    """With its number, and what would be right."""
    good = b'{"prompt": "a", "stable": "b", "candidate": "c"}'
    with pytest.raises(Unreadable) as raised:
        list(read([good, line.encode()]))
    assert str(raised.value).startswith(complaint)


def test_an_empty_file_is_no_proof() -> None:
    """Blank lines are no pairs."""
    with pytest.raises(Unreadable, match="no pairs"):
        judged(DEFAULT, read([b"", b"  \n"]))


# ── recorded swaps of real models ─────────────────────────────────────────────────────────────────────────────────────


def answers(model: str) -> dict[str, str]:
    """A recorded model's answers by prompt; skips where the recordings are not there."""
    path: Path = data_dir() / "alpaca_eval" / f"{model}.json"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return {entry["instruction"]: entry["output"] for entry in json.loads(path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize(
    ("stable", "candidate", "outcome", "reason"),
    [
        ("claude-2", "claude-2.1", Outcomes.HARM, "refusal"),
        ("gpt-3.5-turbo-0301", "gpt-3.5-turbo-0613", Outcomes.HARM, "length"),
        ("gpt-4o-2024-05-13", "gpt-4o-mini-2024-07-18", Outcomes.HARMLESS, ""),
        ("gpt-4-turbo-2024-04-09", "gpt-4-turbo-2024-04-09", Outcomes.HARMLESS, ""),
    ],
)
def test_swaps_of_real_models_are_judged_as_they_are_in_a_rollout(
    stable: str, candidate: str, outcome: Outcomes, reason: str
) -> None:
    """The same outcomes as the proof that replays them through the gateway."""
    ours, theirs = answers(stable), answers(candidate)
    records = [{"prompt": prompt, "stable": said, "candidate": theirs[prompt]} for prompt, said in ours.items()]
    found = judge(records)
    assert (found.outcome, found.sentence[: len(reason)]) == (outcome, reason)
