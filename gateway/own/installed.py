"""Which signals of its own an application has installed: the entry points of the group `driftgate.signals`.

The control process and `driftgate check` need names and versions only, so nothing here imports the packages' code; the
shadow process does (`contained`). A signal's version is that of the package that brings it, as a number: when the
package changes, counters of different meaning must not mix.
"""

import re
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final
from zlib import crc32

from shadow.signals.catalogue import VERSIONS

GROUP: Final = "driftgate.signals"
MOST: Final = 16
"""Signals of one's own; each costs time for every answer that is read."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
"""It is part of counters' names, and a key in the configuration."""


def is_usable(name: str) -> bool:
    """Whether a signal may be called so: a plain name that none of driftgate's own signals has."""
    return _NAME.fullmatch(name) is not None and name not in VERSIONS and name != "pairs"


@cache
def installed() -> tuple[EntryPoint, ...]:
    """The usable entry points by name, the first `MOST`. What is installed while a process runs is not seen by it."""
    found = {point.name: point for point in entry_points(group=GROUP) if is_usable(point.name)}
    return tuple(point for _, point in sorted(found.items())[:MOST])


def names() -> tuple[str, ...]:
    """The names of one's own signals."""
    return tuple(point.name for point in installed())


def versions() -> dict[str, int]:
    """A number for each signal that changes with its package's version, or with what the entry point names."""
    return {point.name: _version(point) for point in installed()}


def _version(point: EntryPoint) -> int:
    package = f"{point.dist.name} {point.dist.version}" if point.dist is not None else ""
    return crc32(f"{package} {point.value}".encode())
