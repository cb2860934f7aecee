"""What keys are for.

A module of its own, since `gateway.keys` is compiled: there an enumeration would lose the docstring that the
configuration's schema shows.
"""

from enum import StrEnum


class Role(StrEnum):
    """What a key is for. `app` asks models; the others operate, each including those before it."""

    APP = "app"
    VIEWER = "viewer"
    OPERATOR = "operator"
    DEPLOYER = "deployer"
    ADMIN = "admin"
