"""Recorded answers of one model, and the exact bytes that a replay server sends for each of them.

A recording is a JSON list of objects with `instruction` and `output`. Rendering is a pure function of the recording, so
that whoever asked can compare what arrived with what was recorded, byte for byte.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CREATED: Final = 1_700_000_000
PIECES: Final = 6
"""A stream carries its text in about so many events."""
UNKNOWN_ANSWER: Final = "OK."
"""What is said to a prompt that was never recorded, such as the question asked before a rollout starts."""
DATA_VARIABLE: Final = "DRIFTGATE_SHARED_DATA"


def data_dir() -> Path:
    """Where the recorded data lies."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get(DATA_VARIABLE) or default)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One answer as it is sent: the JSON of a unary one, and the events of a streamed one."""

    unary: bytes
    events: tuple[bytes, ...]

    @property
    def stream(self) -> bytes:
        """All events together."""
        return b"".join(self.events)


@dataclass(frozen=True, slots=True)
class Recording:
    """One model's answers, each under its prompt."""

    model: str
    prompts: tuple[str, ...]
    rendered: dict[str, Rendered]

    def of(self, prompt: str) -> Rendered:
        """The rendered answer to a prompt; for an unknown one, a short standing answer."""
        return self.rendered.get(prompt) or self.rendered[""]


def load(path: Path, model: str) -> Recording:
    """Read a recording and render all of it."""
    entries = json.loads(path.read_text(encoding="utf-8"))
    outputs = {entry["instruction"]: entry["output"] for entry in entries}
    rendered = {prompt: render(model, number, output) for number, (prompt, output) in enumerate(outputs.items())}
    return Recording(model, tuple(outputs), {**rendered, "": render(model, -1, UNKNOWN_ANSWER)})


def render(model: str, number: int, output: str) -> Rendered:
    """One answer's bytes."""
    around = {"id": f"chatcmpl-{number}", "created": CREATED, "model": model}
    usage = {"prompt_tokens": 1, "completion_tokens": len(output.split()), "total_tokens": 1 + len(output.split())}
    message = {"role": "assistant", "content": output, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    unary = json.dumps({**around, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()

    def event(delta: dict[str, str], finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        # real characters on the wire, so that pieces are cut between bytes of one too
        text = json.dumps({**around, "object": "chat.completion.chunk", "choices": [choice]}, ensure_ascii=False)
        return b"data: " + text.encode() + b"\n\n"

    size = max(1, -(-len(output) // PIECES))
    pieces = [event({"content": output[at : at + size]}, None) for at in range(0, len(output), size)]
    head = event({"role": "assistant", "content": ""}, None)
    return Rendered(unary, (head, *pieces, event({}, "stop"), b"data: [DONE]\n\n"))
