"""A model server that keeps its answers, for conversations that go on with them."""

import json
from dataclasses import dataclass, field

from tests.gateway.model_server import LAST_CHUNK, STREAM_HEAD, Asked, Line, chunk, whole
from tests.gateway.packing import PACKS

NotFound = tuple[str, dict[str, object]]
NOT_FOUND: list[NotFound] = [
    ("404 Not Found", {"error": {"message": "Response with id 'x' not found.", "code": 404}}),
    ("400 Bad Request", {"error": {"message": "not found", "code": "previous_response_not_found"}}),
]


@dataclass
class Keeper:
    """A Responses API that keeps what it said, and goes on with nothing else. `packs`: the coding of whole answers."""

    name: str
    not_found: NotFound = NOT_FOUND[0]
    kept: set[str] = field(default_factory=set)
    packs: str = ""

    async def __call__(self, asked: Asked, line: Line) -> None:
        """Answer as the script of a `model_server`."""
        below = asked.path.removeprefix("/v1/responses").strip("/").partition("/")[0]
        body = json.loads(asked.body or b"{}")
        talk = body.get("conversation")
        previous = below or body.get("previous_response_id") or (talk["id"] if isinstance(talk, dict) else talk)
        if previous is not None and previous not in self.kept:
            status, error = self.not_found
            await line.send(whole(json.dumps(error).encode(), status))
            return
        made = below or f"resp_{self.name}_{len(self.kept)}"
        self.kept.add(made)
        response = {"id": made, "object": "response", "model": self.name, "output": []}
        if body.get("stream"):
            await line.send(STREAM_HEAD)
            for kind in ("created", "completed"):
                said = json.dumps({"type": f"response.{kind}", "response": response})
                await line.send(chunk(f"event: response.{kind}\ndata: {said}\n\n".encode()))
            await line.send(LAST_CHUNK)
        else:
            head, text = ["content-type: application/json"], json.dumps(response).encode()
            if self.packs:
                head, text = [*head, f"content-encoding: {self.packs}"], PACKS[self.packs](text)
            await line.send(whole(text, headers=head))
