"""What an answer says of itself: model, id, finish reasons and the provider's count of tokens. Pure.

Read of sampled requests only, and only these fields: everything else in the body is skipped. In a stream they stand in
its first events (model, id, and on `/v1/messages` the input) and in its last, so only those are looked at. Whatever
cannot be read is simply not there.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

OPENING_BYTES: Final = 4096
ENDING_BYTES: Final = 16 * 1024
"""Of a stream. Chat completions end with a reason and a count; `response.completed` holds the whole answer again, and
one longer than this is not read."""
MOST_REASONS: Final = 16
"""One for each choice; a client may ask for more."""
_DATA: Final = b"data:"
_LINE: Final = b"\n"


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Choice(msgspec.Struct, frozen=True):
    finish_reason: str | None = None


class _Delta(msgspec.Struct, frozen=True):
    stop_reason: str | None = None


class _Inner(msgspec.Struct, frozen=True):
    """The answer as a Responses event or an Anthropic `message_start` wraps it."""

    id: str | None = None
    model: str | None = None
    status: str | None = None
    stop_reason: str | None = None
    usage: _Usage | None = None


class _Body(msgspec.Struct, frozen=True):
    id: str | None = None
    model: str | None = None
    status: str | None = None
    stop_reason: str | None = None
    usage: _Usage | None = None
    choices: list[_Choice] | None = None
    delta: _Delta | str | None = None
    message: _Inner | None = None
    response: _Inner | None = None


_decoder: Final = msgspec.json.Decoder(_Body)


class Said(msgspec.Struct, frozen=True):
    """What an answer says of itself; empty or None where it does not."""

    id: str = ""
    model: str = ""
    finish: tuple[str, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None


NOTHING: Final = Said()


def said(body: bytes, *, stream: bool) -> Said:
    """Read it off a whole answer, or off all events of a stream. A server may answer a stream with plain JSON."""
    if not stream or body.lstrip()[:1] == b"{":
        found = _decoded(body)
        return NOTHING if found is None else _merged(NOTHING, found)
    whole = NOTHING
    for event in _events(body):
        found = _decoded(event)
        whole = whole if found is None else _merged(whole, found)
    return whole


def _events(body: bytes) -> Iterator[bytes]:
    """The data of the first and of the last events; what is cut in two cannot be read, and is skipped."""
    parts = [body] if len(body) <= OPENING_BYTES + ENDING_BYTES else [body[:OPENING_BYTES], body[-ENDING_BYTES:]]
    for part in parts:
        for line in part.split(_LINE):
            if line.startswith(_DATA):
                yield line[len(_DATA) :]


def _decoded(text: bytes) -> _Body | None:
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _merged(before: Said, found: _Body) -> Said:
    """Later events know better; counts only grow in a stream, and nobody repeats a reason to end."""
    inner = found.message or found.response
    usage = found.usage or (inner.usage if inner is not None else None) or _Usage()
    reasons = [choice.finish_reason for choice in found.choices or ()]
    reasons += [found.delta.stop_reason if isinstance(found.delta, _Delta) else None, found.stop_reason]
    reasons += [inner.stop_reason] if inner is not None else []
    given = tuple(reason for reason in reasons if reason)
    return Said(
        id=before.id or found.id or (inner.id if inner is not None else "") or "",
        model=before.model or found.model or (inner.model if inner is not None else "") or "",
        finish=(before.finish + given)[:MOST_REASONS]
        or _ended(found.status or (inner.status if inner is not None else None)),
        input_tokens=_first(usage.input_tokens, usage.prompt_tokens, before.input_tokens),
        output_tokens=_first(usage.output_tokens, usage.completion_tokens, before.output_tokens),
    )


def _ended(status: str | None) -> tuple[str, ...]:
    """A response has no reason to end but its status; while it runs it has none."""
    return (status,) if status in ("completed", "incomplete", "failed", "cancelled") else ()


def _first(*counts: int | None) -> int | None:
    return next((count for count in counts if count is not None), None)
