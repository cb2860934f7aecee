"""Numbers with units, as people write them.

`20%` and `2pp` are kept apart because they mean different things: a share (or a relative change) and a difference of
two shares in points. A number without its unit is refused by `fields`, not guessed. Decimal arithmetic throughout, so
that `7%` is 0.07 and not its neighbour.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from gateway.config.errors import Unusable

_NUMBER: Final = r"[+-]?\d+(?:\.\d+)?"
PERCENT: Final = rf"^{_NUMBER} ?%$"
POINTS: Final = rf"^{_NUMBER} ?pp$"
RATIO: Final = r"^\d+(?:\.\d+)? ?x?$"
DURATION: Final = r"^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$"
COUNT: Final = r"^\d+(?:\.\d+)?[kM]?$"
SIZE: Final = r"^\d+(?:\.\d+)? ?(?:B|KB|MB|KiB|MiB)$"

_SECONDS: Final = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
_COUNTS: Final = {"": 1, "k": 1_000, "M": 1_000_000}
_BYTES: Final = {"B": 1, "KB": 1_000, "MB": 1_000_000, "KiB": 1 << 10, "MiB": 1 << 20}


@dataclass(frozen=True, slots=True)
class Span:
    """A wanted change, from `low` to `high`, as fractions: relative (`-30%`) or a difference in points (`+1pp`)."""

    low: float
    high: float
    relative: bool


def percent(text: str) -> float:
    """`20%` → 0.2."""
    if not re.fullmatch(PERCENT, text):
        raise Unusable(f"{text!r} is not a percentage", "write a number and %, such as 20%")
    return float(Decimal(text.rstrip("%").strip()) / 100)


def points(text: str) -> float:
    """`2pp` → 0.02: a difference of two shares."""
    if not re.fullmatch(POINTS, text):
        raise Unusable(f"{text!r} is not in points", "write a number and pp, such as 2pp")
    return float(Decimal(text.removesuffix("pp").strip()) / 100)


def ratio(text: str) -> float:
    """`3x` or `3` → 3.0."""
    if not re.fullmatch(RATIO, text):
        raise Unusable(f"{text!r} is not a multiple", "write a number and x, such as 3x")
    return float(Decimal(text.removesuffix("x").strip()))


def duration(text: str) -> float:
    """`5m`, `1h30m`, `250ms` → seconds."""
    if not re.fullmatch(DURATION, text):
        raise Unusable(f"{text!r} is not a duration", "write a number and ms, s, m, h or d, such as 5m")
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text)
    return float(sum((Decimal(number) * _SECONDS[unit] for number, unit in parts), Decimal(0)))


def count(text: str) -> int:
    """`200k` → 200000."""
    if not re.fullmatch(COUNT, text):
        raise Unusable(f"{text!r} is not a number", "write a whole number, with k or M for thousands or millions: 200k")
    number, unit = (text[:-1], text[-1]) if text[-1] in "kM" else (text, "")
    return _whole(Decimal(number) * _COUNTS[unit], text)


def size(text: str) -> int:
    """`10MiB` → bytes."""
    if not re.fullmatch(SIZE, text):
        raise Unusable(f"{text!r} is not a size", "write a number and B, KB, MB, KiB or MiB, such as 10MiB")
    unit = text.lstrip("0123456789.").strip()
    return _whole(Decimal(text.removesuffix(unit).strip()) * _BYTES[unit], text)


def weight(text: str) -> int:
    """`10%` → 1000 basis points."""
    bps = Decimal(str(percent(text))) * 10_000
    if bps != bps.to_integral_value():
        raise Unusable(f"{text!r} is finer than a basis point", "write at most two decimals, such as 0.25%")
    if bps > 10_000:  # noqa: PLR2004 - a hundred percent
        raise Unusable(f"{text!r} is more than everything", "write a share from 0% to 100%")
    return int(bps)


def span(low: str, high: str) -> Span:
    """`+1pp`, `+6pp` → the wanted change between them."""
    low, high = low.strip(), high.strip()
    if low.endswith("%") != high.endswith("%"):
        raise Unusable(f"{low}..{high} mixes units", "write both ends in pp, or both in %")
    relative = low.endswith("%")
    ends = (percent(low), percent(high)) if relative else (points(low), points(high))
    if ends[0] > ends[1]:
        raise Unusable(f"{low}..{high} begins above its end", "write the lower change first")
    return Span(*ends, relative=relative)


def span_text(text: str) -> Span:
    """`+1pp..+6pp` or `-30%..-10%` as one text."""
    low, dots, high = text.partition("..")
    if not dots:
        raise Unusable(f"{text!r} is not a range", "write two changes with .. between them, such as +1pp..+6pp")
    return span(low, high)


def expectation(text: str) -> tuple[str, Span]:
    """`refusal=+1pp..+6pp` → the signal and its wanted change, as in `driftgate start --expect`."""
    signal, equals, wanted = text.partition("=")
    if not equals or not signal:
        raise Unusable(f"{text!r} is not an expectation", "write SIGNAL=LOW..HIGH, such as refusal=+1pp..+6pp")
    return signal.strip(), span_text(wanted)


def _whole(value: Decimal, text: str) -> int:
    if value != value.to_integral_value():
        raise Unusable(f"{text!r} is not a whole number", "leave the fraction out")
    return int(value)
