import json
from typing import Any

import httpx
import pytest

from gateway.demo.model_server import ModelServer
from gateway.demo.personas import OVERCAUTIOUS, STABLE

SUM = "A crate holds 24 jars. How many jars are in 17 of them?"
TRAINS = "Which trains leave Fendaton after 7 o'clock?"


@pytest.fixture
def anyio_backend() -> str:
    """The data path runs on asyncio."""
    return "asyncio"


@pytest.fixture
def server() -> ModelServer:
    """A server with two models."""
    return ModelServer([STABLE, OVERCAUTIOUS], seed=1)


def client_of(server: ModelServer) -> httpx.AsyncClient:
    """A client that calls the application directly."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=server), base_url="http://models")


def question(prompt: str, **options: object) -> dict[str, object]:
    """A chat request."""
    return {"model": STABLE.model, "messages": [{"role": "user", "content": prompt}], **options}


def deltas(body: str) -> list[dict[str, Any]]:
    """The deltas of a stream's events, which must end with `[DONE]`."""
    events = [line.removeprefix("data: ") for line in body.split("\n\n") if line]
    assert events[-1] == "[DONE]"
    return [json.loads(event)["choices"][0]["delta"] for event in events[:-1]]


@pytest.mark.anyio
async def test_a_unary_answer_has_the_shape_of_a_chat_completion(server: ModelServer) -> None:
    """Content, finish reason and usage stand where clients look for them."""
    async with client_of(server) as http:
        answer = (await http.post("/v1/chat/completions", json=question(SUM))).json()
    assert answer["object"] == "chat.completion"
    assert "408" in answer["choices"][0]["message"]["content"]
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["total_tokens"] > 10


@pytest.mark.anyio
async def test_a_streamed_answer_says_what_the_unary_one_says(server: ModelServer) -> None:
    """At temperature 0 both forms carry the same words."""
    async with client_of(server) as http:
        whole = (await http.post("/v1/chat/completions", json=question(SUM, temperature=0))).json()
        stream = (await http.post("/v1/chat/completions", json=question(SUM, temperature=0, stream=True))).text
    said = "".join(delta.get("content", "") for delta in deltas(stream))
    assert said == whole["choices"][0]["message"]["content"]


@pytest.mark.anyio
async def test_a_tool_call_is_streamed_as_one(server: ModelServer) -> None:
    """A question for departures is answered by a call with JSON arguments."""
    async with client_of(server) as http:
        stream = (await http.post("/v1/chat/completions", json=question(TRAINS, stream=True))).text
    calls = [call for delta in deltas(stream) for call in delta.get("tool_calls", [])]
    assert [json.loads(call["function"]["arguments"]) for call in calls] == [{"town": "Fendaton", "hour": 7}]


@pytest.mark.anyio
async def test_the_same_question_gets_other_words_the_next_time(server: ModelServer) -> None:
    """Sampling noise: above temperature 0 the server does not always repeat itself."""
    prompt = "List five things to pack for a week in Velmiholm in autumn."
    async with client_of(server) as http:
        answers = {
            (await http.post("/v1/chat/completions", json=question(prompt))).json()["choices"][0]["message"]["content"]
            for _ in range(8)
        }
    assert len(answers) > 1


@pytest.mark.anyio
async def test_the_log_tells_users_from_mirrors(server: ModelServer) -> None:
    """Who was asked what, in order, and whether the gateway marked it as shadow."""
    async with client_of(server) as http:
        await http.post("/v1/chat/completions", json=question(SUM), headers={"x-user-id": "ada"})
        marked = {"x-user-id": "ada", "x-driftgate-shadow": "1"}
        await http.post("/v1/chat/completions", json=question(SUM, stream=True), headers=marked)
        log = (await http.get("/log")).json()
    assert [(entry["model"], entry["user"], entry["shadow"], entry["stream"]) for entry in log] == [
        (STABLE.model, "ada", False, False),
        (STABLE.model, "ada", True, True),
    ]
    assert log[0]["at"] <= log[1]["at"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [(b"not json", 400, None), (b'{"model": "nobody", "messages": []}', 404, "model_not_found")],
)
async def test_bad_questions_get_errors_in_the_apis_shape(
    server: ModelServer, body: bytes, status: int, code: str | None
) -> None:
    """Malformed JSON and an unknown model are refused as OpenAI's servers refuse them, and not logged as asked."""
    async with client_of(server) as http:
        answer = await http.post("/v1/chat/completions", content=body)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert not server.log
