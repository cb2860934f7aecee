"""What a rollout looked like over time: a bounded series of samples, finer while it is young. Pure.

A rollout may take a minute or a week, and its charts should show all of it. So a trend begins with a sample a second;
when it is full, every second sample goes and the step doubles. The newest sample always stays, and is replaced while
the step has not passed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from rollback.again import Row
from rollback.ahead import Ahead
from rollback.plan import BudgetClass
from rollback.verdict import SignalReport
from shadow.cells import EVERY

MOST: Final = 300
"""Samples kept: more than a phone has columns of pixels to draw, and about 2 MB for twenty tests."""
FIRST_STEP_SECONDS: Final = 1.0
WARM: Final = 0.5
"""A signal that only warns is drawn once half of the proof of harm is there."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One test at one moment: the drift as estimated, its confidence bounds, and how far the proof of harm was."""

    estimate: float | None
    low: float | None
    high: float | None
    burn: float
    n: int


Readings: TypeAlias = Mapping[Row, Reading]


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment of a rollout, in Redis server time. `actual` is None where nobody measured it."""

    at: float
    target: float
    actual: float | None
    readings: Readings


def row_of(report: SignalReport) -> Row:
    """What names a test among all tests of a rollout."""
    return (report.signal, report.slice, report.source.value, report.test.value, report.side.value)


def followed(reports: Iterable[SignalReport]) -> tuple[SignalReport, ...]:
    """The rows worth drawing: over all requests, and able to decide something, or more than half proven harmful."""
    return tuple(
        row
        for row in reports
        if row.slice == EVERY and (row.budget_class is not BudgetClass.OBSERVE or row.burn >= WARM)
    )


def readings(reports: Iterable[SignalReport], bounds: Mapping[Row, tuple[float, float]]) -> Readings:
    """The rows as readings, each with its interval where one is known."""
    found = {}
    for each in reports:
        low, high = bounds.get(row_of(each), (None, None))
        found[row_of(each)] = Reading(each.estimate, low, high, each.burn, each.n)
    return found


@dataclass(slots=True)
class Trend:
    """The samples of one rollout, oldest first. `tests` holds the newest row of each test; `ahead`: what comes next."""

    rollout: str
    most: int = MOST
    step_seconds: float = FIRST_STEP_SECONDS
    samples: list[Sample] = field(default_factory=list)
    tests: dict[Row, SignalReport] = field(default_factory=dict)
    ahead: Ahead | None = None
    is_over: bool = False

    def add(self, sample: Sample, reports: Iterable[SignalReport] = ()) -> None:
        """The newest sample, with the rows that it was read from; one that is not newer than the last is left out."""
        self.tests.update({row_of(report): report for report in reports})
        if self.samples and sample.at <= self.samples[-1].at:
            return
        if self._is_too_soon(sample):
            self.samples[-1] = sample
            return
        self.samples.append(sample)
        if len(self.samples) > self.most:
            self._thin()

    def _is_too_soon(self, sample: Sample) -> bool:
        """Whether the last sample may go: less than a step lies between its neighbours, and nothing was widened."""
        if len(self.samples) < 2:  # noqa: PLR2004 - the last, and the one before it
            return False
        before, last = self.samples[-2:]
        return sample.at - before.at < self.step_seconds and before.target == last.target == sample.target

    def _thin(self) -> None:
        self.step_seconds *= 2
        last = self.samples[-1]
        kept = self.samples[::2]
        self.samples = kept if kept[-1] is last else [*kept, last]

    @property
    def latest(self) -> Readings:
        """The newest readings; empty where there are none."""
        return self.samples[-1].readings if self.samples else {}
