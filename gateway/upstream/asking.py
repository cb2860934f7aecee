"""Asking a model by its name: the client, the targets and the preparation in one place.

The shadow worker mirrors through `unary`; the data path opens streams through `open_stream`. One per process, made
inside the running loop.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.config.model import Config
from gateway.upstream.client import Client
from gateway.upstream.connection import Deadlines
from gateway.upstream.encoding import plain
from gateway.upstream.errors import BrokenAnswer, UpstreamFailure
from gateway.upstream.headers import READ_HERE, RawHeaders, end_to_end
from gateway.upstream.prepare import Preparer, targets_of
from gateway.upstream.target import Target
from routing.errors import MalformedRequest
from routing.request import read

MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""A mirrored answer above this is no text to compare."""
SHADOW_MARK: Final = (b"x-driftgate-shadow", b"1")


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, without content encoding. Durations are milliseconds since the question."""

    status: int
    body: bytes
    first_byte_ms: float
    duration_ms: float


class Asker:
    """Asks the configured models."""

    def __init__(self, config: Config) -> None:
        self.targets = targets_of(config.models)
        self.client = Client()
        self.preparer = Preparer()
        self._limits = config.limits

    def target(self, model_name: str) -> Target:
        """The target of a configured model; raises `UpstreamFailure` of kind `unknown_model`."""
        target = self.targets.get(model_name)
        if target is None:
            raise UpstreamFailure("unknown_model", f"the configuration has no model {model_name!r}")
        return target

    def deadlines(self, target: Target) -> Deadlines:
        """The configured deadlines for `target`."""
        return Deadlines(
            connect=self._limits.connect_seconds,
            first_byte=target.first_byte_seconds or self._limits.first_byte_seconds,
            between_chunks=self._limits.idle_seconds,
        )

    async def unary(
        self,
        model_name: str,
        path: str,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        *,
        deadline_seconds: float,
    ) -> Reply:
        """The whole answer of a model, streamed or not; raises `UpstreamFailure`. `path` begins with `/v1`.

        Headers are filtered as on the data path, but that `x-driftgate-shadow` passes: it marks mirrors.
        """
        target = self.target(model_name)
        raw: RawHeaders = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        passed = end_to_end(raw, READ_HERE)
        if SHADOW_MARK in raw:
            passed.append(SHADOW_MARK)
        try:
            request = self.preparer.request(target, path, passed, body, model=read(body).model)
        except MalformedRequest as error:
            raise UpstreamFailure("malformed_request", str(error)) from error
        deadlines = Deadlines(
            connect=min(self._limits.connect_seconds, deadline_seconds),
            first_byte=deadline_seconds,
            between_chunks=self._limits.idle_seconds,
            total=deadline_seconds,
        )
        whole = await self.client.unary(request, deadlines, max_bytes=MAX_ANSWER_BYTES)
        text = plain(whole.headers, whole.body, MAX_ANSWER_BYTES)
        if text is None:
            raise BrokenAnswer("malformed", "the answer is compressed in a way that was not asked for")
        return Reply(whole.status, text, whole.first_byte_ms, whole.duration_ms)

    def close(self) -> None:
        """Close every connection now."""
        self.client.close()
