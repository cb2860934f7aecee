"""Ports for servers that bind theirs themselves, a moment after they were told which.

Not from the range that binding port 0 picks from: the system also gives that one to outgoing connections, and among the
thousands of a test under load one takes the port before the server binds it. Each process counts up from a place of its
own in a range below, so that it never gives a port twice, and test runs beside each other do not meet.
"""

import secrets
import socket
from collections.abc import Iterator
from functools import cache
from itertools import count
from typing import Final

GATEWAYS: Final = range(10_000, 20_000)
CLUSTERS: Final = range(20_000, 22_000)
"""Linux gives 32,768 and more to outgoing connections; the bus of a Redis Cluster's node is 10,000 above its port."""
BUS: Final = 10_000


def free_port() -> int:
    """A port that nobody has now, on any address of this machine."""
    return next(filter(is_free, _turns(GATEWAYS)))


def free_port_with_bus() -> int:
    """A port that nobody has now, nor the one that a node of a Redis Cluster there would have for its bus."""
    return next(port for port in _turns(CLUSTERS) if is_free(port) and is_free(port + BUS))


def is_free(port: int) -> bool:
    """Whether a server could bind it now."""
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


@cache
def _turns(ports: range) -> Iterator[int]:
    """The ports in turn, over and over, from a place that is this process's own."""
    return (ports[turn % len(ports)] for turn in count(secrets.randbelow(len(ports))))
