"""The signals that are only observed by default: what each counts as its event, and what it leaves alone."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.answer import Answer, Ask, Json
from shadow.reading import Measured, NotApplicable, Unmeasured
from shadow.signals.catalogue import ALSO, EVENTS, VERSIONS
from tests.shadow.making import ask, says

TOOLS: tuple[tuple[str, Json], ...] = (
    ("find", {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}),
)
GERMAN = "Der Zug fährt um acht Uhr von dem Gleis, und es ist nicht weit zu der Stadt."
ENGLISH = "The train leaves at eight from the platform, and it is not far to the city."
PROSE = (
    "The harbour town of Velm grew around a salt works that monks opened in 1204. Trade brought ropes, tar and pine "
    "boards from the north; wool and beans went the other way. A fire in 1671 took most wooden houses, so the council "
    "asked for brick, and paid a fifth of its price. Railways came late, and left the quays quiet for a generation."
)


def value(signal: str, asked: Ask, said: Answer) -> float | None:
    """The signal's value; None where it does not apply."""
    reading = ALSO[signal](asked, said)
    if isinstance(reading, NotApplicable):
        return None
    assert isinstance(reading, Measured)
    return reading.value


@pytest.mark.parametrize(
    ("signal", "text", "expected"),
    [
        ("unwilling", "I'm sorry, but I can't help with that request.", 1.0),
        ("unwilling", "I don't have access to your calendar.", 0.0),
        ("unwilling", "The train leaves at eight.", 0.0),
        ("inability", "I don't have access to your calendar.", 1.0),
        ("inability", "I'm sorry, but I can't help with that request.", 0.0),
        ("inability", "The train leaves at eight.", 0.0),
        ("empty", "", 1.0),
        ("empty", "\n ", 1.0),
        ("empty", "Hi", 0.0),
        ("repetition", "I am going round. " * 60, 1.0),
        ("repetition", "对不起。" * 200, 1.0),
        ("repetition", PROSE + "la" * 1_000, 1.0),
        ("repetition", PROSE, 0.0),
        ("repetition", "ha " * 20, 0.0),
        ("repetition", "", None),
        ("leaked", "<|im_start|>assistant\nHello", 1.0),
        ("leaked", "Hello</s>", 1.0),
        ("leaked", "<think>The user wants</think> Hello", 1.0),
        ("leaked", "[/INST] Hello", 1.0),
        ("leaked", "Hello.\n### Human: and now?", 1.0),
        ("leaked", "Use a <table> if a < b; array[0] is first: see ### Notes", 0.0),
        ("hedging", "It may perhaps work.", 1.0),
        ("hedging", "It works.", 0.0),
        ("as_an_ai", "As an AI language model, I like trains.", 1.0),
        ("as_an_ai", "Als KI habe ich keinen Zug.", 1.0),
        ("as_an_ai", "作为人工智能，我不坐火车。", 1.0),
        ("as_an_ai", "She works in AI as an engineer.", 0.0),
        ("citations", "Salt was found in 1204 [1].", 1.0),
        ("citations", "Salt is old (Miller et al., 2019).", 1.0),
        ("citations", "Salt【3†source】", 1.0),
        ("citations", "See [1](page.html) (in part) from 2019", 0.0),
        ("urls", "See https://example.org/a", 1.0),
        ("urls", "See the page.", 0.0),
        ("code_fence", "```python\nprint()\n```", 1.0),
        ("code_fence", "`print()`", 0.0),
        ("lists", "Buy:\n- salt\n- wool", 1.0),
        ("lists", "1. salt\n2. wool", 1.0),
        ("lists", "It cost - they say - 3.\n- Ann", 0.0),
        ("tables", "| a | b |\n|---|---|\n| 1 | 2 |", 1.0),
        ("tables", "a --- b | c", 0.0),
        ("tables", "", None),
    ],
)
def test_what_a_text_shows(signal: str, text: str, expected: float | None) -> None:
    """One text, one event; what has no text has no form."""
    assert value(signal, ask("Tell me."), says(text)) == expected


def test_a_mark_that_stands_in_the_question_is_no_leak() -> None:
    """Who asks about template tokens is answered with them."""
    assert value("leaked", ask("What does <|im_end|> mean?"), says("<|im_end|> ends a turn.")) == 0.0


@pytest.mark.parametrize(
    ("asked", "said", "expected"),
    [
        (GERMAN, ENGLISH, 1.0),
        (GERMAN, GERMAN, 0.0),
        (ENGLISH, "今日は天気がいいです。散歩に行きましょう。", 1.0),
        ("오늘 날씨가 어때요?", "오늘은 맑습니다. 산책하기 좋아요.", 0.0),
        (ENGLISH, "42", None),
        ("?", ENGLISH, None),
    ],
)
def test_the_language_of_the_question_is_the_language_of_the_answer(
    asked: str, said: str, expected: float | None
) -> None:
    """Where one of the two cannot be told there is nothing to compare."""
    assert value("language", ask(asked), says(said)) == expected


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ((), {"tool_call": 0.0, "unknown_tool": None, "tool_arguments": None, "parallel_calls": None}),
        (
            (("find", '{"q": "salt"}'),),
            {"tool_call": 1.0, "unknown_tool": 0.0, "tool_arguments": 0.0, "parallel_calls": 0.0},
        ),
        (
            (("find", '{"q": 1}'), ("find", '{"q": "wool"}')),
            {"tool_call": 1.0, "unknown_tool": 0.0, "tool_arguments": 1.0, "parallel_calls": 1.0},
        ),
        (
            (("fetch", "{}"),),
            {"tool_call": 1.0, "unknown_tool": 1.0, "tool_arguments": None, "parallel_calls": 0.0},
        ),
        ((("find", '{"q": '),), {"tool_call": 1.0, "unknown_tool": 0.0, "tool_arguments": 1.0, "parallel_calls": 0.0}),
    ],
)
def test_tool_calls_are_judged_apart_from_text(
    calls: tuple[tuple[str, str], ...], expected: dict[str, float | None]
) -> None:
    """Whether it calls, what it calls, with what, and how much at once."""
    said = says("" if calls else "I know that.", calls=calls)
    assert {name: value(name, ask("Salt?", tools=TOOLS), said) for name in expected} == expected


def test_without_tools_there_is_no_decision_to_call() -> None:
    """A plain chat has no tool-call rate."""
    assert value("tool_call", ask("Salt?"), says("Salt.")) is None


def test_arguments_cut_off_by_the_token_limit_are_not_judged() -> None:
    """That is truncation, which has a signal of its own."""
    said = says("", calls=(("find", '{"q": "sa'),), truncated=True)
    assert ALSO["tool_arguments"](ask("Salt?", tools=TOOLS), said) == Unmeasured("truncated")
    assert value("truncated", ask("Salt?", tools=TOOLS), said) == 1.0


@pytest.mark.parametrize(("limit", "used", "expected"), [(100, 95, 1.0), (100, 94, 0.0), (None, 95, None)])
def test_near_the_limit_is_from_95_percent_on(limit: int | None, used: int, expected: float | None) -> None:
    """Without a limit, or without the provider's count, there is nothing to be near to."""
    asked = Ask("Tell me.", wants_json=False, schema=None, tools=(), max_tokens=limit)
    assert value("near_limit", asked, says("Well", completion_tokens=used)) == expected
    assert value("near_limit", asked, says("Well")) is None


def test_what_the_provider_refused_or_blocked_is_not_empty() -> None:
    """It is counted as a refusal."""
    assert value("empty", ask(), says("", refusal="No.")) == 0.0
    assert value("empty", ask(), says("", blocked=True)) == 0.0


def test_every_signal_has_a_version() -> None:
    """A rollout pins them; one without would mix counters of two meanings."""
    assert set(EVENTS) <= set(VERSIONS)


@given(st.text(max_size=300) | st.sampled_from(["<|", "[1", "|---", "- \n- ", "```", "www."]))
def test_no_text_breaks_a_signal(text: str) -> None:
    """An event is 0 or 1, whatever was said."""
    for signal in ALSO.values():
        reading = signal(ask(text), says(text))
        assert not isinstance(reading, Measured) or reading.value in (0.0, 1.0)


@pytest.mark.parametrize("signal", sorted(ALSO))
@pytest.mark.parametrize("piece", ["word. ", "- | [ ( < ", "(A", "1", "\n", "é", "|-", "x" * 50 + " "])
def test_a_hostile_text_is_cheap(signal: str, piece: str) -> None:
    """A megabyte of anything takes less than 5 ms: every signal looks at a bounded part, in linear time."""
    text = piece * (1_000_000 // len(piece))
    asked, said = ask(text), says(text)
    rounds = []
    for _ in range(3):
        began = process_time()
        ALSO[signal](asked, said)
        rounds.append(process_time() - began)
    assert min(rounds) < 0.005
