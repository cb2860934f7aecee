"""Clients for the tests of the upstream client, whichever HTTP they speak."""

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.upstream.client import Client
from gateway.upstream.exchange import Deadlines

QUICK = Deadlines(connect=1.0, first_byte=0.2, between_chunks=0.2, total=5.0)
PATIENT = Deadlines(connect=5.0, first_byte=5.0, between_chunks=5.0, total=10.0)


@contextmanager
def running_client(max_connections: int = 64) -> Iterator[Client]:
    """A client that is closed at the end."""
    client = Client(max_connections=max_connections)
    try:
        yield client
    finally:
        client.close()
