"""Errors of `routing`.

RoutingError
├── MalformedRequest   a request that names no model, or names it in a way that cannot be routed; the client's fault
├── MalformedState     a document in Redis that this version cannot read
│   └── NewerState     one that a newer driftgate wrote: a gateway of that version can
├── StoreUnavailable   Redis did not answer in time, or refused
└── UnsupportedStore   an address that names no Redis, or none that can be used
"""


class RoutingError(Exception):
    """Base of everything that `routing` raises on purpose."""


class MalformedRequest(RoutingError):
    """A body that cannot be routed. The message is meant for the client; `param` and `code` are those of the API."""

    def __init__(self, message: str, param: str | None, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code


class MalformedState(RoutingError):
    """A stored document does not have the shape this version writes; treat as weight 0."""


class NewerState(MalformedState):
    """A newer driftgate wrote it in a version that this one does not know. The message says which, and what to do."""


class StoreUnavailable(RoutingError):
    """Redis did not answer within its deadline; leases run out by themselves."""


class UnsupportedStore(RoutingError):
    """The address names a kind of Redis that cannot be used, or cannot be read."""
