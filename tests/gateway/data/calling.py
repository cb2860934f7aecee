"""The official clients, called alike: sync in a thread or async, directly or through a gateway; results that compare.

A case is one call, or a generator of calls: each result is sent back to it, so that a next call may use it, whichever
client it is. Streams are read to their end, and so are those of the clients' own helpers.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any, Final, TypeAlias

import anthropic
import anyio.to_thread
import openai
from pydantic import BaseModel

from tests.gateway.model_server import Asked

Case: TypeAlias = Callable[[Any, str], Any]
"""(client, model) → result, an awaitable of it, or a generator of them. Any: no type is common to all clients."""

_FINAL: Final = ("get_final_response", "get_final_completion", "get_final_message")
"""What the clients' streaming helpers call what they have put together."""


class Person(BaseModel):
    """A structure to ask for."""

    name: str
    age: int


CITY: Final = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
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
    """The case's result, a stream's as the list of its events; with the sync client in a thread of its own."""
    if isinstance(client, openai.AsyncOpenAI | anthropic.AsyncAnthropic):
        async with client:
            result = case(client, model)
            return await _steps_async(result) if inspect.isgenerator(result) else (await _read_async(result))[1]

    def in_thread() -> object:
        with client:
            result = case(client, model)
            return _steps(result) if inspect.isgenerator(result) else _read(result)[1]

    return await anyio.to_thread.run_sync(in_thread)


def plain(result: Any) -> object:
    """A result as values that compare, with what the client says about its type."""
    if result is None or isinstance(result, str | int):
        return result
    if isinstance(result, BaseModel):
        return type(result).__name__, result.model_dump(warnings=False), getattr(result, "_request_id", None)
    if hasattr(result, "request_id"):
        return result.status_code, result.text, result.request_id
    return result.content


def heard(asked: Asked) -> tuple[object, ...]:
    """What the server heard, without what differs between any two runs."""
    own = {"host", "authorization", "x-api-key", "connection", "content-length"}
    return asked.method, asked.path, sorted(field for field in asked.headers if field[0] not in own), asked.body


def _steps(steps: Generator[Any, Any, Any]) -> list[object]:
    seen: list[object] = []
    result = None
    while True:
        try:
            result, shown = _read(steps.send(result))
        except StopIteration:
            return seen
        seen.append(shown)


async def _steps_async(steps: Generator[Any, Any, Any]) -> list[object]:
    seen: list[object] = []
    result = None
    while True:
        try:
            step = steps.send(result)
        except StopIteration:
            return seen
        result, shown = await _read_async(step)
        seen.append(shown)


def _read(result: Any) -> tuple[Any, object]:
    """A result, and how it is shown."""
    if isinstance(result, Iterator):
        return result, [plain(event) for event in result]
    if hasattr(result, "__enter__"):
        with result as stream:
            events = [plain(event) for event in stream]
            return stream, (events, plain(next(getattr(stream, name) for name in _FINAL if hasattr(stream, name))()))
    return result, plain(result)


async def _read_async(result: Any) -> tuple[Any, object]:
    result = await result if inspect.isawaitable(result) else result
    if isinstance(result, AsyncIterator):
        return result, [plain(event) async for event in result]
    if hasattr(result, "__aenter__"):
        async with result as stream:
            events = [plain(event) async for event in stream]
            final = next(getattr(stream, name) for name in _FINAL if hasattr(stream, name))
            return stream, (events, plain(await final()))
    return result, plain(result)
