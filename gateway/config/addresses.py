"""Where things are: listeners, model servers, Redis, webhooks."""

import ipaddress
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, PlainSerializer, PlainValidator, WithJsonSchema

from gateway.config.errors import Unusable
from gateway.config.fields import PLACEHOLDER
from routing.address import SHAPES, parse
from routing.errors import UnsupportedStore

_PORT_LIMIT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener binds. Port 0 asks the system for a free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it. A name other than localhost is taken to be reachable."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        """`host:port`, with brackets around IPv6."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _address(value: object) -> Address:
    if isinstance(value, Address):
        return value
    host, colon, port = str(value).rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdigit() or int(port) > _PORT_LIMIT:
        raise Unusable(f"{value!r} is not an address", "write host:port, such as 127.0.0.1:8080")
    return Address(host, int(port))


AddressField: TypeAlias = Annotated[
    Address,
    PlainValidator(_address),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^.+:\d{1,5}$", "examples": ["127.0.0.1:8080"]}),
]


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Unusable("not an http or https address", "write it with its path, such as http://10.0.0.5:8000/v1")
    if not _has_port(parts) or any(not character.isprintable() or character == " " for character in text):
        raise Unusable(f"{text!r} leads nowhere", "write host and port plainly, such as http://10.0.0.5:8000/v1")
    if parts.username or parts.password:
        raise Unusable("credentials do not belong in base_url", "put the key in api_key, or a header in headers")
    if parts.query or parts.fragment:
        raise Unusable("a base_url has no query and no fragment", "leave everything from ? or # away")
    return text.rstrip("/")


def _has_port(parts: SplitResult) -> bool:
    """Whether the port is one, where one is named."""
    try:
        return parts.port != 0
    except ValueError:
        return False


MOST_BASE_URLS: Final = 64
"""More servers than this belong behind a load balancer: each is looked at with every request."""


def _base_urls(value: object) -> str | tuple[str, ...]:
    if isinstance(value, str):
        return _base_url(value)
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise Unusable("not an address, or a list of addresses", "write it like http://10.0.0.5:8000/v1")
    if not 1 <= len(value) <= MOST_BASE_URLS:
        raise Unusable(f"{len(value)} addresses", f"write from 1 to {MOST_BASE_URLS}")
    urls = tuple(_base_url(each) for each in value)
    if len(set(urls)) < len(urls):
        raise Unusable("the same address twice", "name each server once")
    return urls


BaseUrls: TypeAlias = Annotated[
    str | tuple[str, ...],
    PlainValidator(_base_urls),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MOST_BASE_URLS},
            ]
        }
    ),
]
"""One base URL, or those of several servers with the same model."""


def _health_path(text: str) -> str:
    if not text.startswith("/") or any(not 0x20 < ord(char) < 0x7F for char in text):  # noqa: PLR2004  # visible ASCII
        raise Unusable("not a path on the server", "write it from the root, such as /health")
    return text


HealthPath: TypeAlias = Annotated[str, AfterValidator(_health_path)]
"""What a model server is asked to learn whether it is well: `/health`."""


EMBEDDED: Final = "embedded"


def _redis_url(text: str) -> str:
    if text != EMBEDDED:
        try:
            parse(text)
        except UnsupportedStore as error:
            what, _, fix = str(error).partition("; ")
            raise Unusable(what, fix or f"write embedded, or {SHAPES}") from error
    return text


RedisUrl: TypeAlias = Annotated[str, AfterValidator(_redis_url)]


def _webhook(text: str) -> str:
    parts = urlsplit(text)
    if text != PLACEHOLDER and (parts.scheme not in ("http", "https") or not parts.hostname or not _has_port(parts)):
        raise Unusable("not an http or https address", "write the webhook's full URL")
    return text


WebhookUrl: TypeAlias = Annotated[str, AfterValidator(_webhook)]
