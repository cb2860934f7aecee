"""Numbers as people read them: every verdict with its estimate, its interval, its limit and n.

Points for differences of rates, percent for lengths (a mean log ratio is shown as the change it stands for) and for
ceilings, × for ratios.
"""

from collections.abc import Sequence
from math import exp

from rollback.plan import Stage
from rollback.verdict import Side, SignalReport, Source, TestKind
from routing.wording import whom
from shadow.cells import EVERY
from shadow.signals.catalogue import LOG_RATIOS


def finding(report: SignalReport, interval: tuple[float, float] | None, relation: str) -> str:
    """One signal's numbers: `refusal +4.1 pp [2.6, 5.7] over the limit of 2.0 pp, n = 812, burn 100 %`."""
    if report.late:
        return _late(report, relation)
    estimate = _signed(report, report.estimate) if report.estimate is not None else "unknown"
    between = f" [{_plain(report, interval[0])}, {_plain(report, interval[1])}]" if interval else ""
    burn = f"{100.0 * report.burn:.0f} %"
    return (
        f"{title(report)} {estimate} {unit(report)}{between} {relation} {limit(report)}, n = {report.n:,}, burn {burn}"
    )


def spread(report: SignalReport, slices: Sequence[SignalReport], relation: str) -> str:
    """Harm in slices of which none can be named: `refusal in some slice over the limit of 2.0 pp, most of it in …`."""
    ranked = sorted(slices, key=lambda row: -row.burn)
    most = several([f"{row.slice} ({amount(row, row.estimate or 0.0)}, n = {row.n:,})" for row in ranked])
    return f"{_test_title(report)} in some slice {relation} {limit(report)}, most of it in {most}; none by itself"


def _late(report: SignalReport, relation: str) -> str:
    """`refusal +9.0 pp over the limit of 2.0 pp in the last 260 pairs: it began late, …`."""
    drift = f"{_signed(report, report.late_estimate)} {unit(report)}" if report.late_estimate is not None else "drifts"
    votes = f"{report.late_n:,} {'pairs' if report.source is Source.PAIRED else 'votes'}"
    whole = f"{_signed(report, report.estimate)} in all, n = {report.n:,}" if report.estimate is not None else ""
    return (
        f"{title(report)} {drift} {relation} {limit(report)} in the last {votes}: it began late ({whole}), burn 100 %"
    )


def relation_of_harm(report: SignalReport) -> str:
    """Where an estimate that is harm stands to its limit."""
    return "over" if report.side is Side.UPPER else "under"


def title(report: SignalReport) -> str:
    """The signal's name, with what is special about the test, and the slice."""
    where = "" if report.slice == EVERY else f" in {report.slice}"
    return _test_title(report) + where


def _test_title(report: SignalReport) -> str:
    match report.test, report.source:
        case TestKind.TAIL, Source.PAIRED:
            return f"{report.signal} tail"
        case TestKind.TAIL, Source.SPLIT:
            return f"{report.signal} beyond stable's {'p95' if report.side is Side.UPPER else 'p5'}"
        case TestKind.RATIO, _:
            return f"{report.signal} ratio"
        case _:
            return report.signal


def limit(report: SignalReport) -> str:
    """The limit with its unit: `the limit of 2.0 pp`, `the ceiling of 10.0 %`."""
    what = "ceiling" if report.test is TestKind.CEILING else "limit"
    return f"the {what} of {_plain(report, report.limit)} {unit(report)}"


def several(parts: Sequence[str], most: int = 3) -> str:
    """A list in words, cut after `most`."""
    shown = list(parts[:most])
    if len(parts) > most:
        shown.append(f"{len(parts) - most} more")
    return "; ".join(shown)


def reach(stage: Stage) -> str:
    """Whom a stage exposes: its weight, and the rings that it includes; of a ring alone `0 %` would say the wrong."""
    return whom(stage.weight_bps, stage.include)


def _is_log_ratio(report: SignalReport) -> bool:
    return report.signal in LOG_RATIOS and report.test is TestKind.POINTS


def amount(report: SignalReport, value: float) -> str:
    """One value of a test, with sign and unit: `+4.1 pp`."""
    return f"{_signed(report, value)} {unit(report)}"


def unit(report: SignalReport) -> str:
    """The unit in which a test's values are shown."""
    if report.test is TestKind.RATIO:
        return "×"
    return "%" if report.test is TestKind.CEILING or _is_log_ratio(report) else "pp"


def _plain(report: SignalReport, value: float) -> str:
    return f"{scaled(report, value):.1f}".replace("-", "−")


def _signed(report: SignalReport, value: float) -> str:
    is_change = report.test in (TestKind.POINTS, TestKind.TAIL)
    return f"{scaled(report, value):{'+' if is_change else ''}.1f}".replace("-", "−")


def scaled(report: SignalReport, value: float) -> float:
    """`value` in the test's unit."""
    if report.test is TestKind.RATIO:
        return value
    return 100.0 * (exp(value) - 1.0) if _is_log_ratio(report) else 100.0 * value
