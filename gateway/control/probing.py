"""Asks a candidate for a small answer before a rollout starts: reachable, key accepted, model name known.

A rollout towards a misspelt model would be rolled back by itself, but only after minutes, and with a reason about
errors. Here the reason is the cause.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from gateway.upstream.errors import UpstreamFailure

PROBE_SECONDS: Final = 20.0
"""A cold model may take long for its first answer; longer than this is too long to wait for at a terminal."""

CHAT: Final = "/v1/chat/completions"
EMBEDDINGS: Final = "/v1/embeddings"


class ProbeFailed(Exception):
    """The candidate gave no usable answer: what was seen, and what to look at."""

    def __init__(self, seen: str, fix: str) -> None:
        super().__init__(f"{seen}: {fix}")
        self.seen = seen
        self.fix = fix


class Reply(Protocol):
    """An answer."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def body(self) -> bytes:
        """The whole body."""


class Upstream(Protocol):
    """The one verb that is needed (`gateway.upstream.asking.Asker`)."""

    async def unary(self, model_name: str, path: str, headers: Any, body: bytes, *, deadline_seconds: float) -> Reply:
        """Ask a model; raises `UpstreamFailure`."""


async def probe(upstream: Upstream, model: str) -> None:
    """Ask `model` for a few tokens, or for a vector where it does not chat; raises `ProbeFailed`."""
    reply = await _asked(upstream, model, CHAT, _QUESTION | {"max_tokens": 8})
    if reply.status == 400:  # noqa: PLR2004  # some models take only max_completion_tokens, so: without a bound
        reply = await _asked(upstream, model, CHAT, _QUESTION)
    if reply.status in (400, 404):
        embedded = await _asked(upstream, model, EMBEDDINGS, {"input": "OK"})
        if embedded.status == 200 and _has(embedded.body, "data"):  # noqa: PLR2004  # OK
            return
    if reply.status in (401, 403):
        raise ProbeFailed(f"{model} refuses the key (status {reply.status})", f"check api_key of models.{model}")
    if reply.status == 404:  # noqa: PLR2004  # "not found"
        raise ProbeFailed(f"{model} answers 404", f"check `model` and base_url of models.{model}")
    if not 200 <= reply.status < 300:  # noqa: PLR2004  # success
        raise ProbeFailed(f"{model} answers a small request with status {reply.status}", "see its own log")
    if not _has(reply.body, "choices"):
        raise ProbeFailed(f"{model} answers, but not as a chat completion", f"check base_url of models.{model}")


_QUESTION: Final = {"messages": [{"role": "user", "content": "Say OK."}]}


async def _asked(upstream: Upstream, model: str, path: str, question: Mapping[str, object]) -> Reply:
    headers = [(b"content-type", b"application/json")]
    body = json.dumps({"model": model, **question}).encode()
    try:
        return await upstream.unary(model, path, headers, body, deadline_seconds=PROBE_SECONDS)
    except UpstreamFailure as error:
        seen = f"{model} gives no answer ({error.kind}: {error})"
        raise ProbeFailed(seen, f"start it, or check base_url of models.{model}") from error


def _has(body: bytes, member: str) -> bool:
    """Whether a body is an object with something in that member."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(answer, dict) and bool(answer.get(member))
