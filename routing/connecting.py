"""From an address to a link: clients with bounded waits and no retries, and the locator for the kind of Redis."""

from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from routing.address import Credentials, Kind, Place, RedisAddress, parse
from routing.cluster import ClusterLocator
from routing.link import Link, OneServer
from routing.sentinel import SentinelLocator

READ_SECONDS: Final = 0.2
"""How long one question may take. Answers take well under a millisecond; a fifth of a second is a server in trouble."""
CONNECTIONS: Final = 32
"""Most connections of one process to one server."""
_NOWHERE: Final = Place("", 0)
"""The place of a unix socket."""


def connect(address: RedisAddress | str, *, timeout_seconds: float = READ_SECONDS) -> Link:
    """A link whose clients wait `timeout_seconds` at most and never retry. It connects on first use.

    Raises `UnsupportedStore` for a URL that names no Redis.
    """
    where = parse(address) if isinstance(address, str) else address

    def of_servers(place: Place) -> "Redis":
        return client(where, place, where.login, timeout_seconds)

    def of_sentinels(place: Place) -> "Redis":
        return client(where, place, where.sentinel_login, timeout_seconds, db=0)

    match where.kind:
        case Kind.SERVER:
            return Link(OneServer(of_servers(where.places[0] if where.places else _NOWHERE)))
        case Kind.SENTINEL:
            return Link(SentinelLocator(where.places, where.master, of_sentinels, of_servers))
        case Kind.CLUSTER:
            return Link(ClusterLocator(where.places, of_servers))


def client(
    where: RedisAddress, place: Place, login: Credentials, timeout_seconds: float, *, db: int | None = None
) -> "Redis":
    """A client of one server. `driver_info` None: what it would say of itself at each connection needs a right."""
    return Redis(
        host=place.host,
        port=place.port,
        unix_socket_path=where.path or None,
        db=where.db if db is None else db,
        username=login.username,
        password=login.password,
        ssl=where.tls,
        ssl_ca_certs=where.ca_file,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        driver_info=None,
        max_connections=CONNECTIONS,
    )
