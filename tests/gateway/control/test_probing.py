"""What a candidate must answer before a rollout starts: a chat, or a vector where it does not chat."""

import pytest

from gateway.control.probing import CHAT, EMBEDDINGS, ProbeFailed, probe
from tests.gateway.data.harness import data_plane
from tests.gateway.model_server import Asked, Line, model_server, whole

pytestmark = pytest.mark.anyio

VECTORS = b'{"data": [{"index": 0, "embedding": [0.5]}]}'


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("embeds", [True, False])
async def test_a_model_that_only_embeds_may_be_a_candidate(status: int, embeds: bool) -> None:
    """One that does neither is told with what it said to a chat."""

    async def script(asked: Asked, line: Line) -> None:
        paths.append(asked.path)
        can = embeds and asked.path == EMBEDDINGS
        await line.send(whole(VECTORS if can else b'{"error": {"message": "no"}}', "200 OK" if can else f"{status} No"))

    paths: list[str] = []
    async with model_server(script) as server, data_plane(server.base_url) as plane:
        if embeds:
            await probe(plane.asker, "new")
        else:
            with pytest.raises(ProbeFailed, match=str(status)):
                await probe(plane.asker, "new")
    assert paths == [CHAT] * (2 if status == 400 else 1) + [EMBEDDINGS]
