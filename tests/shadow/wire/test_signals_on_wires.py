"""Every signal reads the same from every API, whole or streamed."""

from itertools import product

import pytest

from shadow.answer import Answer
from shadow.capture import ask_of, read_answer, read_request
from shadow.exchange import Api
from shadow.reading import Measured, Unmeasured
from shadow.signals import agreement, length
from shadow.signals.catalogue import EVENTS
from tests.shadow.wire.wires import APIS, Spoken, answered, asked

WIRES = tuple(product(APIS, (False, True)))
WITH_STRUCTURE = tuple((api, stream) for api, stream in WIRES if api is not Api.COMPLETIONS)
"""The legacy completions API knows neither tools nor schemas."""

SHOWY = """As an AI, I may perhaps say: see https://example.org [1].
- Velm
- Sant Elia

| a | b |
|---|---|
| 1 | 2 |

```text
<|im_end|>
```"""


def events(api: Api, spoken: Spoken, *, stream: bool) -> set[str]:
    """The signals whose event happened, and those that could not be read as `name?`."""
    ask = ask_of(api, read_request(asked(api, spoken)))
    answer = read_answer(api, answered(api, spoken, stream=stream), stream=stream)
    assert isinstance(answer, Answer)
    readings = {name: signal(ask, answer) for name, signal in EVENTS.items()}
    happened = {name for name, reading in readings.items() if isinstance(reading, Measured) and reading.value}
    return happened | {f"{name}?" for name, reading in readings.items() if isinstance(reading, Unmeasured)}


@pytest.mark.parametrize(("api", "stream"), WIRES)
@pytest.mark.parametrize(
    ("spoken", "expected"),
    [
        (Spoken("It is Velm, because of the salt works."), set()),
        (Spoken(""), {"empty"}),
        (Spoken("It is Velm, becau", truncated=True, tokens=100), {"truncated", "near_limit"}),
        (Spoken("It is Velm. " * 60, tokens=99), {"repetition", "near_limit"}),
        (Spoken("Das ist die Stadt Velm, und sie ist nicht groß."), {"language"}),
        (Spoken("I'm sorry, but I can't help with that."), {"refusal", "unwilling"}),
        (
            Spoken(SHOWY),
            {"as_an_ai", "hedging", "urls", "citations", "lists", "tables", "code_fence", "leaked"},
        ),
    ],
)
def test_text_reads_the_same_on_every_wire(api: Api, stream: bool, spoken: Spoken, expected: set[str]) -> None:
    """Four APIs, whole and streamed."""
    assert events(api, spoken, stream=stream) == expected


@pytest.mark.parametrize(("api", "stream"), WITH_STRUCTURE)
@pytest.mark.parametrize(
    ("spoken", "expected"),
    [
        (Spoken("I will not do that.", refused=True), {"refusal", "unwilling"}),
        (Spoken(call=("find", '{"q": "salt"}'), tools=True), {"tool_call"}),
        (Spoken(call=("find", '{"q": 5}'), tools=True), {"tool_call", "tool_arguments", "schema"}),
        (Spoken(call=("fetch", "{}"), tools=True), {"tool_call", "unknown_tool", "schema"}),
        (Spoken("It is Velm.", tools=True), set()),
        (Spoken('{"town": "Velm"}', schema=True), set()),
        (Spoken('{"city": "Velm"}', schema=True), {"schema"}),
        (Spoken('```json\n{"town": "Velm"}\n```', schema=True), {"schema", "code_fence"}),
        (Spoken('{"town": "Ve', schema=True, truncated=True), {"schema?", "truncated", "near_limit"}),
    ],
)
def test_structure_reads_the_same_on_every_wire(api: Api, stream: bool, spoken: Spoken, expected: set[str]) -> None:
    """The provider's own refusal, tool calls, and the request's own schema: three APIs, whole and streamed."""
    assert events(api, spoken, stream=stream) == expected


@pytest.mark.parametrize(("api", "stream"), WITH_STRUCTURE)
def test_the_same_call_agrees_across_wires(api: Api, stream: bool) -> None:
    """Arguments are compared as JSON, so an API that sends them as an object agrees with one that sends a text."""
    spoken = Spoken(call=("find", '{ "q":"salt"}'), tools=True)
    here = read_answer(api, answered(api, spoken, stream=stream), stream=stream)
    there = read_answer(Api.CHAT, answered(Api.CHAT, spoken, stream=False), stream=False)
    assert isinstance(here, Answer)
    assert isinstance(there, Answer)
    ask = ask_of(api, read_request(asked(api, spoken)))
    assert agreement.compare(ask, here, there) == agreement.Agreement(1.0, agreement.TaskKind.CALLS)


@pytest.mark.parametrize(("api", "stream"), WIRES)
def test_length_is_in_characters_on_every_wire(api: Api, stream: bool) -> None:
    """Whatever the pieces were that it came in."""
    spoken = Spoken("Die Größe der Stadt: 三千人.")
    answer = read_answer(api, answered(api, spoken, stream=stream), stream=stream)
    assert isinstance(answer, Answer)
    assert length.read(ask_of(api, None), answer) == Measured(len(spoken.text))
