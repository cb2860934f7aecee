"""The official clients, through the gateway and without it: the same results, the same errors, the same wire.

Each case is one call, written once. It runs with the sync and the async client, against a model server directly and
through the data plane; results must be equal, and so must be what the server heard.
"""

import inspect
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, TypeAlias

import anthropic
import anyio
import anyio.to_thread
import openai
import pytest
from pydantic import BaseModel

from tests.gateway.data.harness import data_plane
from tests.gateway.data.provider import provider
from tests.gateway.model_server import (
    STREAM_HEAD,
    Asked,
    Line,
    ModelServer,
    Script,
    answers,
    chunk,
    event,
    hangs,
    model_server,
    whole,
)

pytestmark = pytest.mark.anyio

Case: TypeAlias = Callable[[Any, str], Any]
"""(client, model) → result, or an awaitable of it. Any: the sync and the async client have no type in common."""


@pytest.fixture
def anyio_backend() -> str:
    """One loop is enough: the clients' own side runs on it, too."""
    return "asyncio"


class Person(BaseModel):
    """A structure to ask for."""

    name: str
    age: int


PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQ=="
SAY = [{"role": "user", "content": 'Sag "hallo" \u2028 世界'}]
LOOK = [
    {"role": "user", "content": [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]}
]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": CITY}}
ANTHROPIC_TOOL = {"name": "weather", "input_schema": CITY}


def chat(**more: object) -> Case:
    """A chat completion."""
    return lambda client, model: client.chat.completions.create(**{"model": model, "messages": SAY, **more})


def messages(**more: object) -> Case:
    """An Anthropic message."""
    return lambda client, model: client.messages.create(
        **{"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}], **more}
    )


OPENAI: dict[str, Case] = {
    "chat": chat(temperature=1.0, user="u", metadata={"a": "b"}, seed=7),
    "chat_stream": chat(stream=True),
    "chat_stream_usage": chat(stream=True, stream_options={"include_usage": True}),
    "chat_logprobs": chat(logprobs=True, top_logprobs=2),
    "chat_stream_logprobs": chat(logprobs=True, top_logprobs=2, stream=True),
    "chat_parallel_tools": chat(tools=[TOOL], parallel_tool_calls=True),
    "chat_stream_parallel_tools": chat(tools=[TOOL], stream=True),
    "chat_json": chat(response_format={"type": "json_object"}),
    "chat_image": chat(messages=LOOK),
    "chat_unknown_fields": chat(extra_body={"x_own": {"deep": [1, 2.50]}}, extra_query={"v": "1"}),
    "chat_raw": lambda client, model: client.chat.completions.with_raw_response.create(model=model, messages=SAY),
    "parse": lambda client, model: client.chat.completions.parse(model=model, messages=SAY, response_format=Person),
    "completions": lambda client, model: client.completions.create(model=model, prompt=["a", "b"], max_tokens=3),
    "completions_stream": lambda client, model: client.completions.create(model=model, prompt="a", stream=True),
    "responses": lambda client, model: client.responses.create(model=model, input="hi", store=False),
    "responses_stream": lambda client, model: client.responses.create(model=model, input="hi", stream=True),
    "embeddings": lambda client, model: client.embeddings.create(model=model, input=["a", "b"]),
    "embeddings_floats": lambda client, model: client.embeddings.create(
        model=model, input=["a", "b"], encoding_format="float"
    ),
}
ANTHROPIC: dict[str, Case] = {
    "messages": messages(system="be brief", metadata={"user_id": "u"}),
    "messages_stream": messages(stream=True),
    "messages_tools": messages(tools=[ANTHROPIC_TOOL]),
    "messages_stream_tools": messages(tools=[ANTHROPIC_TOOL], stream=True),
}


def clients(url: str, *, kind: str, asynchronous: bool, **options: object) -> Any:  # Any: four classes of two packages
    """An official client that asks the server at `url`, which ends in /v1."""
    found = {
        ("openai", False): openai.OpenAI,
        ("openai", True): openai.AsyncOpenAI,
        ("anthropic", False): anthropic.Anthropic,
        ("anthropic", True): anthropic.AsyncAnthropic,
    }[kind, asynchronous]
    base = url if kind == "openai" else url.removesuffix("/v1")
    return found(**{"base_url": base, "api_key": "sk-old", "max_retries": 0, "timeout": 10, **options})


async def call(client: Any, case: Case, model: str) -> object:
    """The call's result, a stream's as the list of its events; with the sync client in a thread of its own."""
    if isinstance(client, openai.AsyncOpenAI | anthropic.AsyncAnthropic):
        async with client:
            result = case(client, model)
            result = await result if inspect.isawaitable(result) else result
            return [plain(event) async for event in result] if isinstance(result, AsyncIterator) else plain(result)

    def in_thread() -> object:
        with client:
            result = case(client, model)
            return [plain(event) for event in result] if hasattr(result, "__next__") else plain(result)

    return await anyio.to_thread.run_sync(in_thread)


def plain(result: Any) -> object:
    """A result as values that compare, with what the client says about its type."""
    if isinstance(result, BaseModel):
        return type(result).__name__, result.model_dump(warnings=False), getattr(result, "_request_id", None)
    return result.status_code, result.text, result.request_id


def heard(asked: Asked) -> tuple[object, ...]:
    """What the server heard, without what differs between any two runs."""
    own = {"host", "authorization", "x-api-key", "connection", "content-length"}
    return asked.method, asked.path, sorted(field for field in asked.headers if field[0] not in own), asked.body


def everything() -> list[tuple[str, str, bool]]:
    """(client, case, asynchronous) of every case."""
    named = [("openai", name) for name in OPENAI] + [("anthropic", name) for name in ANTHROPIC]
    return [(kind, name, asynchronous) for kind, name in named for asynchronous in (False, True)]


@pytest.mark.parametrize(("kind", "name", "asynchronous"), everything())
async def test_a_call_gives_the_same_with_and_without_the_gateway(kind: str, name: str, *, asynchronous: bool) -> None:
    """The result is equal, event by event, and so is the request that the model server got."""
    case = {"openai": OPENAI, "anthropic": ANTHROPIC}[kind][name]
    async with model_server(provider) as server, data_plane(server.base_url) as plane:
        client = partial(clients, kind=kind, asynchronous=asynchronous)
        without = await call(client(server.base_url), case, "old")
        through = await call(client(f"{plane.url}/v1"), case, "chat")
        first, second = server.asked
    assert through == without
    assert heard(second) == heard(first)


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("401 Unauthorized", openai.AuthenticationError),
        ("404 Not Found", openai.NotFoundError),
        ("413 Content Too Large", openai.APIStatusError),
        ("422 Unprocessable Entity", openai.UnprocessableEntityError),
        ("429 Too Many Requests", openai.RateLimitError),
        ("500 Internal Server Error", openai.InternalServerError),
        ("529 Overloaded", openai.InternalServerError),
    ],
)
async def test_an_error_of_the_model_is_the_same_error(
    status: str, error: type[Exception], *, asynchronous: bool
) -> None:
    """Class, status, body, code and headers of the exception are those of the model server's answer."""
    body = b'{"error": {"message": "no \\u00e9", "type": "t", "param": "p", "code": "c", "extra": [1]}}'
    headers = ("content-type: application/json", "retry-after: 7", "x-ratelimit-remaining-requests: 0")
    raised = []
    async with model_server(answers(whole(body, status, headers))) as server, data_plane(server.base_url) as plane:
        for url, model in ((server.base_url, "old"), (f"{plane.url}/v1", "chat")):
            with pytest.raises(error) as caught:
                await call(clients(url, kind="openai", asynchronous=asynchronous), chat(), model)
            raised.append(caught.value)
    without, through = raised
    assert isinstance(without, openai.APIStatusError)
    assert isinstance(through, openai.APIStatusError)
    assert (through.status_code, through.body, through.code, str(through)) == (
        without.status_code,
        without.body,
        without.code,
        str(without),
    )
    assert through.response.headers["retry-after"] == "7"
    assert through.response.headers["x-ratelimit-remaining-requests"] == "0"


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_anthropics_errors_are_its_own(*, asynchronous: bool) -> None:
    """The model's error passes; the gateway's own has the shape that this client reads."""
    body = b'{"type": "error", "error": {"type": "overloaded_error", "message": "busy"}, "request_id": "req_1"}'
    client = partial(clients, kind="anthropic", asynchronous=asynchronous)
    async with (
        model_server(answers(whole(body, "529 Overloaded"))) as server,
        data_plane(server.base_url) as plane,
    ):
        with pytest.raises(anthropic.APIStatusError) as caught:
            await call(client(f"{plane.url}/v1"), messages(), "chat")
        assert (caught.value.status_code, caught.value.body) == (529, _json(body))
        with pytest.raises(anthropic.NotFoundError) as missing:
            await call(client(f"{plane.url}/v1"), messages(), "nothing")
    assert missing.value.body == {"type": "error", "error": {"type": "not_found_error", "message": _any_text(missing)}}


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_the_gateways_own_errors_are_the_apis_errors(*, asynchronous: bool) -> None:
    """An unknown model and a body that is too long raise what the real API's answers raise."""
    client = partial(clients, kind="openai", asynchronous=asynchronous)
    small = "limits: {max_body: 2KiB}"
    async with model_server(provider) as server, data_plane(server.base_url, more=small) as plane:
        with pytest.raises(openai.NotFoundError) as missing:
            await call(client(f"{plane.url}/v1"), chat(), "nothing")
        assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
        with pytest.raises(openai.APIStatusError) as large:
            await call(client(f"{plane.url}/v1"), chat(messages=[{"role": "user", "content": "x" * 4096}]), "chat")
        assert (large.value.status_code, large.value.code) == (413, "request_too_large")
        assert server.asked == []


def one_after_another(*scripts: Script) -> Script:
    """Each request gets the next script; the last one serves all that follow."""
    left = list(scripts)

    async def script(asked: Asked, line: Line) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(asked, line)

    return script


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_the_clients_own_retries_work(*, asynchronous: bool) -> None:
    """After a 429 with Retry-After the client asks again, with its own count in a header, and succeeds."""
    busy = whole(b"{}", "429 Too Many Requests", ("retry-after-ms: 5", "retry-after: 0"))
    script = one_after_another(answers(busy), provider)
    async with model_server(script) as server, data_plane(server.base_url) as plane:
        client = clients(f"{plane.url}/v1", kind="openai", asynchronous=asynchronous, max_retries=1)
        result = await call(client, chat(), "chat")
        counts = [asked.header("x-stainless-retry-count") for asked in server.asked]
    assert isinstance(result, tuple)
    assert counts == ["0", "1"]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_client_that_times_out_frees_the_model(*, asynchronous: bool) -> None:
    """The client's timeout is its own error, and the model server's connection is gone at once."""
    async with model_server(hangs()) as server, data_plane(server.base_url) as plane:
        client = clients(f"{plane.url}/v1", kind="openai", asynchronous=asynchronous, timeout=0.3)
        with pytest.raises(openai.APITimeoutError):
            await call(client, chat(), "chat")
        await _let_go(server)


async def _let_go(server: ModelServer) -> None:
    assert len(server.asked) == 1
    await server.emptied(1.0)


async def test_closing_a_stream_early_frees_the_model() -> None:
    """An application that stops reading and closes its stream stops the generation behind it."""

    async def endless(asked: Asked, line: Line) -> None:
        await line.send(_STREAM)
        await anyio.sleep_forever()

    async with (
        model_server(endless) as server,
        data_plane(server.base_url) as plane,
        openai.AsyncOpenAI(base_url=f"{plane.url}/v1", api_key="k", max_retries=0) as client,
    ):
        stream = await client.chat.completions.create(model="chat", messages=[], stream=True)
        first = await anext(aiter(stream))
        await stream.close()
        await _let_go(server)
    assert first.choices[0].delta.content == "a"


async def test_cancelling_a_call_frees_the_model() -> None:
    """A cancelled task of the application cancels the model's work, too."""
    async with (
        model_server(hangs()) as server,
        data_plane(server.base_url) as plane,
        openai.AsyncOpenAI(base_url=f"{plane.url}/v1", api_key="k", max_retries=0) as client,
    ):
        with anyio.move_on_after(0.3):
            await client.chat.completions.create(model="chat", messages=[])
        await _let_go(server)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_stream_that_breaks_is_an_error_in_the_client(*, asynchronous: bool) -> None:
    """The events that came are delivered; then the client raises instead of ending as if all were said."""

    async def breaks(asked: Asked, line: Line) -> None:
        await line.send(_STREAM)
        line.close()

    got: list[str] = []

    def read(client: Any, model: str) -> Any:
        stream = client.chat.completions.create(model=model, messages=[], stream=True)
        if inspect.isawaitable(stream):
            return _collect(stream, got)
        got.extend(event.choices[0].delta.content for event in stream)
        return None

    async with model_server(breaks) as server, data_plane(server.base_url) as plane:
        with pytest.raises(openai.APIError, match="cut off"):
            await call(clients(f"{plane.url}/v1", kind="openai", asynchronous=asynchronous), read, "chat")
    assert got == ["a"]


async def test_the_endpoints_are_the_models_that_a_client_lists() -> None:
    """Listing and retrieving models works with the client's own types."""
    async with (
        model_server(provider) as server,
        data_plane(server.base_url) as plane,
        openai.AsyncOpenAI(base_url=f"{plane.url}/v1", api_key="k", max_retries=0) as client,
    ):
        listed = [model.id async for model in client.models.list()]
        one = await client.models.retrieve("chat")
    assert (listed, one.id) == (["chat"], "chat")


_STREAM = STREAM_HEAD + chunk(event("a"))


async def _collect(stream: Any, got: list[str]) -> None:
    async for piece in await stream:
        got.append(piece.choices[0].delta.content)  # noqa: PERF401 - what came before the error is kept


def _json(body: bytes) -> object:
    return json.loads(body)


def _any_text(caught: pytest.ExceptionInfo[anthropic.NotFoundError]) -> object:
    body = caught.value.body
    assert isinstance(body, dict)
    return body["error"]["message"]
