"""Errors of the supervisor; each message says what to do.

SupervisorError
├── StateDirInUse     another gateway, or its Valkey, still holds the state directory
├── AddressInUse      this gateway cannot listen where it is told to, mostly since another does
├── BadPlace          a directory cannot be made or used
├── ConfigRefused     a configuration read while serving cannot be applied; the present one goes on
├── NotHere           this machine lacks what the configuration asks for
└── ChildFailed       a child ended again and again before it was ever ready
"""

from collections.abc import Sequence


class SupervisorError(Exception):
    """Base of everything that stops `driftgate serve` with a sentence instead of a traceback."""


class StateDirInUse(SupervisorError):
    """The state directory is locked by another process."""


class AddressInUse(SupervisorError):
    """A listener's address is taken, or not this machine's, or not for this user."""


class BadPlace(SupervisorError):
    """A directory cannot be made, or its path is too long for a unix socket."""


class ConfigRefused(SupervisorError):
    """A configuration that cannot be applied while serving, with every reason."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


class NotHere(SupervisorError):
    """There is no embedded server for this machine."""


class ChildFailed(SupervisorError):
    """A child cannot start; what it said stands above the message."""
