"""The listening sockets: made by the supervisor, kept by it, inherited by the children.

Each data worker has its own socket on the shared port (SO_REUSEPORT), and the supervisor never closes it: while a
worker is started again, its queue waits. But with SO_REUSEPORT a second gateway would bind the same port silently and
take half of the requests; so before that the address is bound once without it, which fails if anybody listens there.
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
    port = _probe(address, name)
    return [_listen(address.host, port, name, share=True) for _ in range(count)]


def single(address: Address, *, name: str) -> socket.socket:
    """One listening socket. Raises `AddressInUse`."""
    return _listen(address.host, _probe(address, name), name, share=False)


def url(listener: socket.socket) -> str:
    """Where a listener is reached, for people."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _probe(address: Address, name: str) -> int:
    """The port to use: as configured if nobody listens there, else a free one where it is 0."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with _socket(address.host) as probe:
            try:
                probe.bind((address.host, address.port))
                return int(probe.getsockname()[1])
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                    raise _taken(address.host, address.port, name, error) from error
        time.sleep(_RETRY_SECONDS)


def _listen(host: str, port: int, name: str, *, share: bool) -> socket.socket:
    made = _socket(host)
    try:
        if share:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((host, port))
        made.listen(BACKLOG)
    except OSError as error:
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
