"""The `gen_ai.*` attributes of OpenTelemetry's semantic conventions, for those who opted in (`telemetry.gen_ai`).

The conventions are still in development: whatever they become is a change to this module alone. Prompts and answers
(`gen_ai.input.messages`, `gen_ai.output.messages`) are not among them here.
"""

from collections.abc import Mapping
from typing import Final

from gateway.telemetry.spans import Span

_OPERATIONS: Final[Mapping[str, tuple[str, str]]] = {
    "/v1/chat/completions": ("chat", "openai"),
    "/v1/completions": ("text_completion", "openai"),
    "/v1/responses": ("chat", "openai"),
    "/v1/embeddings": ("embeddings", "openai"),
    "/v1/messages": ("chat", "anthropic"),
}
"""Operation, and whose API is spoken; who really serves is not known here."""


def attributes(span: Span) -> dict[str, str | bool]:
    """The attributes of asking a model."""
    operation, provider = _OPERATIONS.get(span.path, ("chat", "openai"))
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": span.model,
    }


def name(span: Span) -> str:
    """The span's name as the conventions want it: `chat acme-v13`."""
    return f"{_OPERATIONS.get(span.path, ('chat', ''))[0]} {span.model}"
