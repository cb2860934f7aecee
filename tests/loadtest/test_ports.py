"""Ports for servers that bind theirs themselves."""

import socket

from loadtest.rig.ports import free_port, is_free


def test_no_port_is_given_twice() -> None:
    """Not even one that nobody has bound yet."""
    given = [free_port() for _ in range(200)]
    assert len(set(given)) == len(given)


def test_a_port_is_free_until_somebody_has_it_on_any_address() -> None:
    """A gateway of a test may listen on another loopback address than the one that asks."""
    port = free_port()
    assert is_free(port)
    with socket.socket() as taken:
        taken.bind(("127.0.0.2", port))
        assert not is_free(port)
