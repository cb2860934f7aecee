"""Windows of time, into which a rollout's requests are sorted for the search for a late onset.

A request belongs to the window in which it was *assigned*: its id is stamped on the exchange then, before anybody knows
what will come of it. Ids depend on the rollout's age alone. Windows last 25 seconds at first, and 1/150 of the age once
that is more, so that their number grows with the logarithm of time: 144 in the first hour, 308 after three hours, 620
after a day, 1,130 after a month. Counters by window stay few (some 35 in each), and after a day a window still lasts no
longer than ten minutes.

Not here: what is made of them (`rollback.onset`).
"""

from math import floor, log
from typing import Final

FIRST_SECONDS: Final = 25.0
"""Length of the first windows."""

PER_AGE: Final = 150
"""A later window lasts 1/150 of the rollout's age. With 1/100 an onset after 30,000 votes took 5 % longer to find, with
1/50 10 to 15 %: there are then more good votes before it in its own window."""

UNKNOWN: Final = -1
"""The window of an exchange whose grant does not say when its rollout began: it belongs to none."""

_EVEN_UNTIL: Final = FIRST_SECONDS * PER_AGE


def window_of(assigned_at: float, started_at: float) -> int:
    """The window of a request. Both are Unix seconds; `started_at` 0 says that the rollout's start is not known."""
    if not started_at:
        return UNKNOWN
    age = max(0.0, assigned_at - started_at)
    return int(age / FIRST_SECONDS) if age < _EVEN_UNTIL else PER_AGE + floor(PER_AGE * log(age / _EVEN_UNTIL))
