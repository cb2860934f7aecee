"""An answer as chat completion JSON, or as the events of a stream. Pure.

Tokens are counted as words: the simulated models have no tokenizer.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from gateway.demo.tasks import Said
from shadow.answer import Json

PIECES = 5
"""A streamed answer comes in about so many pieces, the first of which carries only the role."""


class _Message(msgspec.Struct):
    role: str = ""
    content: str | list[dict[str, str]] | None = None


class Question(msgspec.Struct):
    """What the simulated server reads of a request."""

    model: str
    messages: list[_Message]
    stream: bool = False
    temperature: float = 1.0

    @property
    def prompt(self) -> str:
        """The last message's text."""
        content = self.messages[-1].content if self.messages else ""
        if isinstance(content, list):
            return "".join(part.get("text", "") for part in content)
        return content or ""


_decoder = msgspec.json.Decoder(Question)


def read(body: bytes) -> Question:
    """The question in a request's body; raises `msgspec.MsgspecError`."""
    return _decoder.decode(body)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands around an answer."""

    id: str
    model: str
    created: int


def completion(said: Said, envelope: Envelope, prompt: str) -> bytes:
    """The whole answer as one chat completion."""
    message: dict[str, Json] = {"role": "assistant", "content": said.text or None, "refusal": said.refusal or None}
    if said.tool:
        message["tool_calls"] = [_call(said, envelope)]
    spoken = len((said.text or said.refusal or said.arguments).split())
    asked = len(prompt.split())
    return msgspec.json.encode(
        {
            "id": envelope.id,
            "object": "chat.completion",
            "created": envelope.created,
            "model": envelope.model,
            "choices": [{"index": 0, "message": message, "finish_reason": _finish(said)}],
            "usage": {"prompt_tokens": asked, "completion_tokens": spoken, "total_tokens": asked + spoken},
        }
    )


def events(said: Said, envelope: Envelope) -> Iterator[bytes]:
    """The answer as server-sent events, `[DONE]` included."""
    yield _event({"role": "assistant", "content": ""}, None, envelope)
    if said.tool:
        yield _event({"tool_calls": [{"index": 0, **_call(said, envelope)}]}, None, envelope)
    name, text = ("refusal", said.refusal) if said.refusal else ("content", said.text)
    for piece in _pieces(text):
        yield _event({name: piece}, None, envelope)
    yield _event({}, _finish(said), envelope)
    yield b"data: [DONE]\n\n"


def error(message: str, kind: str, code: str | None = None) -> bytes:
    """An error in the API's shape."""
    return msgspec.json.encode({"error": {"message": message, "type": kind, "param": None, "code": code}})


def _pieces(text: str) -> Iterator[str]:
    size = max(12, -(-len(text) // PIECES))
    for at in range(0, len(text), size):
        yield text[at : at + size]


def _event(delta: dict[str, Json], finish: str | None, envelope: Envelope) -> bytes:
    chunk = {
        "id": envelope.id,
        "object": "chat.completion.chunk",
        "created": envelope.created,
        "model": envelope.model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


def _call(said: Said, envelope: Envelope) -> dict[str, Json]:
    return {
        "id": f"call_{envelope.id}",
        "type": "function",
        "function": {"name": said.tool, "arguments": said.arguments},
    }


def _finish(said: Said) -> str:
    return "tool_calls" if said.tool else "stop"
