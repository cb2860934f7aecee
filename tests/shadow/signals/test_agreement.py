"""Whether two answers say the same: by kind of task, and against people's judgement."""

import json
from itertools import combinations
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.answer import Answer
from shadow.signals.agreement import agree
from tests.shadow.making import ask, says


def call(name: str, arguments: str) -> Answer:
    """An answer that calls one tool."""
    return says("", calls=((name, arguments),))


@pytest.mark.parametrize(
    ("prompt", "one", "other"),
    [
        ("", "Paris.", " paris"),
        ("", "Crème brûlée", "creme brulee!"),
        ("A or B?", "B) Paris", "The answer is (B)."),
        ("", '{"a": 1, "b": [1, 2]}', '{"b":[2,1],"a":1}'),
    ],
)
def test_the_same_said_otherwise_agrees(prompt: str, one: str, other: str) -> None:
    """Case, accents, marks, the form of a choice, the order of keys."""
    assert agree(ask(prompt), says(one), says(other)) == 1.0


@pytest.mark.parametrize(
    ("prompt", "one", "other"),
    [
        ("A or B?", "A) Rome", "B) Paris"),
        ("Is it raining in Rome?", "Yes.", "No."),
        ("When was it built?", "It was built in 1889.", "It was built in 1789."),
        ("Which town is it?", "Bordeaux", "Toulouse"),
    ],
)
def test_the_opposite_does_not_agree(prompt: str, one: str, other: str) -> None:
    """Other choices, yes and no, other years, other names; the question's own words do not count."""
    assert agree(ask(prompt), says(one), says(other)) <= 0.15


LONG = "First we look at the sum, and then at each of its terms in turn. " * 60


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (r"So it is \boxed{42}.", r"Hence \boxed{42}", 1.0),
        (r"So it is \boxed{42}.", r"Hence \boxed{43}", 0.0),
        (r"So it is \boxed{\frac{1}{2}}", r"Thus \boxed{\frac{1}{3}}", 0.0),
        ("It comes to\n#### 1,000", "Therefore\n#### 1000", 1.0),
        ("The final answer is -5.", "Final answer: 5", 0.0),
        (f"{LONG}\n#### 42", f"Another way: {LONG}\n#### 43", 0.0),
        (f"{LONG} {LONG}", f"{LONG} {LONG}", 1.0),
    ],
)
def test_marked_final_answers_decide_wherever_they_stand(one: str, other: str, expected: float) -> None:
    """As mathematics benchmarks mark them; at the end of a long answer, too."""
    assert agree(ask("What does it come to?"), says(one), says(other)) == expected


def test_yes_and_no_weigh_half_of_a_longer_answer() -> None:
    """The same reasons with another verdict agree less than half."""
    reasons = " the recipe contains wheat flour and butter from Normandy"
    assert agree(ask(), says("Yes," + reasons), says("Yes," + reasons + ".")) == 1.0
    assert agree(ask(), says("Yes," + reasons), says("No," + reasons)) == pytest.approx(0.5)


def test_tool_calls_agree_by_name_and_canonical_arguments() -> None:
    """Key order and white space do not matter; calling where the other talks is disagreement."""
    assert agree(ask(), call("find", '{"a": 1, "b": 2}'), call("find", '{"b":2,"a":1}')) == 1.0
    assert agree(ask(), call("find", '{"a": 1}'), call("find", '{"a": 2}')) == 0.0
    assert agree(ask(), call("find", "{}"), says("I would look it up.")) == 0.0


def test_json_agrees_by_its_paths() -> None:
    """One value of two differs: the object and one leaf of three are shared."""
    assert agree(ask(), says('{"a": 1, "b": 2}'), says('{"a": 1, "b": 3}')) == pytest.approx(2 / 3)


TEXTS = st.text(max_size=60) | st.sampled_from(["Yes, it is.", "no", "(A)", '{"a": 1}', "[1]", "1889 and 12", "三月"])


@given(prompt=TEXTS, one=TEXTS, other=TEXTS)
def test_agreement_is_symmetric_and_within_bounds(prompt: str, one: str, other: str) -> None:
    """And an answer agrees with itself, whatever it is."""
    value = agree(ask(prompt), says(one), says(other))
    assert 0.0 <= value <= 1.0
    assert value == pytest.approx(agree(ask(prompt), says(other), says(one)))
    assert agree(ask(prompt), says(one), says(one)) == 1.0


def _area(scored: list[tuple[float, bool]]) -> float:
    """The area under the curve: how often an agreeing pair scores above a disagreeing one, ties half."""
    ordered = sorted(scored)
    rank, total, start = 0.0, 0, 0
    while start < len(ordered):
        end = start
        while end < len(ordered) and ordered[end][0] == ordered[start][0]:
            end += 1
        agreeing = sum(true for _, true in ordered[start:end])
        rank += agreeing * (start + end + 1) / 2
        total += agreeing
        start = end
    return (rank - total * (total + 1) / 2) / (total * (len(ordered) - total))


def test_people_judge_open_answers_likewise(shared_data: Path) -> None:
    """3,610 questions, five systems: area under the curve at least .83, where token overlap has .68."""
    systems = ("fid", "gpt35", "chatgpt", "gpt4", "newbing")
    scored = []
    began = perf_counter()
    for row in json.loads((shared_data / "qa-eval" / "NQ.json").read_text(encoding="utf-8"))[::3]:
        for one, other in combinations(systems, 2):
            right = [row[f"judge_{system}"] for system in (one, other)]
            if any(right) and not row["improper"]:
                said = [says(row[f"answer_{system}"] or "") for system in (one, other)]
                scored.append((agree(ask(row["question"]), said[0], said[1]), all(right)))
    assert (perf_counter() - began) / len(scored) < 0.001
    assert _area(scored) >= 0.83


_SAID = st.lists(
    st.sampled_from(
        [
            "river",
            "Marlow",
            "rises",
            "1931",
            "3,000.50",
            "two",
            "May",
            "don't",
            "well-known",
            "2024-03-09",
            "snake_case",
            "Äpfel",
            "café",
        ]
    ),
    min_size=2,
    max_size=8,
    unique=True,
)


@given(_SAID, _SAID)
def test_marks_around_words_change_nothing_whichever_way_the_words_are_looked_up(
    one: list[str], other: list[str]
) -> None:
    """Words in lower case go by sets, others are remembered, texts beyond ASCII are split otherwise: one result."""

    def agreed(before: str, after: str) -> float:
        texts = [
            "is what it said, namely " + " ".join(f"{before}{word}{after}" for word in said) for said in (one, other)
        ]
        return agree(ask("?"), says(texts[0]), says(texts[1]))

    plain = agreed("", "")
    assert [agreed("(", ")"), agreed("**", "**"), agreed("“", "”"), agreed("", ",")] == [plain] * 4
