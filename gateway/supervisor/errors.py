"""Errors of the supervisor; each message says what to do.

SupervisorError
├── StateDirInUse     another gateway, or its Valkey, still holds the state directory
├── AddressInUse      another program listens where this gateway would
├── BadPlace          a directory cannot be made or used
└── ChildFailed       a child ended again and again before it was ever ready
"""


class SupervisorError(Exception):
    """Base of everything that stops `driftgate serve` with a sentence instead of a traceback."""


class StateDirInUse(SupervisorError):
    """The state directory is locked by another process."""


class AddressInUse(SupervisorError):
    """A listener's address is taken."""


class BadPlace(SupervisorError):
    """A directory cannot be made, or its path is too long for a unix socket."""


class ChildFailed(SupervisorError):
    """A child cannot start; what it said stands above the message."""
