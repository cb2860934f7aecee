"""What a request is, as slices name it: its language where that can be told, and its kind of task."""

from time import process_time

import pytest

from shadow.answer import Json
from shadow.languages import language_of
from shadow.signals.agreement import agree
from shadow.slices import DETECTED, MAX_VALUES, SliceNames
from shadow.tasks import Task, task_of
from tests.shadow.making import ask, says


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("What is the capital of France?", "en"),
        ("Was ist die Hauptstadt von Frankreich und wie groß ist sie?", "de"),
        ("Quelle est la capitale de la France et combien de gens vivent dans la ville ?", "fr"),
        ("¿Cuál es la capital de Francia y qué se puede ver en la ciudad?", "es"),
        ("Qual é a capital da França e o que você recomenda na cidade?", "pt"),
        ("Qual è la capitale della Francia e che cosa si mangia?", "it"),
        ("法国的首都是哪里？", "zh"),
        ("フランスの首都はどこですか。", "ja"),
        ("프랑스의 수도는 어디입니까?", "ko"),
        ("ما هي عاصمة فرنسا؟", "ar"),
        ("फ्रांस की राजधानी क्या है?", "hi"),
        ("Какая столица Франции?", "ru"),
        ("请用 Python 写一个函数", "zh"),
        ("", ""),
        ("Paris", ""),
        ("12 + 30", ""),
        ("def f(x): return x", ""),
    ],
)
def test_the_language_of_a_text(text: str, code: str) -> None:
    """By script or by function words; a text without either has none."""
    assert language_of(text) == code


@pytest.mark.parametrize(
    ("prompt", "fields", "task"),
    [
        ("Look it up.", {"tools": (("find", None),)}, Task.TOOLS),
        ("Give me a person.", {"wants_json": True}, Task.JSON),
        ("Translate this into French: bread", {}, Task.TRANSLATION),
        ("Summarize the article below.", {}, Task.SUMMARY),
        ("Write a Python function that sorts.", {}, Task.CODE),
        ("Classify the review as good or bad.", {}, Task.CLASSIFICATION),
        ("Which is red?\nA) sky\nB) blood", {}, Task.CHOICE),
        ("What is 12 * 30", {}, Task.MATHS),
        ("Write a letter to my aunt.", {}, Task.WRITING),
        ("Who built the bridge?", {}, Task.QUESTION),
        ("Good morning.", {}, Task.CHAT),
    ],
)
def test_the_kind_of_task(prompt: str, fields: dict[str, Json], task: Task) -> None:
    """The request's form first, then a few words of its prompt."""
    assert task_of(ask(prompt, **fields)) is task  # type: ignore[arg-type]  # fields of two types


def test_detected_slices_are_named_like_the_others() -> None:
    """A language that cannot be told is no slice."""
    names = SliceNames()
    assert names.detected("chat", ask("Was ist das und wie ist es?"), DETECTED) == ("task=question", "language=de")
    assert names.detected("chat", ask("12"), DETECTED) == ("task=chat",)
    assert len(Task) <= MAX_VALUES


@pytest.mark.parametrize(
    "piece", ["\n", "a)\n\n\n", "write ", " ", "1+", "the der le ", "字", "é", "( ", "boxed{", "? "]
)
def test_a_hostile_text_is_cheap(piece: str) -> None:
    """A megabyte of anything takes a few milliseconds: only its beginning is looked at, in linear time."""
    text = piece * (1_000_000 // len(piece))
    tasks = (
        lambda: language_of(text),
        lambda: task_of(ask(text)),
        lambda: agree(ask(text), says(text), says(text[1:])),
    )
    for task in tasks:
        rounds = []
        for _ in range(3):
            began = process_time()
            task()
            rounds.append(process_time() - began)
        assert min(rounds) < 0.02
