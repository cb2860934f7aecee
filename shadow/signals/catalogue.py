"""The signals there are, and what their counters mean.

A rollout pins these versions when it starts: counts of a detector that has changed must not be added to the old ones'.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from shadow.answer import Answer, Ask
from shadow.reading import Reading
from shadow.signals import agreement, length, refusal, schema

Read: TypeAlias = Callable[[Ask, Answer], Reading]

EVENTS: Final[Mapping[str, Read]] = MappingProxyType({"refusal": refusal.read, "schema": schema.read})
"""Signals that are good (0.0) or bad (1.0) on each side."""

VERSIONS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "refusal": refusal.VERSION,
        "schema": schema.VERSION,
        "length": length.VERSION,
        "agreement": agreement.VERSION,
        "errors": 1,
        "ttft": 1,
    }
)
"""Every signal's version. `errors` and `ttft` are read from the exchange itself."""
