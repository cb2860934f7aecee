"""Upstreams over TLS: verified against the operator's own authority, and never asked when that fails."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from gateway.upstream.client import Client
from gateway.upstream.errors import ConnectFailed
from gateway.upstream.exchange import Deadlines
from gateway.upstream.outgoing import Outgoing
from gateway.upstream.target import Origin
from tests.gateway.model_server import ModelServer, answers, model_server, whole

pytestmark = pytest.mark.anyio

PATIENT = Deadlines(connect=30.0, first_byte=30.0, between_chunks=30.0, total=60.0)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority of the test's own, as an operator's company has one."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    """Its certificate, as `ca_file` names it."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@asynccontextmanager
async def serving(authority: trustme.CA, name: str) -> AsyncIterator[ModelServer]:
    """A model server whose certificate is for `name`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    async with model_server(answers(whole(b'{"ok": true}')), context) as server:
        yield server


def asking(port: int, ca_file: str) -> Outgoing:
    """A small request to 127.0.0.1 over TLS."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 2\r\n\r\n"
    return Outgoing(Origin(True, "127.0.0.1", port, ca_file), head, b"{}")


async def test_a_server_of_the_operators_authority_is_asked_and_its_connection_kept(
    authority: trustme.CA, ca_file: str
) -> None:
    """Two requests, the same answers, one handshake."""
    client = Client(max_connections=4)
    async with serving(authority, "127.0.0.1") as server:
        replies = [await client.unary(asking(server.port, ca_file), PATIENT, max_bytes=1000) for _ in range(2)]
        client.close()
        await server.emptied()
    assert [(reply.status, reply.body) for reply in replies] == [(200, b'{"ok": true}')] * 2
    assert server.seen == 1


@pytest.mark.parametrize("name", ["127.0.0.2", "models.example"])
async def test_a_certificate_for_another_name_is_refused(authority: trustme.CA, ca_file: str, name: str) -> None:
    """Nothing is sent to a server that is not the one that was named."""
    client = Client(max_connections=4)
    async with serving(authority, name) as server:
        with pytest.raises(ConnectFailed) as failed:
            await client.unary(asking(server.port, ca_file), PATIENT, max_bytes=1000)
        client.close()
    assert failed.value.kind == "tls"
    assert server.asked == []


async def test_an_unknown_authority_is_refused(authority: trustme.CA) -> None:
    """Without `ca_file` the system's authorities decide, and they do not know this one."""
    client = Client(max_connections=4)
    async with serving(authority, "127.0.0.1") as server:
        with pytest.raises(ConnectFailed) as failed:
            await client.unary(asking(server.port, ""), PATIENT, max_bytes=1000)
        client.close()
    assert failed.value.kind == "tls"
    assert server.asked == []
