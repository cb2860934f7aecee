"""The official clients that go: a stream left in any way, a timeout, a cancelled task; and those that come again.

Nobody tells a gateway that it may stop: it must see that the client has gone, and let the model server go.
"""

import gc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any, Final

import anthropic
import anyio
import anyio.from_thread
import anyio.to_thread
import openai
import pytest

from tests.gateway.data.calling import Case, call, clients
from tests.gateway.data.harness import data_plane
from tests.gateway.data.provider import begins_and_stalls, provider
from tests.gateway.model_server import Asked, Line, ModelServer, Script, answers, hangs, model_server, whole

pytestmark = pytest.mark.anyio

HI: Final = [{"role": "user", "content": "hi"}]
ASKS: Final[dict[str, tuple[str, Callable[..., Any]]]] = {  # Any: a stream or an answer, of four clients
    "chat": ("openai", lambda client, **more: client.chat.completions.create(model="chat", messages=HI, **more)),
    "messages": (
        "anthropic",
        lambda client, **more: client.messages.create(model="chat", max_tokens=9, messages=HI, **more),
    ),
}
"""What is asked, and by which client."""
TIMEOUTS: Final = (openai.APITimeoutError, anthropic.APITimeoutError)


@pytest.fixture
def anyio_backend() -> str:
    """One loop is enough: the clients' own side runs on it, too."""
    return "asyncio"


def closed(stream: Any) -> None:
    """Close it after its first event."""
    next(iter(stream))
    stream.close()


def context_left(stream: Any) -> None:
    """Leave the block that it was read in."""
    with stream:
        next(iter(stream))


def abandoned(stream: Any) -> None:
    """Stop reading, and forget it; what collects garbage closes it."""
    for _ in stream:
        break


def timed_out(stream: Any) -> None:
    """Wait for the next event, for as long as the client does."""
    with pytest.raises(openai.APITimeoutError):
        list(stream)


async def closed_async(stream: Any) -> None:
    """Close it after its first event."""
    await anext(aiter(stream))
    await stream.close()


async def context_left_async(stream: Any) -> None:
    """Leave the block that it was read in."""
    async with stream:
        await anext(aiter(stream))


async def timed_out_async(stream: Any) -> None:
    """Wait for the next event, for as long as the client does."""
    with pytest.raises(openai.APITimeoutError):
        [event async for event in stream]


LEAVING: Final[dict[tuple[str, bool], Callable[[Any], Any]]] = {  # Any: a stream of four clients, and what waits for it
    ("closed", False): closed,
    ("closed", True): closed_async,
    ("context_left", False): context_left,
    ("context_left", True): context_left_async,
    ("abandoned", False): abandoned,
    ("timed_out", False): timed_out,
    ("timed_out", True): timed_out_async,
}
"""By how it is left, and whether asynchronously. An asynchronous one that is forgotten is not closed by its client."""


def leaving() -> list[tuple[str, str, bool]]:
    """(what is asked, how it is left, asynchronous). Anthropic's client does not say itself that a stream timed out."""
    every = [(asks, leaves, asynchronous) for asks in ASKS for leaves, asynchronous in LEAVING]
    return [case for case in every if case[:2] != ("messages", "timed_out")]


@pytest.mark.parametrize(("asks", "leaves", "asynchronous"), leaving())
async def test_whoever_leaves_a_stream_frees_the_model(asks: str, leaves: str, *, asynchronous: bool) -> None:
    """The model server's connection is gone within a second, while the client itself lives on."""
    kind, ask = ASKS[asks]
    leave = LEAVING[leaves, asynchronous]
    async with model_server(begins_and_stalls) as server, data_plane(server.base_url) as plane:
        client = clients(f"{plane.url}/v1", kind=kind, asynchronous=asynchronous, timeout=0.5)

        def in_thread() -> None:
            with client:
                leave(ask(client, stream=True))
                gc.collect()
                anyio.from_thread.run(_let_go, server)

        if asynchronous:
            async with client:
                await leave(await ask(client, stream=True))
                await _let_go(server)
        else:
            await anyio.to_thread.run_sync(in_thread)


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("asks", ASKS)
async def test_a_client_that_times_out_frees_the_model(asks: str, *, asynchronous: bool) -> None:
    """The client's timeout is its own error, and the model server's connection is gone at once."""
    kind, ask = ASKS[asks]
    case: Case = lambda client, _: ask(client)  # noqa: E731 - a case is a function of client and model
    async with model_server(hangs()) as server, data_plane(server.base_url) as plane:
        with pytest.raises(TIMEOUTS):
            await call(clients(f"{plane.url}/v1", kind=kind, asynchronous=asynchronous, timeout=0.3), case, "chat")
        await _let_go(server)


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


def one_after_another(*scripts: Script) -> Script:
    """Each request gets the next script; the last one serves all that follow."""
    left = list(scripts)

    async def script(asked: Asked, line: Line) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(asked, line)

    return script


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("asks", ASKS)
@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("milliseconds", "503 Service Unavailable"),
        ("seconds", "429 Too Many Requests"),
        ("date", "429 Too Many Requests"),
    ],
)
async def test_the_clients_own_retries_work(form: str, status: str, asks: str, *, asynchronous: bool) -> None:
    """Told when to come again, in whichever form, the client does so, with its own count in a header, and succeeds."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    told = {"milliseconds": "retry-after-ms: 5", "seconds": "retry-after: 0.005", "date": f"retry-after: {soon}"}[form]
    kind, ask = ASKS[asks]
    case: Case = lambda client, _: ask(client)  # noqa: E731 - a case is a function of client and model
    script = one_after_another(answers(whole(b"{}", status, (told,))), provider)
    async with model_server(script) as server, data_plane(server.base_url) as plane:
        client = partial(clients, kind=kind, asynchronous=asynchronous, max_retries=1)
        through = await call(client(f"{plane.url}/v1"), case, "chat")
        assert [asked.header("x-stainless-retry-count") for asked in server.asked] == ["0", "1"]
    assert isinstance(through, tuple)


async def _let_go(server: ModelServer) -> None:
    assert len(server.asked) == 1
    await server.emptied(1.0)
