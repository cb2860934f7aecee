"""Which driftgate this is: its version, which the package metadata reads from here, and how its data path was built."""

from functools import cache
from importlib.util import find_spec
from typing import Final

__version__ = "0.1.0"

_OF_A_REQUEST: Final = "gateway.data.app"
"""A compiled wheel has this module as machine code, with the others that pyproject.toml lists (docs/adr/0015)."""


@cache
def data_path() -> str:
    """`compiled` or `interpreted`: what a data worker that starts now runs. Imports nothing of it."""
    spec = find_spec(_OF_A_REQUEST)
    assert spec is not None
    assert spec.origin is not None
    return "interpreted" if spec.origin.endswith(".py") else "compiled"
