"""Asks a candidate for a small answer before a rollout starts: reachable, key accepted, model name known.

A rollout towards a misspelt model would be rolled back by itself, but only after minutes, and with a reason about
errors. Here the reason is the cause.
"""

import json
from typing import Any, Final, Protocol

from gateway.upstream.errors import UpstreamFailure

PROBE_SECONDS: Final = 20.0
"""A cold model may take long for its first answer; longer than this is too long to wait for at a terminal."""

CHAT: Final = "/v1/chat/completions"


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
    """Ask `model` for a few tokens; raises `ProbeFailed`."""
    reply = await _asked(upstream, model, {"max_tokens": 8})
    if reply.status == 400:  # noqa: PLR2004  # some models take only max_completion_tokens, so: without a bound
        reply = await _asked(upstream, model, {})
    if reply.status in (401, 403):
        raise ProbeFailed(f"{model} refuses the key (status {reply.status})", f"check api_key of models.{model}")
    if reply.status == 404:  # noqa: PLR2004  # "not found"
        raise ProbeFailed(f"{model} answers 404", f"check `model` and base_url of models.{model}")
    if not 200 <= reply.status < 300:  # noqa: PLR2004  # success
        raise ProbeFailed(f"{model} answers a small request with status {reply.status}", "see its own log")
    if not _has_choices(reply.body):
        raise ProbeFailed(f"{model} answers, but not as a chat completion", f"check base_url of models.{model}")


async def _asked(upstream: Upstream, model: str, options: dict[str, int]) -> Reply:
    question = {"model": model, "messages": [{"role": "user", "content": "Say OK."}], **options}
    headers = [(b"content-type", b"application/json")]
    try:
        return await upstream.unary(model, CHAT, headers, json.dumps(question).encode(), deadline_seconds=PROBE_SECONDS)
    except UpstreamFailure as error:
        seen = f"{model} gives no answer ({error.kind}: {error})"
        raise ProbeFailed(seen, f"start it, or check base_url of models.{model}") from error


def _has_choices(body: bytes) -> bool:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(answer, dict) and bool(answer.get("choices"))
