"""One reading of one signal: a value with a reason, or one of two ways of having none.

`Unmeasured` and `NotApplicable` are types of their own, because they lead to different decisions: what could not be
measured holds a rollout, what does not apply is left out of it.
"""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Measured:
    """A value in the signal's own unit (1.0 or 0.0 for events), and why, in a few words for `explain`."""

    value: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """The signal applies, but could not be read. `reason` is a short code for counters."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The signal has no meaning for this request (no structure was asked for, say)."""


Reading: TypeAlias = Measured | Unmeasured | NotApplicable
