"""Opening transports to one origin, TLS included, and naming what goes wrong with it."""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar, cast

from gateway.upstream.errors import ConnectFailed, Saturated, UpstreamFailure
from gateway.upstream.target import Origin


class Speaks(Protocol):
    """What a transport calls: an asyncio protocol in all but its ancestry, which what is compiled cannot have."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there."""

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""


AnyProtocol = TypeVar("AnyProtocol", bound=Speaks)


class Connector:
    """Connects to an origin; `alpn` are the protocols that it offers over TLS, the best first."""

    def __init__(self, loop: asyncio.AbstractEventLoop, origin: Origin, alpn: Sequence[str]) -> None:
        self._loop = loop
        self._origin = origin
        self._alpn = list(alpn)
        self._tls: ssl.SSLContext | None = None

    async def connect(self, make: Callable[[], AnyProtocol], give_up_at: float) -> tuple[AnyProtocol, str | None]:
        """A connected protocol, and what the server chose over TLS; raises `ConnectFailed` or `Saturated`.

        In a task of its own, which the deadline needs: who waits for it may be none.
        """
        connecting = self._loop.create_task(self._connected(make, give_up_at))
        try:
            transport, protocol = await connecting
        except asyncio.CancelledError:
            if connecting.done() and not connecting.cancelled() and connecting.exception() is None:
                connecting.result()[0].abort()  # it was there just when nobody wanted it any more
            raise
        tls = transport.get_extra_info("ssl_object")
        return protocol, tls.selected_alpn_protocol() if tls is not None else None

    async def _connected(
        self, make: Callable[[], AnyProtocol], give_up_at: float
    ) -> tuple[asyncio.Transport, AnyProtocol]:
        try:
            async with asyncio.timeout_at(give_up_at):
                transport, protocol = await self._loop.create_connection(
                    cast(Callable[[], asyncio.Protocol], make),
                    self._origin.host,
                    self._origin.port,
                    ssl=self._tls_context(),
                )
                return transport, cast(AnyProtocol, protocol)
        except (OSError, TimeoutError) as error:
            raise self._named(error) from error

    def _tls_context(self) -> ssl.SSLContext | None:
        if not self._origin.tls:
            return None
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=self._origin.ca_file or None)
            self._tls.set_alpn_protocols(self._alpn)
        return self._tls

    def _named(self, error: OSError) -> UpstreamFailure:
        where = self._origin.host_header
        if not isinstance(error, TimeoutError) and _no_descriptor_is_free():
            return Saturated("saturated", f"no file descriptor is free to connect to {where}")
        match error:
            case TimeoutError():
                return ConnectFailed("connect_timeout", f"{where} did not accept a connection in time")
            case ConnectionRefusedError():
                return ConnectFailed("refused", f"{where} refused the connection")
            case ssl.SSLError():
                return ConnectFailed("tls", f"TLS with {where} failed: {error.reason or 'handshake'}")
            case socket.gaierror():
                return ConnectFailed("dns", f"{self._origin.host} has no address")
            case ConnectionResetError():
                return ConnectFailed("reset", f"{where} reset the connection")
            case _:
                return ConnectFailed("unreachable", f"{where} cannot be reached: {error.strerror or 'no route'}")


def _no_descriptor_is_free() -> bool:
    """Whether the fault is our own. Asked of the system, since a resolver or TLS words it in many ways."""
    try:
        os.close(os.dup(2))
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)
    return False
