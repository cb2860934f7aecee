"""Hours of the week as people write them: `mon-fri`, `[mon, wed]`, `09:00-17:00`, `Europe/Berlin`."""

import re
from typing import Annotated, Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from gateway.config.errors import Unusable
from rollback.hours import DAY_MINUTES, DAYS

_SPAN: Final = r"^\d{1,2}:\d{2} ?- ?\d{1,2}:\d{2}$"
_FIX: Final = "write from and to on a clock of 24 hours, such as 09:00-17:00"
EVERY_DAY: Final = tuple(range(len(DAYS)))
ALL_DAY: Final = (0, DAY_MINUTES)


def days(value: object) -> object:
    """`mon-fri`, `sat`, or a list of such, as numbers from 0 for Monday."""
    if isinstance(value, str):
        return _span_of_days(value)
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return tuple(sorted({day for each in value for day in _span_of_days(each)}))
    return value


def _span_of_days(text: str) -> tuple[int, ...]:
    first, dash, last = (part.strip().lower() for part in text.partition("-"))
    if first not in DAYS or (dash and last not in DAYS):
        raise Unusable(f"{text!r} names no days", f"write mon-fri, or a list of {', '.join(DAYS)}")
    begin, end = DAYS.index(first), DAYS.index(last or first)
    return tuple(sorted((begin + step) % 7 for step in range((end - begin) % 7 + 1)))


def clock_span(value: object) -> object:
    """`09:00-17:00` → minutes after midnight, both ends; 24:00 is the end of the day."""
    if not isinstance(value, str):
        return value
    if not re.fullmatch(_SPAN, value):
        raise Unusable(f"{value!r} are no hours", _FIX)
    begin, end = (_minutes(part.strip(), value) for part in value.split("-"))
    if begin in (DAY_MINUTES, end):
        raise Unusable(f"{value!r} is no time at all", _FIX)
    return begin, end


def _minutes(clock: str, written: str) -> int:
    hour, minute = (int(part) for part in clock.split(":"))
    total = hour * 60 + minute
    if minute >= 60 or total > DAY_MINUTES:  # noqa: PLR2004 - minutes of an hour
        raise Unusable(f"{written!r} are no hours", _FIX)
    return total


def zone(name: str) -> str:
    """A time zone that this machine knows."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        fix = "write a name such as Europe/Berlin, or UTC; a small image may lack the tzdata package"
        raise Unusable(f"{name!r} is no time zone that this machine knows", fix) from error
    return name


def several(value: object) -> object:
    """One section, or a list of them."""
    return [value] if isinstance(value, dict) else value


_ONE_SPAN = {"type": "string", "pattern": f"^({'|'.join(DAYS)})( ?- ?({'|'.join(DAYS)}))?$", "examples": ["mon-fri"]}

Days: TypeAlias = Annotated[
    tuple[int, ...],
    BeforeValidator(days),
    WithJsonSchema({"anyOf": [_ONE_SPAN, {"type": "array", "items": _ONE_SPAN, "minItems": 1}]}),
]
"""Days of the week, written `mon-fri` or `[mon, wed]`."""
ClockSpan: TypeAlias = Annotated[
    tuple[int, int],
    BeforeValidator(clock_span),
    WithJsonSchema({"type": "string", "pattern": _SPAN, "examples": ["09:00-17:00"]}),
]
"""Hours of a day, written `09:00-17:00`."""
Zone: TypeAlias = Annotated[
    str, AfterValidator(zone), WithJsonSchema({"type": "string", "examples": ["Europe/Berlin"]})
]
"""A time zone by its name."""
