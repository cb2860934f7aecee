"""Where Redis is: one URL of five kinds, read into a value.

    unix:///path/to/redis.sock
    redis://[user:password@]host[:port][/db]                      rediss:// with TLS
    redis+sentinel://[user:password@]host[:port],…/name[/db]      rediss+sentinel:// with TLS
    redis+cluster://[user:password@]host[:port],…                 rediss+cluster:// with TLS

User and password are percent-encoded where they hold `:`, `/`, `@` or `%`. They are those of the Redis servers; what
the Sentinels want stands beside the URL, and so does the file of the authority that signed the servers' certificates.
Nothing is connected to here.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

from routing.errors import UnsupportedStore

REDIS_PORT: Final = 6379
SENTINEL_PORT: Final = 26379
_PORT_LIMIT: Final = 65_535
SHAPES: Final = (
    "unix:///path, redis://host:port/db, redis+sentinel://host:port,host:port/name or redis+cluster://host:port,"
    "host:port; rediss in the place of redis is the same with TLS"
)


class Kind(StrEnum):
    """How the server that has a key is found."""

    SERVER = "server"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Place:
    """A host and its port."""

    host: str
    port: int

    def __str__(self) -> str:
        """`host:port`, with brackets around IPv6."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who we are to a server; both None where it asks nobody."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """One Redis. `places` are its server, its Sentinels, or some nodes of its Cluster; none for a unix socket.

    `master` is the name that the Sentinels know the server by. `ca_file` is None for the system's authorities.
    """

    kind: Kind = Kind.SERVER
    places: tuple[Place, ...] = ()
    path: str = ""
    master: str = ""
    db: int = 0
    login: Credentials = Credentials()
    sentinel_login: Credentials = Credentials()
    tls: bool = False
    ca_file: str | None = None


_SCHEMES: Final = {
    "redis": (Kind.SERVER, False),
    "rediss": (Kind.SERVER, True),
    "redis+sentinel": (Kind.SENTINEL, False),
    "rediss+sentinel": (Kind.SENTINEL, True),
    "redis+cluster": (Kind.CLUSTER, False),
    "rediss+cluster": (Kind.CLUSTER, True),
}


def parse(
    url: str, *, ca_file: str | None = None, sentinel_username: str | None = None, sentinel_password: str | None = None
) -> RedisAddress:
    """What `url` says; raises `UnsupportedStore`. No message repeats the URL, since it may hold a password."""
    scheme, separator, rest = url.partition("://")
    if not separator or (scheme != "unix" and scheme not in _SCHEMES):
        raise UnsupportedStore(f"not a Redis address; write {SHAPES}")
    if "?" in rest or "#" in rest:
        raise UnsupportedStore("a Redis address has no query and no fragment; a ? or # in a password is %3F or %23")
    if scheme == "unix":
        login, _, path = rest.rpartition("@")
        if not path.startswith("/"):
            raise UnsupportedStore("a unix address needs an absolute path, such as unix:///run/redis/redis.sock")
        return RedisAddress(path=path, login=_credentials(login))
    kind, tls = _SCHEMES[scheme]
    authority, _, tail = rest.partition("/")
    login, _, hosts = authority.rpartition("@")
    master, db = _tail(kind, tail)
    return RedisAddress(
        kind=kind,
        places=_places(kind, hosts),
        master=master,
        db=db,
        login=_credentials(login),
        sentinel_login=Credentials(username=sentinel_username, password=sentinel_password),
        tls=tls,
        ca_file=ca_file,
    )


def _credentials(login: str) -> Credentials:
    username, _, password = login.partition(":")
    return Credentials(username=unquote(username) or None, password=unquote(password) or None)


def _places(kind: Kind, hosts: str) -> tuple[Place, ...]:
    default = SENTINEL_PORT if kind is Kind.SENTINEL else REDIS_PORT
    found = tuple(_place(host, default) for host in hosts.split(","))
    if kind is Kind.SERVER and len(found) > 1:
        raise UnsupportedStore(
            "redis:// takes one host; for several write redis+sentinel://host:port,host:port/name or "
            "redis+cluster://host:port,host:port"
        )
    return found


def _place(text: str, default_port: int) -> Place:
    host, colon, port = text.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = text, str(default_port)
    host = host.removeprefix("[").removesuffix("]")
    if not host:
        raise UnsupportedStore(f"a Redis address needs a host; write {SHAPES}")
    if not port.isdigit() or not 0 < int(port) <= _PORT_LIMIT:
        raise UnsupportedStore(f"{port!r} is not a port; write host:port")
    return Place(host, int(port))


def _tail(kind: Kind, tail: str) -> tuple[str, int]:
    """The master's name, and the number of the database."""
    master = ""
    if kind is Kind.SENTINEL:
        master, _, tail = tail.partition("/")
        if not master:
            raise UnsupportedStore("a Sentinel address ends in the name that the Sentinels watch, such as /mymaster")
    if tail and not tail.isdigit():
        raise UnsupportedStore("what follows the last / must be the number of a database")
    if kind is Kind.CLUSTER and int(tail or 0):
        raise UnsupportedStore("a Cluster has only database 0; leave the number away")
    return unquote(master), int(tail or 0)
