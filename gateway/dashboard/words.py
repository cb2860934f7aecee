"""Values as people read them. Pure. A symbol always stands beside a colour, and a word beside the symbol."""

from datetime import UTC, datetime
from typing import Final, Protocol

from rollback.ahead import Ahead
from rollback.rollout import Holding, Phase
from rollback.sentences import amount, title
from rollback.verdict import Side, SignalReport, TestKind, Verdict
from routing.wording import duration, whom

NOTHING: Final = "–"


class Exposing(Protocol):
    """What exposes users: a share of them, and rings."""

    @property
    def weight_bps(self) -> int:
        """The share of keys, in basis points."""

    @property
    def include(self) -> tuple[str, ...]:
        """The rings, whatever their keys."""


_PHASES: Final = {
    Phase.IDLE: ("○", "idle", "quiet"),
    Phase.PENDING: ("◌", "pending", "busy"),
    Phase.SHADOWING: ("◐", "shadowing", "busy"),
    Phase.CANARY: ("◑", "canary", "busy"),
    Phase.BAKING: ("◕", "baking", "busy"),
    Phase.PROMOTED: ("✔", "promoted", "good"),
    Phase.ROLLED_BACK: ("✖", "rolled back", "bad"),
}
_VERDICTS: Final = {
    Verdict.HARM: ("✖", "harm", "bad"),
    Verdict.NO_HARM: ("✔", "no harm", "good"),
    Verdict.NOT_ENOUGH: ("…", "not enough", "quiet"),
    Verdict.UNMEASURED: ("?", "unmeasured", "warn"),
    Verdict.NOT_APPLICABLE: ("–", "n/a", "quiet"),
}
_HOLDING: Final = {
    Holding.NOT_ENOUGH: "gathering evidence",
    Holding.BAKE: "the stage's bake time is not over",
}
"""Holds that need nobody, in words that say so; the others are said as holds."""

CALM: Final = frozenset({Holding.NOT_ENOUGH, Holding.BAKE})
"""Holds that end by themselves in the usual course of a rollout."""


def phase(value: Phase) -> tuple[str, str, str]:
    """Symbol, word and tone."""
    return _PHASES[value]


def verdict(value: Verdict) -> tuple[str, str, str]:
    """Symbol, word and tone."""
    return _VERDICTS[value]


def holding(value: Holding) -> str:
    """Why a rollout does not widen now."""
    return _HOLDING.get(value, f"holds: {value.value.replace('_', ' ')}")


def coming(ahead: Ahead) -> str:
    """What comes next: `10 %`, `ring:beta`, or `promotion`."""
    return whom(ahead.weight_bps, ahead.include) if ahead.weight_bps is not None else "promotion"


def exposed(by: Exposing) -> str:
    """Whom a stage, a rollout or a decision exposes: `10 %`, `ring:beta`, or `10 % and ring:beta`."""
    return whom(by.weight_bps, by.include)


def when(ahead: Ahead) -> str:
    """When that may come at the pace of this stage, and what it waits for longest."""
    if not ahead.waits_for:
        return "nothing is lacking"
    lasting = f"in about {duration(ahead.seconds)}" if ahead.seconds is not None else "not in sight"
    return f"{lasting} (waits for {ahead.waits_for})"


def action(code: str) -> str:
    """What somebody did: `roll_back` as `roll back`."""
    return code.replace("_", " ")


def percent(share: float | None) -> str:
    """`2.1 %`; whole numbers without decimals, the smallest ones not as 0."""
    if share is None:
        return NOTHING
    value = 100.0 * share
    if 0 < abs(value) < 0.05:  # noqa: PLR2004 - it would be rounded to 0.0
        return "< 0.1 %"
    return f"{value:.0f} %" if abs(value - round(value)) < 0.05 else f"{value:.1f} %"  # noqa: PLR2004 - the same


def drift(report: SignalReport, value: float | None) -> str:
    """A value of a test with its unit."""
    return NOTHING if value is None else amount(report, value)


def interval(report: SignalReport, bounds: tuple[float, float] | None) -> str:
    """`[−0.4, +1.0]`, in the unit of the estimate beside it."""
    if bounds is None:
        return ""
    return "[" + ", ".join(amount(report, value).rpartition(" ")[0] for value in bounds) + "]"


def test_name(report: SignalReport) -> str:
    """The signal, and what is special about the test of it."""
    name = title(report)
    if report.test is TestKind.CEILING:
        name += " ceiling"
    return f"{name} ↓" if report.side is Side.LOWER else name


def moment(at: float) -> str:
    """An instant, in UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def machine_moment(at: float) -> str:
    """The same for programs: the script shows it in the reader's own time zone."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def ago(at: float, now: float) -> str:
    """`12 min ago`."""
    return f"{duration(max(0.0, now - at))} ago"


def count(value: int) -> str:
    """`12,345`."""
    return f"{value:,}"
