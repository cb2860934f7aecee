"""API keys: who is asking, and what they may do. Pure; nothing here reads the environment or a request.

A key is a random token that is shown once. The configuration holds its HMAC-SHA256 under DRIFTGATE_KEY_SECRET, so that
neither a leaked file nor a leaked secret alone opens anything. Keys are found by the first digits of their digest and
the rest is compared in constant time; without the secret nobody can steer a digest, so timing tells nothing of a key.
An entry may hold two, while one takes the other's place, and each may have an end.

Who may do what: the data plane is for `app` and `admin`; viewer, operator and deployer keys sit in dashboards and CI
jobs, which have no business spending tokens. The admin plane is for viewer < operator < deployer < admin, never `app`.
A gateway without keys is open: everybody may do everything, and so it listens on loopback only.

    KeySecretMissing   keys are configured, but no usable secret to check them with
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from gateway.roles import Role

SECRET_VARIABLE: Final = "DRIFTGATE_KEY_SECRET"  # noqa: S105  # the variable's name, not a secret
"""The environment variable that holds the HMAC secret."""
SECRET_LEAST_LENGTH: Final = 16
"""A shorter secret could be guessed offline by whoever holds a configuration file and one key."""
HASH_PREFIX: Final = "hmac-sha256:"
UNTIL: Final = " until "
"""Between a stored hash and the instant at which it ends."""
TOKEN_PREFIX: Final = "dg_"  # noqa: S105  # lets secret scanners recognise a leaked key; the rest is random
TOKEN_BYTES: Final = 32
SHELF_DIGITS: Final = 8
"""Keys are found by this much of their digest, so that thousands of keys cost a request no more than one."""


class KeySecretMissing(Exception):
    """Keys are configured, but DRIFTGATE_KEY_SECRET is not, or is too short. The message says what to do."""


_RANK: Final[Mapping[Role, int]] = {Role.APP: 0, Role.VIEWER: 1, Role.OPERATOR: 2, Role.DEPLOYER: 3, Role.ADMIN: 4}
_ASKING: Final = (Role.APP, Role.ADMIN)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose key was right, or anybody on an open gateway. `endpoints` None: all of them."""

    name: str
    role: Role
    tenant: str | None = None
    endpoints: frozenset[str] | None = None
    pin: bool = False
    ring: str | None = None
    data_class: str | None = None
    attributes: frozenset[str] = field(init=False, compare=False)
    """What plans name callers by: `key:ci`, `tenant:shop`, `ring:beta`."""

    def __post_init__(self) -> None:
        known = (("key", self.name), ("tenant", self.tenant), ("ring", self.ring))
        object.__setattr__(self, "attributes", frozenset(f"{kind}:{name}" for kind, name in known if name))

    def may_ask(self, endpoint: str) -> bool:
        """Whether the data plane serves `endpoint` to this caller."""
        return self.role in _ASKING and (self.endpoints is None or endpoint in self.endpoints)

    def may_reach(self, endpoint: str) -> bool:
        """Whether the key's list of endpoints, if it has one, names `endpoint`."""
        return self.endpoints is None or endpoint in self.endpoints

    def may_act_as(self, role: Role) -> bool:
        """Whether the admin plane lets this caller do what needs `role`; `app` keys do nothing there."""
        return self.role is not Role.APP and _RANK[self.role] >= _RANK[role]


ANYBODY: Final = Caller(name="anybody", role=Role.ADMIN, pin=True)
"""The caller on a gateway without keys."""


class KeyEntry(Protocol):
    """One entry of the configuration's `keys`."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def role(self) -> Role: ...  # noqa: D102
    @property
    def hashes(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def expires_at(self) -> float | None: ...  # noqa: D102
    @property
    def tenant(self) -> str | None: ...  # noqa: D102
    @property
    def endpoints(self) -> tuple[str, ...] | None: ...  # noqa: D102
    @property
    def pin(self) -> bool: ...  # noqa: D102
    @property
    def ring(self) -> str | None: ...  # noqa: D102
    @property
    def data_class(self) -> str | None: ...  # noqa: D102


def digest(secret: str, token: str) -> str:
    """The 64 hex digits that stand for `token`."""
    return hmac.digest(secret.encode(), token.encode(), hashlib.sha256).hex()


def stored_hash(secret: str, token: str) -> str:
    """What the configuration holds for `token`; raises `KeySecretMissing` where `secret` is too short to use."""
    return HASH_PREFIX + digest(_usable(secret), token)


def new_token() -> str:
    """A fresh random key: 256 bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def bearer(authorization: str | None) -> str | None:
    """The token of an `Authorization: Bearer …` header; None where there is none."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


@dataclass(frozen=True, slots=True)
class Kept:
    """One digest that opens the gateway, whose it is, and until when (Unix seconds; None: for good)."""

    digits: str
    caller: Caller
    until: float | None = None


def until_of(stored: str, expires_at: float | None) -> float | None:
    """When a stored hash ends: by itself (`… until 2027-01-31T12:00:00Z`), with its entry, or never."""
    _, _, ends = stored.partition(UNTIL)
    known = [at for at in (datetime.fromisoformat(ends).timestamp() if ends else None, expires_at) if at is not None]
    return min(known, default=None)


class KeyRing:
    """The keys that open this gateway. Made once per process; holds digests, never keys."""

    def __init__(self, kept: Iterable[Kept] | None, secret: str, clock: Callable[[], float]) -> None:
        self._is_open = kept is None
        self._secret = secret.encode()
        self._clock = clock
        self._shelves: dict[str, list[Kept]] = {}
        for each in kept or ():
            self._shelves.setdefault(each.digits[:SHELF_DIGITS], []).append(each)

    @classmethod
    def from_config(
        cls,
        keys: Iterable[KeyEntry],
        secret: str | None,
        clock: Callable[[], float] = time.time,  # noqa: TID251  # a key's end is a date, for people
    ) -> "KeyRing":
        """The ring for `keys`; open where there are none, not where all have ended. Raises `KeySecretMissing`."""
        entries = tuple(keys)
        if not entries:
            return cls(None, "", clock)
        kept = []
        for entry in entries:
            caller = Caller(
                name=entry.name,
                role=entry.role,
                tenant=entry.tenant,
                endpoints=None if entry.endpoints is None else frozenset(entry.endpoints),
                pin=entry.pin,
                ring=entry.ring,
                data_class=entry.data_class,
            )
            kept += [
                Kept(stored.partition(UNTIL)[0].removeprefix(HASH_PREFIX), caller, until_of(stored, entry.expires_at))
                for stored in entry.hashes
                if stored.startswith(HASH_PREFIX)
            ]
        return cls(kept, _usable(secret), clock)

    @property
    def is_open(self) -> bool:
        """Whether there are no keys, so that everybody may do everything."""
        return self._is_open

    def authenticate(self, token: str | None) -> Caller | None:
        """Whose key `token` is; None where it opens nothing. An open ring takes any token, and none."""
        if self._is_open:
            return ANYBODY
        if token is None:
            return None
        return self.named_by(self.sealed(token))

    def digest_of(self, token: str) -> str | None:
        """The digest that stands for `token`, where it is one of this ring's keys; it opens nothing by itself."""
        seen = self.sealed(token)
        return None if self.named_by(seen) is None else seen

    def named_by(self, digits: str) -> Caller | None:
        """Whose key's digest begins with `digits`, which are at least a shelf's."""
        found = None
        for kept in self._shelves.get(digits[:SHELF_DIGITS], ()):
            if hmac.compare_digest(kept.digits[: len(digits)], digits):
                found = kept
        if found is None or (found.until is not None and self._clock() >= found.until):
            return None
        return found.caller

    def sealed(self, text: str) -> str:
        """The digest of `text` under the ring's secret: of a token, or of what this gateway wants to know again."""
        return hmac.digest(self._secret, text.encode("utf-8", "surrogateescape"), hashlib.sha256).hex()


def _usable(secret: str | None) -> str:
    if secret is None or len(secret) < SECRET_LEAST_LENGTH:
        state = "is not set" if not secret else f"is shorter than {SECRET_LEAST_LENGTH} characters"
        raise KeySecretMissing(
            f"keys need {SECRET_VARIABLE}, which {state}: set it to a random text, such as the output of "
            "`openssl rand -hex 32`, the same on every gateway"
        )
    return secret
