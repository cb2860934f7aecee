"""Calls an application's own signal, and survives what it does.

A signal is a function of what was asked and answered that says True (the event happened), False, or None (it does not
apply). It runs in the shadow process, so a user's request never waits for it. Within that process:

- what it raises, `SystemExit` too, and an answer of another kind, counts as a reading that could not be made;
- it gets the request's schema and tools as copies, so that what it writes into them reaches no other signal;
- past `DEADLINE_SECONDS` it is interrupted by a timer signal; where that cannot be (code outside Python, another
  thread than the main one) its time is still measured;
- `STRIKES` slow calls in a row switch it off for `OFF_SECONDS`, so that it cannot take the others' time.

Every failure is counted by signal and reason (`driftgate_own_signal_failures_total`), and shows as unmeasured in the
rollout's table. Code that holds the interpreter without ever coming back is beyond this; the data path lives in other
processes and does not notice.
"""

import logging
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from time import perf_counter
from types import FrameType
from typing import Final, TypeAlias

from gateway.own.installed import installed
from shadow.answer import Answer, Ask
from shadow.reading import Measured, NotApplicable, Reading, Unmeasured

logger = logging.getLogger(__name__)

OwnSignal: TypeAlias = Callable[[Ask, Answer], object]
"""Returns True, False or None; other code than ours may return anything."""

DEADLINE_SECONDS: Final = 0.010
"""A hundred times what driftgate's own signals take."""
IMPORT_SECONDS: Final = 10.0
STRIKES: Final = 5
OFF_SECONDS: Final = 60.0


class _TooSlow(BaseException):
    """Raised within a signal that overran; no `except Exception` of its own may swallow it."""


class Contained:
    """One signal of the application's own, as a signal that never raises. `clock` gives seconds, monotonic."""

    __slots__ = ("_clock", "_off_until", "_read", "_strikes", "failures", "name")

    def __init__(self, name: str, read: OwnSignal | None, *, clock: Callable[[], float] = perf_counter) -> None:
        self.name = name
        self.failures: Counter[str] = Counter()
        self._read = read
        self._clock = clock
        self._strikes = 0
        self._off_until = 0.0

    def __call__(self, ask: Ask, answer: Answer) -> Reading:
        """The signal's reading; unmeasured with reason `own_…` for whatever goes wrong."""
        if self._read is None:
            return self._failed("own_import")
        began = self._clock()
        if began < self._off_until:
            return self._failed("own_off")
        reading = self._guarded(self._read, ask, answer)
        if self._clock() - began >= DEADLINE_SECONDS:
            return self._slow(self._clock())
        self._strikes = 0
        return reading

    def _guarded(self, read: OwnSignal, ask: Ask, answer: Answer) -> Reading:
        try:
            with _deadline(DEADLINE_SECONDS):
                said = read(_copied(ask), answer)
        except _TooSlow:
            return Unmeasured("own_slow")
        except BaseException:  # whatever it is, even an exit, it is the application's; logging it is the containment
            if not self.failures["own_crash"]:
                logger.exception("the signal %r failed; further failures are only counted", self.name)
            return self._failed("own_crash")
        if said is None:
            return NotApplicable()
        return Measured(float(said)) if isinstance(said, bool) else self._failed("own_invalid")

    def _slow(self, now: float) -> Reading:
        self._strikes += 1
        if self._strikes >= STRIKES:
            self._strikes = 0
            self._off_until = now + OFF_SECONDS
            logger.warning("the signal %r is too slow, and is off for %d s", self.name, OFF_SECONDS)
        return self._failed("own_slow")

    def _failed(self, reason: str) -> Unmeasured:
        self.failures[reason] += 1
        return Unmeasured(reason)


def _copied(ask: Ask) -> Ask:
    """The request with a schema and tools of its own, where it has any."""
    if ask.schema is None and not ask.tools:
        return ask
    return replace(ask, schema=deepcopy(ask.schema), tools=deepcopy(ask.tools))


def load() -> Mapping[str, Contained]:
    """The installed signals, imported. One that cannot be imported is there all the same, and always unmeasured."""
    found: dict[str, Contained] = {}
    for point in installed():
        try:
            with _deadline(IMPORT_SECONDS):
                read = point.load()
            found[point.name] = Contained(point.name, read if callable(read) else None)
        except BaseException:  # likewise
            logger.exception("the signal %r cannot be imported from %s", point.name, point.value)
            found[point.name] = Contained(point.name, None)
    return found


def failures(signals: Iterable[Contained]) -> Iterator[tuple[str, str, int]]:
    """(signal, reason, count) of everything that went wrong."""
    for each in signals:
        for reason, count in sorted(each.failures.items()):
            yield each.name, reason, count


class _Alarm:
    """What the timer signal calls: raises while armed, and does nothing before and after."""

    __slots__ = ("armed",)

    def __init__(self) -> None:
        self.armed = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.armed:
            raise _TooSlow


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raises `_TooSlow` in the code within, again and again, once the time is over. Main thread only, else nothing.

    The alarm may strike at any instruction, the clearing up here too; so it is disarmed twice, and only then put away.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    alarm = _Alarm()
    before = signal.signal(signal.SIGALRM, alarm)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
            alarm.armed = True
            yield
        finally:
            alarm.armed = False
    finally:
        alarm.armed = False
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
