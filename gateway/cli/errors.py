"""Errors of the command line, and its exit codes.

CommandFailed        the command could not do what it was asked; carries one sentence, the next step, the exit code
├── Unreachable      no answer came from a gateway's admin listener
│   └── NotConnected nobody listens there, so nothing can have happened
└── Refused          the gateway answered, and said no
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command says to a shell. Typer itself ends with 2 where the command line makes no sense."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_DURABLE = 4
    INTERRUPTED = 130


class WaitCode(IntEnum):
    """How `status --wait` ends."""

    PROMOTED = 0
    ROLLED_BACK = 1
    TIMED_OUT = 2
    COULD_NOT_TELL = 3


class ReplayCode(IntEnum):
    """How `replay` ends: for recorded pairs, and for an exported decision (0 the same, 1 different)."""

    HARMLESS = 0
    HARM = 1
    DIFFERENT = 1
    NOT_ENOUGH = 2
    UNREADABLE = 3


class CommandFailed(Exception):
    """Something did not work; `message` says what, `fix` what to do next."""

    def __init__(self, message: str, fix: str = "", code: int = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.code = int(code)


class Unreachable(CommandFailed):
    """No answer from a gateway."""


class NotConnected(Unreachable):
    """Nobody was reached at all."""


class Refused(CommandFailed):
    """A gateway's no. `status` is the HTTP status of its answer."""

    def __init__(self, message: str, fix: str, status: int) -> None:
        super().__init__(message, fix)
        self.status = status
