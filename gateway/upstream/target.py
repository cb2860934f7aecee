"""Where a model is asked, and how its request differs from the application's.

Values made once from the configuration, so that a request costs no lookups in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit


class Http(StrEnum):
    """What a server is spoken to in. `auto`: HTTP/2 where TLS offers it, else HTTP/1.1."""

    ONE = "1.1"
    TWO = "2"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Origin:
    """A server to connect to. `host_header` is what it is called by."""

    tls: bool
    host: str
    port: int
    ca_file: str = ""
    http: Http = Http.ONE

    @property
    def host_header(self) -> str:
        """The Host header: the port is left out where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """One base URL: a server, and the path below which its API is. Compared by identity, which is cheap."""

    origin: Origin
    base_path: str

    def __str__(self) -> str:
        """What operators read: `10.0.0.5:8000/v1`."""
        return self.origin.host_header + self.base_path


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """One model of the configuration, ready to be asked. Compared by identity: there is one per model and process.

    `places` serve the same model: any of them may be asked. `model` is the name that the servers know. `headers` are
    added to each request. `first_byte_seconds` is the longest wait for the first byte, None for the general limit.
    `overrides` are body members that replace the application's; `system_prompt` replaces its instructions, None where
    the model sets none. `max_in_flight` bounds what one place gets at once, from all data workers together.
    `health_path` is asked now and then, empty where nothing is.
    """

    name: str
    places: tuple[Place, ...]
    model: str
    api_key: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    first_byte_seconds: float | None = None
    overrides: Mapping[str, object] = field(default_factory=dict)
    system_prompt: str | None = None
    max_in_flight: int | None = None
    health_path: str = ""

    @property
    def rewrites_body(self) -> bool:
        """Whether more than the model's name changes, so that the body must be written anew."""
        return bool(self.overrides) or self.system_prompt is not None


def parse_base_url(base_url: str, ca_file: str = "", http: Http = Http.ONE) -> Place:
    """Where a model's `base_url` points; raises ValueError saying what is wrong with it."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{base_url!r} is no http:// or https:// URL")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("base_url may hold a scheme, a host, a port and a path, nothing else")
    tls = parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    return Place(Origin(tls, parts.hostname, port, ca_file, http), parts.path.rstrip("/"))
