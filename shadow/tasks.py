"""What kind of task a request is: from its form where that says it, else from a few words of its prompt.

For slices only: a kind of task in which a candidate is worse can be seen, and nothing is decided on it. The words are
English, and the order is from the plainest sign to the vaguest; whatever fits nothing is `chat`.
"""

from enum import StrEnum
from re import IGNORECASE, MULTILINE
from re import compile as _compile
from typing import Final

from shadow.answer import Ask

LOOK: Final = 1_500
"""Characters of the prompt that are looked at."""


class Task(StrEnum):
    """What is asked for."""

    TOOLS = "tools"
    JSON = "json"
    CODE = "code"
    TRANSLATION = "translation"
    SUMMARY = "summary"
    CLASSIFICATION = "classification"
    CHOICE = "choice"
    MATHS = "maths"
    WRITING = "writing"
    QUESTION = "question"
    CHAT = "chat"


_OPTIONS: Final = tuple(_compile(rf"^[ \t]{{0,8}}\(?{letter}[).:]", IGNORECASE | MULTILINE) for letter in "ab")
"""Lines that offer answers to choose from. Two searches: one expression for both could be made to take for ever."""
_SIGNS: Final = (
    (
        Task.TRANSLATION,
        _compile(r"\btranslat(?:e|ion|ing)\b|\binto (?:english|french|german|spanish|chinese)\b", IGNORECASE),
    ),
    (Task.SUMMARY, _compile(r"\b(?:summari[sz]e|summary|tl;?dr|key points)\b", IGNORECASE)),
    (
        Task.CODE,
        _compile(
            r"```|\b(?:python|javascript|typescript|java|sql|bash|regex|html|css|c\+\+|rust|golang)\b"
            r"|\b(?:write|fix|debug|implement|refactor)\b.{0,40}\b(?:function|code|script|program|class|query|bug)\b",
            IGNORECASE,
        ),
    ),
    (Task.CLASSIFICATION, _compile(r"\b(?:classify|categori[sz]e|sentiment|label (?:the|this|each))\b", IGNORECASE)),
    (
        Task.MATHS,
        _compile(r"\d\s*[-+*/×÷^=]\s*\d|\b(?:calculate|solve|how (?:much|many)|equation|probability)\b", IGNORECASE),
    ),
    (Task.WRITING, _compile(r"\b(?:write|draft|compose|rewrite)\b", IGNORECASE)),
    (
        Task.QUESTION,
        _compile(r"\?|？|^\s*(?:what|who|when|where|why|how|which|is|are|do|does|did|can|could)\b", IGNORECASE),
    ),
)


def task_of(ask: Ask) -> Task:
    """The kind of task."""
    if ask.tools:
        return Task.TOOLS
    if ask.wants_json or ask.schema is not None:
        return Task.JSON
    prompt = ask.prompt[:LOOK]
    if all(option.search(prompt) for option in _OPTIONS):
        return Task.CHOICE
    return next((task for task, sign in _SIGNS if sign.search(prompt)), Task.CHAT)
