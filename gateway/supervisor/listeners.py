"""The listening sockets: made by the supervisor, kept by it, inherited by the children.

Each data worker has its own socket on the shared port (SO_REUSEPORT), and the supervisor never closes it: while a
worker is started again, its queue waits. But with SO_REUSEPORT a second gateway would bind the same port silently and
take half of the requests; so the first socket is bound without it, which fails if anybody is there, and shares the port
only from then on, with sockets of this very user that ask for it.
"""

import errno
import socket
import time
from typing import Final

from gateway.config.addresses import Address
from gateway.supervisor.errors import AddressInUse

BACKLOG: Final = 2048
"""Connections that may wait for one worker; the system's own limit (net.core.somaxconn) may be lower."""
PATIENCE_SECONDS: Final = 2.0
"""Children of a supervisor that was killed need a moment to end and free the port."""
_RETRY_SECONDS: Final = 0.05


def shared(address: Address, count: int, *, name: str) -> list[socket.socket]:
    """`count` listening sockets on one address; port 0 picks one free port for all. Raises `AddressInUse`."""
    first = _alone(address, name)
    first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    port = int(first.getsockname()[1])
    return [_listening(made, name) for made in (first, *(_beside(address.host, port, name) for _ in range(count - 1)))]


def single(address: Address, *, name: str) -> socket.socket:
    """One listening socket. Raises `AddressInUse`."""
    return _listening(_alone(address, name), name)


def url(listener: socket.socket) -> str:
    """Where a listener is reached, for people."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _alone(address: Address, name: str) -> socket.socket:
    """A socket bound to the address, or to a free port where its port is 0; nobody else is bound there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        made = _socket(address.host)
        try:
            made.bind((address.host, address.port))
        except OSError as error:
            made.close()
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise _taken(address.host, address.port, name, error) from error
        else:
            return made
        time.sleep(_RETRY_SECONDS)


def _beside(host: str, port: int, name: str) -> socket.socket:
    """A socket that shares the port with those that we have."""
    made = _socket(host)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise _taken(host, port, name, error) from error
    return made


def _listening(made: socket.socket, name: str) -> socket.socket:
    try:
        made.listen(BACKLOG)
    except OSError as error:
        host, port = made.getsockname()[:2]
        made.close()
        raise _taken(host, port, name, error) from error
    made.setblocking(False)
    return made


def _socket(host: str) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def _taken(host: str, port: int, name: str, error: OSError) -> AddressInUse:
    cure = "stop what listens there, or " if error.errno == errno.EADDRINUSE else ""
    return AddressInUse(
        f"cannot listen on {host}:{port} for the {name} plane: {error.strerror}; "
        f"{cure}set listen.{name} to another address"
    )
