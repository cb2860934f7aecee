"""Errors of `rollback`.

RollbackError
├── Conflict           another transition came first: read again, decide again
├── NotPossible        the command does not fit the rollout's phase; the message says what would
│   └── Frozen         the endpoint is frozen, and this would give exposure
├── UnknownEndpoint    no endpoint of that name in the configuration
├── UnknownRollout     no rollout of that id
├── InvalidPlan        a plan that cannot work; the message says why
├── Unreadable         a file of recorded pairs, or an exported decision, that cannot be judged; says where and why
└── JournalFailed      the local journal could not be written
"""


class RollbackError(Exception):
    """Base of everything that `rollback` raises on purpose."""


class Conflict(RollbackError):
    """The stored revision is not the one that the decision was made on."""


class NotPossible(RollbackError):
    """The command does not fit the present phase. The message says which command would."""


class Frozen(NotPossible):
    """The endpoint is frozen: nothing may gain exposure there. The message says by whom and until when."""


class UnknownEndpoint(RollbackError):
    """The configuration has no endpoint of that name."""


class UnknownRollout(RollbackError):
    """There is no rollout of that id."""


class InvalidPlan(RollbackError):
    """The plan contradicts itself or cannot finish."""


class Unreadable(RollbackError):
    """A file that was given to be judged cannot be. The message says where, and why."""


class JournalFailed(RollbackError):
    """The journal could not be written or synced; durability must be reported as pending."""
