"""Errors of `shadow`.

ShadowError
├── MalformedFrame    a handed-over frame that is not an exchange
├── MirrorFailed      the mirrored request brought no answer; carries the kind
├── MirrorShed        the mirrored request was stopped by our own bounds; evidence of nothing
├── FlushFailed       counters could not be written; the batch is kept and tried again
└── UnknownPair       no such pair waits for a label
"""


class ShadowError(Exception):
    """Base of everything that `shadow` raises on purpose."""


class MalformedFrame(ShadowError):
    """A frame on the hand-over socket could not be decoded; the connection is dropped."""


class MirrorFailed(ShadowError):
    """The mirrored request brought no answer. `kind` is a short code, such as `refused` or `timeout`."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"the mirrored request failed: {kind}")
        self.kind = kind


class MirrorShed(ShadowError):
    """The mirrored request was not asked, or given up, by our own bounds. `reason` is a short code for counters."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the mirrored request was shed: {reason}")
        self.reason = reason


class FlushFailed(ShadowError):
    """Redis did not take a batch of counters."""


class UnknownPair(ShadowError):
    """No such pair waits for a label (any more)."""
