"""What leads to a rollback, in one word each: for metrics and alerts. The reason says the rest. Pure."""

from enum import StrEnum


class Trigger(StrEnum):
    """All are in /metrics from the start, at 0: the first rollback has to be an increase, or no alert sees it."""

    GUARDRAIL = "guardrail"
    CEILING = "ceiling"
    SLICE = "slice"
    LATE_ONSET = "late_onset"
    BURST = "burst"
    DEADLINE = "deadline"
    OPERATOR = "operator"
    JOURNAL = "journal"
    """Done again, since Redis had lost it."""
