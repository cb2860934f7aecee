"""What routing must know of a request, and what variants change in it.

Only the routing fields are decoded; everything else in the body is skipped, not understood.

Not here: the name of another model in a body (`routing.model_name`), and validating requests. What a model server
thinks of a request is the model server's to say.
"""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

import msgspec

from routing.errors import MalformedRequest

_LONE_SURROGATE: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
"""Half of a character. The decoder refuses it, and says something else of it."""
_ABSENT: Final = msgspec.Raw(b"null")

RawObject = dict[str, msgspec.Raw]
"""A JSON object whose values are still undecoded bytes."""


class RoutingFields(msgspec.Struct, frozen=True, gc=False):
    """The fields that decide where a request goes. Undecoded ones are looked at only when they are needed."""

    model: str
    stream: bool | None = None
    user: msgspec.Raw = _ABSENT
    previous_response_id: msgspec.Raw = _ABSENT
    conversation: msgspec.Raw = _ABSENT
    api_base: msgspec.Raw = _ABSENT
    base_url: msgspec.Raw = _ABSENT
    api_key: msgspec.Raw = _ABSENT
    """With these some gateways let a client choose where its request goes. Here nobody does, nor behind it."""

    @property
    def previous_response(self) -> str | None:
        """The id of the response that the request goes on with."""
        return scalar_text(self.previous_response_id)

    @property
    def conversation_id(self) -> str | None:
        """The id of the conversation that the server keeps, by itself or in an object."""
        raw = bytes(self.conversation)
        return None if raw == b"null" else scalar_text(raw) or text_at(raw, ("id",))


class _Turn(msgspec.Struct, frozen=True, gc=False):
    role: str = "user"
    content: msgspec.Raw = _ABSENT


class _Turns(msgspec.Struct, frozen=True, gc=False):
    """Where the APIs keep a conversation: chat and messages, responses, completions."""

    messages: list[_Turn] | None = None
    input: msgspec.Raw = _ABSENT
    prompt: msgspec.Raw = _ABSENT
    system: msgspec.Raw = _ABSENT
    instructions: msgspec.Raw = _ABSENT


_fields = msgspec.json.Decoder(RoutingFields)
_object = msgspec.json.Decoder(RawObject)
_turns = msgspec.json.Decoder(_Turns)
_input = msgspec.json.Decoder(list[_Turn])
_any = msgspec.json.Decoder()


def read(body: bytes) -> RoutingFields:
    """The routing fields of a body; raises `MalformedRequest`, whose message is fit for the client."""
    try:
        fields = _fields.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explained(error, body) from error
    if not (fields.api_base is fields.base_url is fields.api_key is _ABSENT):
        raise _steering(fields)
    return fields


def text_at(body: bytes, path: tuple[str, ...]) -> str | None:
    """The scalar at a path of object keys (`user`, `metadata.session`), as text; None where there is none."""
    current = body
    for name in path:
        try:
            found = _object.decode(current).get(name)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if found is None:
            return None
        current = bytes(found)
    return scalar_text(current)


def scalar_text(raw: bytes | msgspec.Raw) -> str | None:
    """A JSON string or number as text; None for anything else, and for the empty string."""
    try:
        value = _any.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value) or None


def conversation_key(body: bytes) -> str | None:
    """A key that stays the same over the turns of one conversation: a hash of what opened it.

    What opens a conversation are its instructions and the first thing that the user said; later turns only append. Two
    users who open with the same words share a key, which costs evidence but never moves anyone.
    """
    try:
        turns = _turns.decode(body)
        opening = _opening(turns)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if opening is None:
        return None
    return blake2b(b"\x00".join(opening), digest_size=16).hexdigest()


def _opening(turns: _Turns) -> list[bytes] | None:
    instructions = [_canonical(part) for part in (turns.system, turns.instructions) if part != _ABSENT]
    listed = turns.messages
    if listed is None and turns.input != _ABSENT:
        if bytes(turns.input).lstrip()[:1] != b"[":
            return [*instructions, _canonical(turns.input)]
        listed = _input.decode(turns.input)
    if listed is None:
        return None if turns.prompt == _ABSENT else [*instructions, _canonical(turns.prompt)]
    for turn in listed:
        instructions.append(_canonical(turn.content))
        if turn.role == "user":
            return instructions
    return None


def _canonical(raw: msgspec.Raw) -> bytes:
    """Equal for equal JSON values, whatever the client's spacing, escaping or order."""
    return msgspec.json.encode(_any.decode(raw), order="deterministic")


def _steering(fields: RoutingFields) -> MalformedRequest:
    name = next(name for name in ("api_base", "base_url", "api_key") if getattr(fields, name) is not _ABSENT)
    message = f"Leave out `{name}`: which server is asked, and with which key, is set in the gateway's configuration."
    return MalformedRequest(message, name, "unsupported_parameter")


def _explained(error: Exception, body: bytes = b"") -> MalformedRequest:
    text = str(error)
    if isinstance(error, RecursionError):
        return MalformedRequest("The body's JSON is nested too deeply.", None, "invalid_json")
    if isinstance(error, msgspec.ValidationError):
        if "missing required field" in text:
            return MalformedRequest(
                "The request names no `model`; set it to the name of an endpoint (GET /v1/models lists them).",
                "model",
                "missing_required_parameter",
            )
        parameter = next((name for name in ("model", "stream") if f"$.{name}" in text), None)
        return MalformedRequest(f"The body has the wrong shape: {text}.", parameter, "invalid_type")
    if _LONE_SURROGATE.search(body):
        text = "a \\uD800-\\uDFFF escape without its other half, as when a text is cut within an emoji"
    return MalformedRequest(f"The body is not valid JSON: {text}.", None, "invalid_json")


def merged(body: bytes, changes: Mapping[str, object]) -> bytes:
    """The body's object with top-level members replaced or added; members that stay keep their own bytes."""
    try:
        members = _object.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explained(error) from error
    for name, value in changes.items():
        members[name] = msgspec.Raw(msgspec.json.encode(value))
    return msgspec.json.encode(members)


def with_system_prompt(body: bytes, prompt: str) -> bytes:
    """The body with `prompt` as its instructions, in whichever place its API keeps them. Existing ones are replaced."""
    try:
        members = _object.decode(body)
        if "input" in members:
            return merged(body, {"instructions": prompt})
        if "messages" not in members:
            return body
        turns = msgspec.json.decode(members["messages"], type=list[msgspec.Raw])
        roles = [msgspec.json.decode(turn, type=_Turn).role for turn in turns]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explained(error) from error
    kept = [turn for turn, role in zip(turns, roles, strict=True) if role not in ("system", "developer")]
    return merged(body, {"messages": [{"role": "system", "content": prompt}, *kept]})
