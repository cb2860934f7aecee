"""Errors of `routing`.

RoutingError
├── MalformedState     a document in Redis that this version cannot read
└── StoreUnavailable   Redis did not answer in time, or refused
"""


class RoutingError(Exception):
    """Base of everything that `routing` raises on purpose."""


class MalformedState(RoutingError):
    """A stored document does not have the shape this version writes; treat as weight 0."""


class StoreUnavailable(RoutingError):
    """Redis did not answer within its deadline; leases run out by themselves."""
