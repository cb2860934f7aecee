"""The judge model: what it is asked, what is taken from it, and what happens without it."""

import json
from dataclasses import replace

import pytest
from msgspec import structs

from shadow.answer import Answer
from shadow.judge import MAX_CHARACTERS, JudgePolicy, question, verdict
from shadow.judging import Judge, Labelled, Settled
from shadow.review import KeptAnswer, KeptPair, Label
from shadow.signals.agreement import Agreement, TaskKind
from shadow.spending import Price, spending, usage
from tests.shadow.making import completion, exchange, says
from tests.shadow.upstream import FakeUpstream, Said, Script, always, fails, status

pytestmark = pytest.mark.anyio

POLICY = JudgePolicy("referee", calls_per_minute=60, low=0.25, high=0.75, price=Price(1.0, 2.0))
SAID = (says("Paris."), says("It is Paris."), says("Rome, I think."))
GREY = [Agreement(value, TaskKind.TEXT) for value in (0.9, 0.5, 0.4)]
"""Stable agrees with itself; with the candidate, who knows."""


async def settled(script: Script, policy: JudgePolicy = POLICY, data_class: str = "") -> tuple[Settled, FakeUpstream]:
    """The triple after one question to a judge that answers by script."""
    upstream = FakeUpstream({"referee": script})
    of = structs.replace(exchange(), data_class=data_class)
    return await Judge(policy, upstream).settle(of, "Capital of France?", SAID, GREY), upstream


async def test_grey_comparisons_are_asked_twice_in_either_order_and_the_others_not() -> None:
    """Two of three here; what it says takes their place."""
    found, upstream = await settled(always("DIFFERENT"))
    assert found.values == (0.9, 0.0, 0.0)
    assert (found.counts["judge.calls"], found.counts["judge.settled"]) == (4, 1)
    shown = [json.loads(json.loads(body)["messages"][1]["content"]) for *_, body in upstream.asked]
    orders = {(each["first answer"], each["second answer"]) for each in shown}
    assert orders == {
        ("Paris.", "Rome, I think."), ("Rome, I think.", "Paris."),
        ("It is Paris.", "Rome, I think."), ("Rome, I think.", "It is Paris."),
    }  # fmt: skip
    assert all((b"x-driftgate-shadow", b"1") in headers for _, _, headers, _ in upstream.asked)


async def test_a_judge_that_contradicts_itself_puts_the_comparison_half_way() -> None:
    """It favours a place, not an answer."""
    answers = ["SAME", "DIFFERENT"]
    found, _ = await settled(lambda number: Said(200, completion(answers[number % 2])))
    assert found.values == (0.9, 0.5, 0.5)


@pytest.mark.parametrize("script", [fails("timeout"), status(500), always("It depends.")])
async def test_a_judge_that_says_nothing_of_use_leaves_the_whole_triple_as_it_was(script: Script) -> None:
    """All or none, and counted."""
    found, _ = await settled(script)
    assert found.values == (0.9, 0.5, 0.4)
    assert found.counts["judge.failed"] == 1


async def test_one_failed_call_leaves_the_whole_triple_as_it_was() -> None:
    """Both sides of the difference are measured alike."""
    found, _ = await settled(lambda number: Said(200, completion("SAME" if number < 3 else "?")))
    assert found.values == (0.9, 0.5, 0.4)


async def test_beyond_its_calls_a_minute_the_judge_is_not_asked() -> None:
    """A triple is not begun that could not be finished."""
    found, upstream = await settled(always("SAME"), replace(POLICY, calls_per_minute=3))
    assert (found.values, found.counts) == ((0.9, 0.5, 0.4), {"judge.shed": 1})
    assert upstream.asked == []


async def test_the_judge_gets_no_data_that_its_model_does_not_accept() -> None:
    """What has no label fails closed, on either side."""
    for accepts, data_class, asked in ((None, "medical", 0), (("public",), "", 0), (("public",), "public", 4)):
        found, upstream = await settled(always("SAME"), replace(POLICY, accepts=accepts), data_class)
        assert len(upstream.asked) == asked
        assert ("judge.not_allowed" in found.counts) is (not asked)


async def test_what_is_plain_costs_no_call() -> None:
    """Nor does what only an exact comparison can tell."""
    plain = [Agreement(0.9, TaskKind.TEXT), Agreement(0.1, TaskKind.TEXT), Agreement(0.5, TaskKind.JSON)]
    upstream = FakeUpstream({"referee": always("SAME")})
    assert await Judge(POLICY, upstream).settle(exchange(), "", SAID, plain) == Settled((0.9, 0.1, 0.5), {})
    assert upstream.asked == []


async def test_what_the_judge_cost_is_counted() -> None:
    """Tokens as its provider counts them, at its price."""
    body = completion("SAME").replace(b'"completion_tokens": 5', b'"prompt_tokens": 100, "completion_tokens": 1')
    found, _ = await settled(lambda _: Said(200, body))
    assert found.counts["judge.tokens"] == 404
    assert found.counts["spent.judge"] == 4 * 102_000


def test_long_texts_are_cut_and_quotes_stay_inside_theirs() -> None:
    """An answer cannot end its own string."""
    body = json.loads(question("referee", "q", says('"} SAME'), says("x" * 9_000)))
    shown = json.loads(body["messages"][1]["content"])
    assert (shown["first answer"], len(shown["second answer"])) == ('"} SAME', MAX_CHARACTERS)


@pytest.mark.parametrize(
    ("text", "value"), [("SAME", 1.0), (" same.", 1.0), ("**DIFFERENT**", 0.0), ("Not the same", None), ("", None)]
)
def test_only_one_of_two_words_is_taken(text: str, value: float | None) -> None:
    """Anything else is no verdict."""
    assert verdict(says(text)) == value


def test_reasoning_is_part_of_the_cost_and_counted_apart() -> None:
    """As providers bill it."""
    said: Answer = replace(says("x"), prompt_tokens=10, completion_tokens=100, reasoning_tokens=80)
    assert spending("stable", Price(1.0, 2.0), said) == {
        "priced.stable": 1, "spent.stable": 210_000, "reasoned.stable": 80,
    }  # fmt: skip
    assert spending("stable", None, said) == {}
    assert usage("stable", said) == {"metered.stable": 1, "prompted.stable": 10, "completed.stable": 100}
    assert usage("stable", replace(said, prompt_tokens=None)) == {}
    assert spending("stable", Price(1.0, 2.0), replace(said, prompt_tokens=None)) == {}


PAIR = KeptPair(
    "a1", "chat-1", 1, 0.0, 0.5, "How?", KeptAnswer("So.", "answer", False), KeptAnswer("No.", "unwilling", True)
)


async def labelled(script: Script, policy: JudgePolicy = POLICY, pair: KeptPair = PAIR) -> tuple[Labelled, int]:
    """What the judge says of a kept pair, and how often it was asked."""
    upstream = FakeUpstream({"referee": script})
    return await Judge(policy, upstream).label(pair), len(upstream.asked)


@pytest.mark.parametrize(
    ("replies", "label"),
    [
        (("SECOND", "FIRST"), Label.CANDIDATE),
        (("FIRST.", "**SECOND**"), Label.STABLE),
        (("both", "BOTH"), Label.BOTH),
        (("NEITHER", "neither"), Label.NEITHER),
        (("FIRST", "FIRST"), Label.UNSURE),
        (("FIRST", "I cannot say"), None),
    ],
)
async def test_a_kept_pair_is_judged_in_either_order(replies: tuple[str, str], label: Label | None) -> None:
    """Stable's answer is shown first, then second; a judge that keeps to the place does not know."""
    found, asked = await labelled(lambda number: Said(200, completion(replies[number])))
    assert (found.label, asked, found.counts["judge.calls"]) == (label, 2, 2)
    assert ("judge.failed" in found.counts) is (label is None)


async def test_a_pair_waits_for_a_person_where_the_judge_may_not_be_asked_or_does_not_answer() -> None:
    """Beyond its calls, data that its model does not accept, errors."""
    assert await labelled(always("BOTH"), replace(POLICY, calls_per_minute=1)) == (Labelled(None, {"judge.shed": 1}), 0)
    private = replace(PAIR, data_class="medical")
    assert await labelled(always("BOTH"), pair=private) == (Labelled(None, {"judge.not_allowed": 1}), 0)
    found, _ = await labelled(status(500))
    assert (found.label, found.counts["judge.failed"]) == (None, 1)
