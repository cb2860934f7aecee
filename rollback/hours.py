"""When a rollout may widen: hours of the week on somebody's clock, so that nothing widens while nobody is there to see.

Only widening waits: a rollout is judged, rolled back and stepped down at any hour, and an operator's own step needs no
permission. Clocks are those of the named zone, summer time included, by the machine's time-zone database.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """From `begin` to `end` (minutes after midnight) on each of `days` (0 is Monday), on the clock of `zone`.

    Where `end` is not after `begin`, it is the next day's: 22:00 to 06:00 belongs to the day it begins on.
    """

    days: tuple[int, ...]
    begin: int
    end: int
    zone: str = "UTC"

    def holds_at(self, now: float) -> bool:
        """Whether Unix time `now` lies within."""
        local = datetime.fromtimestamp(now, ZoneInfo(self.zone))
        day, minute = local.weekday(), local.hour * 60 + local.minute
        if self.begin < self.end:
            return day in self.days and self.begin <= minute < self.end
        before = (day - 1) % 7
        return (day in self.days and minute >= self.begin) or (before in self.days and minute < self.end)

    def openings(self, now: float) -> Iterator[float]:
        """Every beginning in the eight days after `now`, in order."""
        today = datetime.fromtimestamp(now, ZoneInfo(self.zone)).date()
        for offset in range(9):
            date = today + timedelta(days=offset)
            midnight = datetime(date.year, date.month, date.day, tzinfo=ZoneInfo(self.zone))
            opens = (midnight + timedelta(minutes=self.begin)).timestamp()
            if date.weekday() in self.days and opens > now:
                yield opens

    def __str__(self) -> str:
        """As written: `mon-fri 09:00-17:00 Europe/Berlin`."""
        return f"{_days(self.days)} {_clock(self.begin)}-{_clock(self.end)} {self.zone}"


def waits_until(hours: Sequence[Hours], now: float) -> float | None:
    """When widening is allowed again; None where it is allowed now. Without any hours it always is."""
    if not hours or any(each.holds_at(now) for each in hours):
        return None
    return min(opening for each in hours for opening in each.openings(now))


def sentence(hours: Sequence[Hours], until: float) -> str:
    """What is waited for."""
    allowed = " and ".join(str(each) for each in hours)
    opens = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"all that the stage asks for is there: widens at {opens}, within {allowed}"


def _days(days: tuple[int, ...]) -> str:
    ordered = sorted(days)
    if len(ordered) > 1 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"{DAYS[ordered[0]]}-{DAYS[ordered[-1]]}"
    return ",".join(DAYS[day] for day in ordered)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
