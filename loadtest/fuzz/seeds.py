"""What fuzzing starts from: small inputs that reach most of each reader."""

import gzip
import sys
import zlib
from collections.abc import Mapping
from typing import Final

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_TOOLS = b'"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]'
_CALLS = b'"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]'
_CHAT = b'{"messages": [{"role": "user", "content": "List two."}], %b}' % _TOOLS
_SAID = b'{"choices": [{"index": 0, "message": {"content": "- a", %b}, "finish_reason": "stop"}], "usage": {}}' % _CALLS
_SCHEMA = b'{"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}}'
_CHUNKS = b'data: {"choices": [{"index": 0, "delta": {"content": "{}"}}]}\n\ndata: [DONE]\n\n'
_REFUSED = b'{"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}]}'
_BLOCKS = b'event: content_block_delta\ndata: {"type": "content_block_delta", "index": 0, "delta": {"text": "a"}}\n\n'
_STAGES = b"[{weight: 0%, min_keys: 3, bake: 5m}], budgets: {refusal: {max_increase: 2pp}}"

SEEDS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "routing": (
        b'{"model": "chat", "messages": [{"role": "user", "content": "hi"}], "user": "ann", "stream": true}',
        b'{"input": [{"role": "user", "content": [{"type": "input_text", "text": "a"}]}], "model": "m"}',
        b'{"\\u006dodel": "m", "metadata": {"model": "x"}, "prompt": ["a"]}',
    ),
    "sse": (
        b"\x03event: message_start\ndata: {}\n\ndata: a\r\ndata: b\r\n\r\n: note\ndata: [DONE]\n\n",
        b"\x00\xef\xbb\xbfdata: \xe2\x82\xac\rdata:\r\r",
    ),
    "answers": (
        b"%b\x00%b" % (_CHAT, _SAID),
        b"%b\x00%b" % (_SCHEMA, _CHUNKS),
        b'{"input": "x"}\x00' + _REFUSED,
        b"{}\x00" + _BLOCKS,
    ),
    "encodings": (
        b"\x00" + gzip.compress(_SAID),
        b"\x01" + zlib.compress(_SAID),
        b"\x02" + brotli.compress(_SAID),
        b"\x03" + zstd.compress(_SAID) + zstd.compress(_CHUNKS),
    ),
    "config": (
        b"models: {a: {base_url: http://h/v1}}\nendpoints: {chat: {stable: a}}\n",
        b"models:\n  a: {extends: b}\n  b: {base_url: ${X}}\nplans: {default: {stages: %b}}\n" % _STAGES,
    ),
}
"""Inputs by target. `answers` are a request and an answer, parted by a zero byte."""
