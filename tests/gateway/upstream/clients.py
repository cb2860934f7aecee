"""Clients for the tests of the upstream client, whichever HTTP they speak."""

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.upstream.client import Client
from gateway.upstream.exchange import Deadlines

QUICK = Deadlines(connect=1.0, first_byte=0.2, between_chunks=0.2, total=5.0)
PATIENT = Deadlines(connect=30.0, first_byte=30.0, between_chunks=30.0, total=60.0)


@contextmanager
def running_client(max_connections: int = 64) -> Iterator[Client]:
    """A client that is closed at the end."""
    client = Client(max_connections=max_connections)
    try:
        yield client
    finally:
        client.close()
