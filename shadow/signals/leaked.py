"""Did something of the machinery reach the user: template tokens, role names, reasoning that should stay inside.

It happens when a checkpoint is served with the wrong chat template or stop tokens. A mark that stands in the question
is no leak.
"""

from re import MULTILINE
from re import compile as _compile
from typing import Final

from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading

VERSION: Final = 1

_MARK: Final = _compile(
    r"<\|[a-z_]{2,30}\|>|<｜[^｜>]{2,30}｜>|<</?SYS>>|\[/?INST\]|</?(?:think|thinking|reasoning|scratchpad|tool_call"
    r"|start_of_turn|end_of_turn|s)>"
    r"|^(?:### ?(?:Assistant|Human|User|Instruction|Response):|(?:Human|User|Assistant): )",
    MULTILINE,
)
_SIGNS: Final = ("<", "INST]", "Assistant:", "Human:", "User:", "Instruction:", "Response:")
"""Each mark holds one of these, and most answers hold none: then the expression above need not look."""
_EDGE: Final = 2_000
"""Leaks stand at the beginning and the end."""


def read(ask: Ask, answer: Answer) -> Reading:
    """1.0 where a mark of a chat template or of hidden reasoning is in the text; the reason is the mark."""
    text = answer.text
    if not text:
        return NotApplicable()
    if len(text) > 2 * _EDGE:
        text = f"{text[:_EDGE]}\n{text[-_EDGE:]}"
    if not any(sign in text for sign in _SIGNS):
        return Measured(0.0)
    found = next((mark.group() for mark in _MARK.finditer(text) if mark.group() not in ask.prompt), None)
    return Measured(0.0) if found is None else Measured(1.0, found[:30])
