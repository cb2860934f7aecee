"""The official clients where an answer is put together by them, or kept by the provider: the same as without a gateway.

Their streaming helpers, structures and tools of the Responses and the Anthropic API; answers that are asked for again,
made in the background, cancelled, counted, or asked for in batches, on paths that the configuration passes through.
"""

from collections.abc import Generator
from functools import partial
from typing import Any

import pytest

from tests.gateway.data.calling import CITY, Case, Person, call, clients, heard
from tests.gateway.data.harness import data_plane
from tests.gateway.data.provider import provider
from tests.gateway.model_server import model_server

pytestmark = pytest.mark.anyio

PASSED = "passthrough: {/v1/responses/*: chat, /v1/messages/*: chat}"
TOOL = {"type": "function", "name": "weather", "parameters": CITY, "strict": True}
CHAT_TOOL = {"type": "function", "function": {"name": "weather", "parameters": CITY, "strict": True}}
HIS_TOOL = {"name": "weather", "input_schema": CITY}
HI = [{"role": "user", "content": "hi"}]
Steps = Generator[Any, Any, None]
"""Any: the calls' own results, of four clients."""


@pytest.fixture
def anyio_backend() -> str:
    """One loop is enough: the clients' own side runs on it, too."""
    return "asyncio"


def tools_and_their_results(client: Any, model: str) -> Steps:
    """A turn that calls tools, and the next one, which goes on with it by its id and brings their results."""
    first = yield client.responses.create(model=model, input="hi", tools=[TOOL], parallel_tool_calls=True)
    outputs = [{"type": "function_call_output", "call_id": call.call_id, "output": "☀"} for call in first.output]
    yield client.responses.create(model=model, input=outputs, previous_response_id=first.id)


def in_the_background(client: Any, model: str) -> Steps:
    """Made in the background, asked for until it is there, and read again as a stream from its middle."""
    made = yield client.responses.create(model=model, input="hi", background=True, store=True)
    yield client.responses.retrieve(made.id)
    yield client.responses.retrieve(made.id, stream=True, starting_after=4)
    yield client.responses.cancel(made.id)


def kept(client: Any, model: str) -> Steps:
    """What a kept answer was asked, how long it would be, and that it is gone."""
    made = yield client.responses.create(model=model, input="hi", store=True)
    yield client.responses.input_items.list(made.id)
    yield client.responses.input_tokens.count(model="old", input="hi")
    yield client.responses.delete(made.id)


def in_batches(client: Any, model: str) -> Steps:
    """All that is done with a batch; the model is named as the provider knows it, since passed paths are untouched."""
    asked = {"custom_id": "r0", "params": {"model": "old", "max_tokens": 9, "messages": HI}}
    made = yield client.messages.batches.create(requests=[asked])
    yield client.messages.batches.retrieve(made.id)
    yield client.messages.batches.list(limit=5)
    yield client.messages.batches.results(made.id)
    yield client.messages.batches.cancel(made.id)
    yield client.messages.batches.delete(made.id)


OPENAI: dict[str, Case] = {
    "responses_tools": tools_and_their_results,
    "responses_parse": lambda client, model: client.responses.parse(model=model, input="hi", text_format=Person),
    "responses_stream_tools": lambda client, model: client.responses.create(
        model=model, input="hi", tools=[TOOL], stream=True
    ),
    "responses_helper": lambda client, model: client.responses.stream(model=model, input="hi"),
    "responses_helper_structure": lambda client, model: client.responses.stream(
        model=model, input="hi", text_format=Person
    ),
    "responses_helper_tools": lambda client, model: client.responses.stream(model=model, input="hi", tools=[TOOL]),
    "responses_background": in_the_background,
    "responses_kept": kept,
    "chat_helper": lambda client, model: client.chat.completions.stream(model=model, messages=HI),
    "chat_helper_structure": lambda client, model: client.chat.completions.stream(
        model=model, messages=HI, response_format=Person
    ),
    "chat_helper_tools": lambda client, model: client.chat.completions.stream(
        model=model, messages=HI, tools=[CHAT_TOOL]
    ),
}
ANTHROPIC: dict[str, Case] = {
    "helper": lambda client, model: client.messages.stream(model=model, max_tokens=9, messages=HI),
    "helper_tools": lambda client, model: client.messages.stream(
        model=model, max_tokens=9, messages=HI, tools=[HIS_TOOL]
    ),
    "count_tokens": lambda client, model: client.messages.count_tokens(model="old", messages=HI, tools=[HIS_TOOL]),
    "batches": in_batches,
}


def everything() -> list[tuple[str, str, bool]]:
    """(client, case, asynchronous) of every case."""
    named = [("openai", name) for name in OPENAI] + [("anthropic", name) for name in ANTHROPIC]
    return [(kind, name, asynchronous) for kind, name in named for asynchronous in (False, True)]


@pytest.mark.parametrize(("kind", "name", "asynchronous"), everything())
async def test_what_is_put_together_or_kept_is_the_same(kind: str, name: str, *, asynchronous: bool) -> None:
    """Every result is equal, event by event, and so is every request that the model server got."""
    case = {"openai": OPENAI, "anthropic": ANTHROPIC}[kind][name]
    async with model_server(provider) as server, data_plane(server.base_url, more=PASSED) as plane:
        client = partial(clients, kind=kind, asynchronous=asynchronous)
        without = await call(client(server.base_url), case, "old")
        half = len(server.asked)
        through = await call(client(f"{plane.url}/v1"), case, "chat")
        first, second = server.asked[:half], server.asked[half:]
    assert through == without
    assert [heard(asked) for asked in second] == [heard(asked) for asked in first]
