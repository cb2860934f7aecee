"""The endpoint's name in place of the answer's `model`: nothing else changes, wherever the bytes are cut."""

import json
from itertools import pairwise
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.data.presenting import presenter
from shadow.exchange import Api
from tests.gateway.data.harness import data_plane
from tests.gateway.data.provider import provider
from tests.gateway.model_server import DONE, answers, breaks_after, event, hangs_after, model_server, says, whole

ASK = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}
WRAPPER = {Api.MESSAGES: "message", Api.RESPONSES: "response"}

Json = Any  # JSON

apis = st.sampled_from([Api.CHAT, Api.COMPLETIONS, Api.RESPONSES, Api.MESSAGES])
names = st.sampled_from(
    ["model", "message", "response", "id", "choices", "mode", 'mo"del', "мodel", "\\model", "x" * 70]
)
scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.sampled_from(["model", '"model": "x"'])
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=20
)
spacing = st.sampled_from(["", " ", "\n ", "\t"])


def written(value: Json, space: str, names_at: dict[int, str], depth: int = 0) -> str:
    """The slow reference: JSON written by recursion, with what `names_at` puts in for `model` at a depth."""
    if isinstance(value, list):
        return f"[{f',{space}'.join(written(one, space, {}, depth + 1) for one in value)}]"
    if not isinstance(value, dict):
        return json.dumps(value)
    members = []
    for key, member in value.items():
        below = names_at if key in (names_at.get(-1), None) and depth == 0 else {}
        text = written(member, space, below, depth + 1)
        if key == "model" and isinstance(member, str) and depth in names_at:
            text = json.dumps(names_at[depth])
        members.append(f"{json.dumps(key)}{space}:{space}{text}")
    return f"{{{space}{f',{space}'.join(members)}{space}}}"


def expectation(api: Api) -> dict[int, str]:
    """At the top, and one deeper where the API wraps (−1 names the wrapper)."""
    return {0: "chat", 1: "chat", -1: WRAPPER[api]} if api in WRAPPER else {0: "chat"}


def in_pieces(data: bytes, cuts: list[int], api: Api, *, is_events: bool) -> bytes:
    """What comes out for `data`, cut at `cuts`."""
    rewriting, edges = (
        presenter("chat", api, is_events=is_events),
        sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)}),
    )
    return b"".join(rewriting.feed(data[start:end]) for start, end in pairwise(edges))


cuttings = st.lists(st.integers(0, 10_000), max_size=12)


@given(document=documents, space=spacing, api=apis, cuts=cuttings)
def test_a_document_is_rewritten_at_the_models_place_only(
    document: Json, space: str, api: Api, cuts: list[int]
) -> None:
    """Against the reference, for any JSON: nested, repeated or quoted models stay, and every other byte stays."""
    said = written(document, space, {}).encode()
    assert in_pieces(said, cuts, api, is_events=False) == written(document, space, expectation(api)).encode()


@given(
    listed=st.lists(st.tuples(documents, st.sampled_from(["", ": ping\n", "event: x\nid: 1\n", "data\n"])), max_size=4),
    space=st.sampled_from(["", " "]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    api=apis,
    cuts=cuttings,
)
def test_events_are_rewritten_each(
    listed: list[tuple[Json, str]], space: str, line_end: str, api: Api, cuts: list[int]
) -> None:
    """Comments, names, every kind of line end, [DONE]: all as they were, but for the models."""

    def stream(names_at: dict[int, str]) -> bytes:
        events = [f"{before}data:{space}{written(value, space, names_at)}\n\n" for value, before in listed]
        return "".join([*events, "data: [DONE]\n\n"]).replace("\n", line_end).encode()

    assert in_pieces(stream({}), cuts, api, is_events=True) == stream(expectation(api))


@given(document=documents, api=apis, cuts=cuttings)
def test_one_event_may_take_several_lines(document: Json, api: Api, cuts: list[int]) -> None:
    """A document spread over data lines is one document."""

    def stream(names_at: dict[int, str]) -> bytes:
        return ("data: " + written(document, "\n", names_at).replace("\n", "\ndata:") + "\n\n").encode()

    assert in_pieces(stream({}), cuts, api, is_events=True) == stream(expectation(api))


@given(
    data=st.binary(max_size=200) | st.text(alphabet='"{}[],:\\model \n\rdata', max_size=80).map(str.encode),
    cuts=cuttings,
    is_events=st.booleans(),
    api=apis,
)
def test_what_is_no_json_comes_out_the_same_however_it_is_cut(
    data: bytes, cuts: list[int], is_events: bool, api: Api
) -> None:
    """Garbage is no error, and cutting decides nothing."""
    assert in_pieces(data, cuts, api, is_events=is_events) == in_pieces(data, [], api, is_events=is_events)


def test_a_key_spelt_with_escapes_is_the_same_key() -> None:
    """JSON's other spelling of `model` names the same member, cut anywhere."""
    said = b'data: {"mo\\u0064el": "m\\"x", "\\u006dodels": "m"}\n\n'
    for cut in range(len(said)):
        assert in_pieces(said, [cut], Api.CHAT, is_events=True) == said.replace(b'"m\\"x"', b'"chat"')


def test_each_byte_goes_out_when_it_comes() -> None:
    """Nothing is held back: before and after the name, what has come has gone."""
    rewriting = presenter("chat", Api.CHAT, is_events=True)
    said, out = event("hi", "gpt-4o"), b""
    for index in range(len(said)):
        out += rewriting.feed(said[index : index + 1])
        in_name = b'"model": ' in out and not out.endswith(b'"model": "chat"') and b'"chat"' not in out
        assert in_name or len(out) >= index - len("gpt-4o")
    assert out == event("hi", "chat")


@pytest.fixture
def anyio_backend() -> str:
    """One loop is enough here."""
    return "asyncio"


def named(stable: str, candidate: str = "") -> Any:  # the harness's context
    """A data plane whose endpoint shows its own name."""
    more = "passthrough: {/v1/responses/*: chat}"
    return data_plane(stable, candidate, more=more, chat_options="present_model_as: endpoint")


@pytest.mark.anyio
@pytest.mark.parametrize("weight", [0, 10_000])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"])
@pytest.mark.parametrize("stream", [False, True])
async def test_every_api_answers_as_the_endpoint_on_either_arm(path: str, stream: bool, weight: int) -> None:
    """The provider's own answer with another name, and a length that is right."""
    ask = {**ASK, "input": "hi", "prompt": "hi", "max_tokens": 5, "stream": stream}
    async with model_server(provider) as server, named(server.base_url) as plane:
        async with httpx.AsyncClient(trust_env=False) as client:
            own = (await client.post(server.base_url.removesuffix("/v1") + path, json=ask | {"model": "gpt-x"})).text
        plane.expose(weight)
        answer = await plane.ask(ask, path=path)
        asked_as = json.loads(server.asked[-1].body)["model"]
    assert answer.headers["x-driftgate-arm"] == ("candidate" if weight else "stable")
    assert f'"{asked_as}"' not in answer.text
    assert answer.text == own.replace('"gpt-x"', '"chat"')
    if not stream:
        assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["resp_1", "resp_1?stream=true", "resp_1/cancel", "resp_1/input_items"])
async def test_an_answer_that_is_looked_at_again_names_the_endpoint_too(path: str) -> None:
    """Whole, in each event, and when it is cancelled; all else of it stays, and so does what names no model."""
    method = "POST" if "cancel" in path else "GET"
    async with model_server(provider) as server, named(server.base_url) as plane:
        async with httpx.AsyncClient(trust_env=False) as client:
            own = (await client.request(method, f"{server.base_url}/responses/{path}")).text
            answer = await client.request(method, f"{plane.url}/v1/responses/{path}")
        assert server.asked[-1].header("accept-encoding") is None
    assert ('"model": "old"' in own) == ("input_items" not in path)
    assert answer.text == own.replace('"model": "old"', '"model": "chat"')


@pytest.mark.anyio
async def test_a_long_answer_is_rewritten_without_being_held() -> None:
    """Above what is kept, the length is left out and the name is still replaced, at the end too."""
    body = json.dumps({"data": "x" * 3_000_000, "model": "m", "usage": {}}).encode()
    async with model_server(answers(whole(body))) as server, named(server.base_url) as plane:
        answer = await plane.ask(ASK, path="/v1/embeddings")
    assert answer.content == body.replace(b'"model": "m"', b'"model": "chat"')
    assert "content-length" not in answer.headers


HALF = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{"


@pytest.mark.anyio
async def test_a_held_answer_that_breaks_is_an_error_in_the_apis_shape() -> None:
    """Nothing of it was sent yet: a 502 that says what was wrong, and the connection is given back."""
    async with model_server(breaks_after(HALF, reset=False)) as server, named(server.base_url) as plane:
        answer = await plane.ask(ASK)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
        assert "truncated" in answer.json()["error"]["message"]
        assert plane.asker.client.busy == 0


@pytest.mark.anyio
async def test_whoever_leaves_while_an_answer_is_held_frees_the_model_server() -> None:
    """Its connection is closed within a second."""
    async with model_server(hangs_after(HALF)) as server, named(server.base_url) as plane:
        with anyio.move_on_after(0.2):
            await plane.ask(ASK)
        assert len(server.asked) == 1
        await server.emptied(1.0)


@pytest.mark.anyio
async def test_no_compression_is_asked_for_and_what_is_compressed_anyway_passes() -> None:
    """A name inside compressed bytes cannot be replaced; the answer is still the model's, whole."""
    head = ("content-type: application/json", "content-encoding: br")
    async with model_server(answers(whole(b"\x00model", headers=head))) as server, named(server.base_url) as plane:
        raw = json.dumps(ASK).encode()
        answer = await plane.raw(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\naccept-encoding: br\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(raw), raw)
        )
        assert server.asked[0].header("accept-encoding") is None
    assert answer.endswith(b"\r\n\r\n\x00model")


@pytest.mark.anyio
async def test_the_evidence_is_what_the_model_said() -> None:
    """The shadow worker gets the answer's own bytes."""
    async with model_server(says("hello")) as server, named(server.base_url) as plane:
        plane.expose(10_000)
        answer = await plane.ask(ASK | {"stream": True})
        exchange = (await plane.handed_over(1))[0]
    assert answer.content == event("hello ", "chat") + DONE
    assert exchange.answer_body == event("hello ", "new") + DONE
