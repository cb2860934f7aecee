"""Addresses of Redis: what each form says, and what the refusals tell."""

import pytest

from routing.address import Credentials, Kind, Place, RedisAddress, parse
from routing.errors import UnsupportedStore

READ = [
    ("unix:///run/redis.sock", RedisAddress(path="/run/redis.sock")),
    ("redis://h", RedisAddress(places=(Place("h", 6379),))),
    ("redis://h:1/3", RedisAddress(places=(Place("h", 1),), db=3)),
    ("redis://[::1]:7/0", RedisAddress(places=(Place("::1", 7),))),
    ("redis://[::1]", RedisAddress(places=(Place("::1", 6379),))),
    ("rediss://:p%40ss@h:1", RedisAddress(places=(Place("h", 1),), tls=True, login=Credentials(password="p@ss"))),
    (
        "redis+sentinel://ann:pw@a,b:7/drift/2",
        RedisAddress(
            kind=Kind.SENTINEL,
            places=(Place("a", 26379), Place("b", 7)),
            master="drift",
            db=2,
            login=Credentials(username="ann", password="pw"),
        ),
    ),
    ("rediss+cluster://a:1,b:2", RedisAddress(kind=Kind.CLUSTER, places=(Place("a", 1), Place("b", 2)), tls=True)),
]

REFUSED = [
    ("http://a", "not a Redis address"),
    ("embedded", "not a Redis address"),
    ("redis://", "needs a host"),
    ("redis://a,b", "takes one host"),
    ("redis://a:port", "'port' is not a port"),
    ("redis://a/zero", "number of a database"),
    ("redis://a?ssl_cert_reqs=none", "has no query"),
    ("unix://relative.sock", "absolute path"),
    ("redis+sentinel://a", "ends in the name"),
    ("redis+cluster://a/1", "only database 0"),
]


@pytest.mark.parametrize(("url", "address"), READ, ids=[url for url, _ in READ])
def test_an_address_says_where_and_who(url: str, address: RedisAddress) -> None:
    """Host, port, database, user, password, and the name that the Sentinels watch."""
    assert parse(url) == address


@pytest.mark.parametrize(("url", "said"), REFUSED, ids=[url for url, _ in REFUSED])
def test_what_is_no_address_is_refused_with_what_to_write(url: str, said: str) -> None:
    """The message names the part that is wrong."""
    with pytest.raises(UnsupportedStore, match=said):
        parse(url)


@pytest.mark.parametrize(
    "url", ["redis://u:s3cr3t@h:port", "redis://:s3cr3t@", "http://:s3cr3t@h", "redis://:s3?cr3t@h"]
)
def test_no_message_and_no_repr_holds_a_password(url: str) -> None:
    """Errors reach logs."""
    with pytest.raises(UnsupportedStore) as raised:
        parse(url)
    assert "cr3t" not in str(raised.value)
    assert "cr3t" not in repr(parse("redis://ann:s3cr3t@h"))
