"""The official clients, through the gateway and without it: the same results, the same errors, the same wire.

Each case is one call, written once. It runs with the sync and the async client, against a model server directly and
through the data plane; results must be equal, and so must be what the server heard.
"""

import inspect
import json
from functools import partial
from typing import Any

import anthropic
import openai
import pytest

from tests.gateway.data.calling import CITY, Case, Person, call, clients, heard
from tests.gateway.data.harness import data_plane
from tests.gateway.data.provider import provider
from tests.gateway.model_server import (
    STREAM_HEAD,
    Asked,
    Line,
    answers,
    chunk,
    event,
    model_server,
    whole,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """One loop is enough: the clients' own side runs on it, too."""
    return "asyncio"


PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQ=="
SAY = [{"role": "user", "content": 'Sag "hallo" \u2028 世界'}]
LOOK = [
    {"role": "user", "content": [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]}
]
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
    ("status", "retry_after", "error"),
    [
        ("401 Unauthorized", "", openai.AuthenticationError),
        ("404 Not Found", "7", openai.NotFoundError),
        ("413 Content Too Large", "0.5", openai.APIStatusError),
        ("422 Unprocessable Entity", "7", openai.UnprocessableEntityError),
        ("429 Too Many Requests", "7", openai.RateLimitError),
        ("429 Too Many Requests", "Fri, 31 Dec 2027 23:59:59 GMT", openai.RateLimitError),
        ("500 Internal Server Error", "-1", openai.InternalServerError),
        ("503 Service Unavailable", "Fri, 31 Dec 1999 23:59:59 GMT", openai.InternalServerError),
        ("529 Overloaded", "7", openai.InternalServerError),
    ],
)
async def test_an_error_of_the_model_is_the_same_error(
    status: str, retry_after: str, error: type[Exception], *, asynchronous: bool
) -> None:
    """Class, status, body, code and headers of the exception are those of the model server's answer."""
    body = b'{"error": {"message": "no \\u00e9", "type": "t", "param": "p", "code": "c", "extra": [1]}}'
    headers = ("content-type: application/json", f"retry-after: {retry_after}", "x-ratelimit-remaining-requests: 0")
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
    added = {"x-request-id", "x-driftgate-request-id", "x-driftgate-endpoint", "x-driftgate-arm"}
    kept = {name: value for name, value in through.response.headers.items() if name not in added}
    assert kept == dict(without.response.headers)


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
