"""Errors of `shadow`.

ShadowError
├── MalformedFrame    a handed-over frame that is not an exchange
├── MirrorFailed      the mirrored request brought no answer; carries the kind
└── FlushFailed       counters could not be written; the batch is kept and tried again
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


class FlushFailed(ShadowError):
    """Redis did not take a batch of counters."""
