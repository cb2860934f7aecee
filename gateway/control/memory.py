"""How the control process gives memory back.

It judges in threads, on tables of some MiB that live for a fraction of a second. Left to itself, glibc has an arena
for each thread that was ever busy beside others, and stops giving large blocks back once it has seen one freed. So it
keeps what its busiest moments needed, several times over, and looks as if it leaked. Fixed bounds end both. Where the C
library knows no such settings, nothing is done.
"""

import ctypes
from typing import Final

_ARENA_MAX: Final = (-8, 2)
"""One for the loop, one for whoever judges."""
_MMAP_THRESHOLD: Final = (-3, 1024 * 1024)
"""A block above it is the system's again as soon as it is freed; there are a few each second."""
_TRIM_THRESHOLD: Final = (-1, 1024 * 1024)


def give_back() -> None:
    """Set the bounds; before the first thread."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for setting in (_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD):
            mallopt(*setting)
