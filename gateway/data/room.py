"""What this process can still take: file descriptors, and turns of its loop.

A connection that is accepted into the last quarter of the descriptors is answered 503 and closed: the rest is for
connections to model servers and to Redis, without which those who were let in could not be served. Descriptors are
given out lowest first, so the number of a new one says how many are in use, and no counting is needed.

Where accepting itself fails, the loop closes what it cannot take, and nobody would hear of it; so `watch` looks once a
second, and says when it starts and when it is over. It also says when the process did not get to run at all (frozen, or
starved of CPU): leases go on meanwhile, and one that has ended grants nothing.
"""

import errno
import logging
import os
import resource
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final

import anyio

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
LATE_SECONDS: Final = 1.0
"""A loop that comes back later than this has blocked every request for as long."""
FOR_CLIENTS: Final = 0.75
"""Share of the descriptors that clients may take."""
ENOUGH: Final = 1 << 20
"""More descriptors than any worker uses; some systems allow a thousand times as many."""


def raise_limit() -> None:
    """Use as many descriptors as the system allows: the usual soft limit is for programs that use `select`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # the soft limit stays, and is kept to
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def descriptor_limit() -> int:
    """How many descriptors this process may have now; an operator can change it while it runs."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ENOUGH if soft == resource.RLIM_INFINITY else soft


class Room:
    """How much is left. `limit` gives the present number of descriptors allowed."""

    def __init__(self, limit: Callable[[], int] = descriptor_limit) -> None:
        self._limit = limit
        self._told = 0
        self.shed = 0
        self.stalled_seconds = 0.0
        self.fault = ""

    def takes(self, descriptor: int) -> bool:
        """Whether a client may have the connection that got this descriptor; counted where not."""
        if descriptor < self._limit() * FOR_CLIENTS:
            return True
        self.shed += 1
        return False

    async def watch(self) -> None:
        """Look for ever, and log each change."""
        while True:
            began = monotonic()
            await anyio.sleep(LOOK_SECONDS)
            self.ran(monotonic() - began)
            self.look()

    def ran(self, seconds: float) -> None:
        """The loop took so long for what should take `LOOK_SECONDS`."""
        late = seconds - LOOK_SECONDS
        if late > LATE_SECONDS:
            self.stalled_seconds += late
            logger.error("this process did not run for %.1f s (frozen, or starved of CPU): requests waited", late)

    def look(self) -> None:
        """See how many descriptors are in use, and say so where that changes what is taken."""
        used, limit = _in_use(), self._limit()
        full = used is None or used >= limit * FOR_CLIENTS or self.shed != self._told
        self._told = self.shed
        if full and not self.fault:
            self.fault = f"nearly all of {limit} file descriptors are in use; new connections are refused with 503"
            logger.error("%s: raise the limit (ulimit -n, LimitNOFILE=), or add gateways", self.fault)
        elif self.fault and not full:
            self.fault = ""
            logger.warning("file descriptors are free again: %s of %d in use", used, limit)


def _in_use() -> int | None:
    """The lowest free descriptor, which is about how many are in use; None where none is free."""
    try:
        probe = os.dup(2)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            return None
        raise
    os.close(probe)
    return probe
