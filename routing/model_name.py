"""Where the name of its model stands in a request's body, and the one change that routing makes there: another name.

The body's own bytes go upstream: `with_model` splices a name over the top-level `model` value and touches no other
byte. A parser that decoded and encoded again would reorder, re-escape or lose what it does not know.
"""

import re
from typing import Final

import msgspec

from routing.errors import MalformedRequest

_MODEL_KEY: Final = b'"model"'
_ESCAPED_LETTER: Final = b"\\u006"
"""Every letter of `model` is U+006x: a key spelt with escapes contains this."""
_STRING: Final = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_MODEL_VALUE: Final = re.compile(rb'"model"[ \t\r\n]*:[ \t\r\n]*(' + _STRING + rb")", re.DOTALL)
_TOKEN: Final = re.compile(_STRING + rb"|[{}\[\]]", re.DOTALL)
_AFTER_KEY: Final = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")


def with_model(body: bytes, name: bytes, span: tuple[int, int] | None = None) -> bytes:
    """The body with the value of its top-level `model` replaced by `name`, a JSON string; every other byte as it was.

    `span` is what `model_span` said of this body, where the caller has asked already. Raises as `model_span` does.
    """
    start, end = span or model_span(body)
    return b"".join((body[:start], name, body[end:]))


def model_span(body: bytes) -> tuple[int, int]:
    """Where the top-level `model` value stands, quotes included, in a body that `read` has accepted.

    Raises `MalformedRequest` where `model` stands there twice: which of the two a server reads is its own affair, so
    nobody may route by one and run the other.

    The body decoded with a top-level `model`. So if those bytes occur once, and no letter is written as an escape, the
    one occurrence is that key: no walk over the document is needed.
    """
    at = body.find(_MODEL_KEY)
    if at >= 0 and body.rfind(_MODEL_KEY) == at and (body.find(b"\\") < 0 or body.find(_ESCAPED_LETTER) < 0):
        found = _MODEL_VALUE.match(body, at)
        if found is not None:
            return found.span(1)
    return _span_by_walking(body)


def _span_by_walking(body: bytes) -> tuple[int, int]:
    """The same, by walking over all strings and brackets; right for any valid JSON."""
    spans: list[tuple[int, int]] = []
    depth, position = 0, 0
    while (token := _TOKEN.search(body, position)) is not None:
        position = token.end()
        first = body[token.start()]
        if first in b"{[":
            depth += 1
        elif first in b"}]":
            depth -= 1
        elif depth == 1 and (colon := _AFTER_KEY.match(body, position)) is not None:
            position = colon.end()
            if _is_model(token[0]):
                value = _TOKEN.match(body, position)
                if value is not None:
                    position = value.end()
                    spans.append(value.span())
    if len(spans) > 1:
        raise MalformedRequest(
            "The request names `model` more than once; send it once.", "model", "duplicate_parameter"
        )
    if not spans:
        raise MalformedRequest("The request names no `model`.", "model", "missing_required_parameter")
    return spans[0]


def _is_model(token: bytes) -> bool:
    """Whether a string token spells `model`, escapes included."""
    if b"\\" not in token:
        return token == _MODEL_KEY
    try:
        return bool(msgspec.json.decode(token) == "model")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
