"""The running gateway, asked at its admin listener: does it answer, is it this version, does it take the key."""

from collections.abc import Iterator
from typing import Final

import httpx
import msgspec

from gateway.doctor.finding import Finding, fail, ok, skip, warn
from gateway.version import __version__

ASK_SECONDS: Final = 3.0
_NO_KEY: Final = (401, 403)


class Health(msgspec.Struct):
    """What `/healthz` says."""

    version: str = ""


class Readiness(msgspec.Struct):
    """What `/readyz` says."""

    status: str = ""
    why: str = ""


def admin(server: str, key: str | None, *, expected: bool) -> Iterator[Finding]:
    """How the admin listener at `server` answers. `expected`: a gateway should be running there."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=server, headers=headers, timeout=ASK_SECONDS, trust_env=False) as http:
        try:
            health = msgspec.json.decode(http.get("/healthz").content, type=Health)
            ready = msgspec.json.decode(http.get("/readyz").content, type=Readiness)
            status = http.get("/admin/v1/endpoints").status_code
        except httpx.HTTPError as error:
            yield _silent(server, error, expected=expected)
            return
        except msgspec.MsgspecError:
            yield fail("admin", f"{server} is no driftgate", "name the admin listener with --server")
            return
    yield _version(server, health)
    yield _state(ready)
    yield _key(status, given=bool(key))


def _silent(server: str, error: httpx.HTTPError, *, expected: bool) -> Finding:
    if not expected:
        return skip("admin", "no gateway runs here; `driftgate serve` starts one")
    return fail("admin", f"{server} does not answer ({type(error).__name__})", "look at the gateway's log")


def _version(server: str, health: Health) -> Finding:
    if health.version != __version__:
        seen = f"{server} is driftgate {health.version}, this command is {__version__}"
        return warn("admin", seen, "use one version: restart the gateway, or upgrade the command")
    return ok("admin", f"{server} answers, version {health.version}")


def _state(ready: Readiness) -> Finding:
    if ready.status == "ok":
        return ok("gateway", "ready")
    return fail("gateway", f"{ready.status}: {ready.why}" if ready.why else ready.status, "look at its log")


def _key(status: int, *, given: bool) -> Finding:
    if status in _NO_KEY:
        seen = "the key in DRIFTGATE_ADMIN_KEY is refused" if given else "it wants a key"
        return warn("admin key", seen, "export DRIFTGATE_ADMIN_KEY with a key of role viewer or more")
    return ok("admin key", "accepted" if given else "none needed")
