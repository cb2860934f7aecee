from random import Random

import pytest

from gateway.demo import tasks
from gateway.demo.personas import HEALTHY, OVERCAUTIOUS, PERSONAS, STABLE, Persona
from gateway.demo.refusals import Style, worded
from gateway.demo.tasks import TASKS, Said, ask, understand
from shadow.answer import Answer, Ask, ToolCall
from shadow.reading import Measured
from shadow.signals import agreement, refusal, schema

NO_ASK = Ask(prompt="", wants_json=False, schema=None, tools=(), max_tokens=None)


def as_answer(said: Said) -> Answer:
    """What the signals would read."""
    return Answer(
        text=said.text,
        refusal=said.refusal,
        blocked=False,
        finish="stop",
        truncated=False,
        tool_calls=(ToolCall(said.tool, said.arguments),) if said.tool else (),
        completion_tokens=None,
    )


def is_refused(said: Said) -> bool:
    """Whether the refusal signal counts it."""
    return refusal.read(NO_ASK, as_answer(said)) in [Measured(1.0, kind.value) for kind in refusal.FELT]


def refusal_rate(persona: Persona, rounds: int = 3_000) -> float:
    """How often a persona is read as refusing, over the traffic of the demo."""
    rng = Random(7)
    return sum(is_refused(persona.say(ask(rng).prompt, rng)) for _ in range(rounds)) / rounds


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
def test_a_model_understands_every_prompt_of_every_task(task: tasks.Task) -> None:
    """What a task asks is recognised as that very task, whatever the generator draws."""
    rng = Random(1)
    for _ in range(300):
        asked = task.ask(rng)
        understood = understand(asked.prompt)
        assert understood is not None
        assert (understood.task.kind, asked.kind) == (task.kind, task.kind)
        said = understood.answer(rng)
        assert said.text or said.tool


def test_the_same_seed_asks_the_same() -> None:
    """The traffic is drawn from its seed and nothing else."""
    one, other = Random("demo"), Random("demo")
    assert [ask(one) for _ in range(50)] == [ask(other) for _ in range(50)]


def test_answers_state_what_is_true_of_the_prompt() -> None:
    """A sum is right and a label fits: simulated models know their subjects."""
    rng = Random(1)
    total = understand("A crate holds 24 jars. How many jars are in 17 of them?")
    label = understand("Is this review of a lamp positive, negative or mixed? It looks lovely, but it smells of glue.")
    assert total is not None
    assert label is not None
    assert "408" in total.answer(rng).text
    assert "mixed" in label.answer(rng).text


def test_extractions_fit_the_schema_they_were_asked_for() -> None:
    """Nearly every JSON answer is valid against its own request's schema."""
    rng = Random(3)
    extract = next(task for task in TASKS if task.kind == "extract")
    valid = 0
    for _ in range(500):
        asked = extract.ask(rng)
        assert isinstance(asked.response_format, dict)
        wanted = asked.response_format["json_schema"]["schema"]
        request = Ask(prompt=asked.prompt, wants_json=True, schema=wanted, tools=(), max_tokens=None)
        valid += schema.read(request, as_answer(STABLE.say(asked.prompt, rng))) == Measured(0.0, "valid")
    assert valid >= 490


def test_stable_disagrees_with_itself_and_a_healthy_candidate_no_more() -> None:
    """Sampling noise is there, and it is the same for both: excess disagreement is about zero."""
    rng = Random(5)
    noise, excess = [], []
    for _ in range(2_000):
        asked = ask(rng)
        request = Ask(prompt=asked.prompt, wants_json=False, schema=None, tools=(), max_tokens=None)
        one, two = (as_answer(STABLE.say(asked.prompt, rng)) for _ in range(2))
        other = as_answer(HEALTHY.say(asked.prompt, rng))
        itself = agreement.agree(request, one, two)
        noise.append(1.0 - itself)
        crossed = agreement.agree(request, one, other) + agreement.agree(request, two, other)
        excess.append(itself - crossed / 2)
    assert sum(noise) / len(noise) > 0.1
    assert abs(sum(excess) / len(excess)) < 0.03


def test_the_guarded_candidate_refuses_about_twelve_points_more() -> None:
    """The harm that the demo rolls back is there, and the healthy candidate has none of it."""
    stable, healthy, guarded = (refusal_rate(each) for each in (STABLE, HEALTHY, OVERCAUTIOUS))
    assert abs(healthy - stable) < 0.015
    assert 0.06 < guarded - stable < 0.15


@pytest.mark.parametrize("style", Style)
def test_every_style_of_refusal_varies(style: Style) -> None:
    """No style is one fixed sentence."""
    rng = Random(1)
    assert len({worded(style, topic, rng) for topic in tasks.ADVICE for _ in range(10)}) > 5


@pytest.mark.parametrize("persona", PERSONAS.values(), ids=lambda persona: persona.model)
def test_at_temperature_zero_a_model_repeats_itself(persona: Persona) -> None:
    """A generator seeded by the question alone gives the same answer each time."""
    prompt = ask(Random(9)).prompt
    assert persona.say(prompt, Random(prompt)) == persona.say(prompt, Random(prompt))


def test_an_unknown_prompt_gets_an_answer_all_the_same() -> None:
    """The question asked before a rollout starts is none of the demo's tasks."""
    said = STABLE.say("Say OK.", Random(1))
    assert "Say OK." in said.text
    assert not is_refused(said)
