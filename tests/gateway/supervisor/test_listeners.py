"""Listening sockets: shared by our own workers, never with another gateway."""

import socket

import pytest

from gateway.config.addresses import Address
from gateway.supervisor import listeners
from gateway.supervisor.errors import AddressInUse


def test_workers_share_one_free_port() -> None:
    """Port 0 is chosen once, for all of them."""
    made = listeners.shared(Address("127.0.0.1", 0), 3, name="data")
    try:
        ports = {listener.getsockname()[1] for listener in made}
        assert len(made) == 3
        assert len(ports) == 1
        assert listeners.url(made[0]) == f"http://127.0.0.1:{ports.pop()}"
    finally:
        for listener in made:
            listener.close()


def test_a_port_that_another_gateway_shares_is_refused() -> None:
    """SO_REUSEPORT would let a second gateway in silently; the probe does not."""
    made = listeners.shared(Address("127.0.0.1", 0), 2, name="data")
    port = made[0].getsockname()[1]
    try:
        with pytest.raises(AddressInUse, match=rf"127\.0\.0\.1:{port} for the data plane.*listen\.data"):
            listeners.shared(Address("127.0.0.1", port), 2, name="data")
    finally:
        for listener in made:
            listener.close()


def test_connections_are_spread_over_all_sockets_of_a_port() -> None:
    """The first, which was bound alone, takes its part of them."""
    made = listeners.shared(Address("127.0.0.1", 0), 2, name="data")
    where = made[0].getsockname()
    clients = [socket.create_connection(where) for _ in range(64)]
    try:
        for listener in made:
            taken, _ = listener.accept()
            taken.close()
    finally:
        for each in (*clients, *made):
            each.close()


def test_a_port_that_anything_listens_on_is_refused() -> None:
    """Nor is a single listener made beside another program's."""
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(AddressInUse, match=r"listen\.admin"):
        listeners.single(Address("127.0.0.1", other.getsockname()[1]), name="admin")


def test_an_address_that_is_not_this_machines_is_explained() -> None:
    """The system's own words, and the option to change."""
    with pytest.raises(AddressInUse, match=r"192\.0\.2\.1:8080 [^;]*; set listen\.data to another"):
        listeners.shared(Address("192.0.2.1", 8080), 1, name="data")
