"""One thing that was looked at. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How it stands. `warn` works, but hardly as meant; `fail` does not work; `skip` could not be looked at."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was seen, and what to do about it (empty where nothing is)."""

    check: str
    level: Level
    seen: str
    fix: str = ""


def ok(check: str, seen: str) -> Finding:
    """All is well."""
    return Finding(check, Level.OK, seen)


def warn(check: str, seen: str, fix: str) -> Finding:
    """It works, but hardly as meant."""
    return Finding(check, Level.WARN, seen, fix)


def fail(check: str, seen: str, fix: str) -> Finding:
    """It does not work."""
    return Finding(check, Level.FAIL, seen, fix)


def skip(check: str, seen: str) -> Finding:
    """It could not be looked at, because of something that is said elsewhere, or that is not there yet."""
    return Finding(check, Level.SKIP, seen)
