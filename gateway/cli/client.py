"""The admin API, asked over HTTP, with every failure turned into one sentence.

Synchronous: a command asks one thing and ends. Proxies of the environment are not used for a gateway on this machine.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec

from gateway.cli import wire
from gateway.cli.errors import CommandFailed, ExitCode, NotConnected, Refused, Unreachable
from gateway.cli.options import KEY_VARIABLE
from gateway.plain import shown_json

T = TypeVar("T")

CONNECT_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 60.0
"""A start asks the candidate for an answer, and a rollback waits for workers' leases: both take a while."""

_FIXES: Final[Mapping[int, str]] = {
    401: f"set {KEY_VARIABLE} to a key of this gateway",
    403: "use a key with a higher role",
    404: "`driftgate list` shows the endpoints",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A gateway's answer, as it came."""

    raw: bytes

    def as_(self, kind: type[T]) -> T:
        """The answer as a value of `kind`, with texts that a terminal may be shown."""
        try:
            return msgspec.convert(shown_json(msgspec.json.decode(self.raw)), type=kind)
        except msgspec.MsgspecError as error:
            fix = "gateway and command may be of different versions: `driftgate --version`"
            raise CommandFailed(f"the gateway's answer makes no sense here: {error}", fix) from error

    def as_json(self) -> Any:  # Any: a JSON document, printed and not looked into
        """The answer as plain JSON."""
        return json.loads(self.raw)


class AdminClient:
    """The admin listener of a gateway, or of several on one Redis: the first that can be reached is asked."""

    def __init__(self, *servers: str, seconds: float = ANSWER_SECONDS) -> None:
        token = os.environ.get(KEY_VARIABLE)
        self._clients = [_client(server, token, seconds) for server in servers]

    def __enter__(self) -> "AdminClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.close()

    def endpoints(self) -> Answer:
        """Every endpoint (`wire.Endpoints`)."""
        return self._ask("GET", "/admin/v1/endpoints")

    def endpoint_names(self) -> list[str]:
        """The names alone."""
        return [endpoint.name for endpoint in self.endpoints().as_(wire.Endpoints).endpoints]

    def endpoint(self, name: str) -> Answer:
        """One endpoint with its latest rollout (`wire.Endpoint`)."""
        return self._ask("GET", _of(name))

    def rollout(self, rollout_id: str) -> Answer:
        """One rollout (`wire.Rollout`)."""
        return self._ask("GET", f"/admin/v1/rollouts/{quote(rollout_id, safe='')}")

    def audit(self, name: str, limit: int) -> Answer:
        """The audit record (`wire.Audit`)."""
        return self._ask("GET", f"{_of(name)}/audit?limit={limit}")

    def exported(self, name: str, entry: str) -> Answer:
        """One decision as a document of its own, which `replay` judges again."""
        return self._ask("GET", f"{_of(name)}/audit/{quote(entry, safe='')}/export")

    def plan(self, name: str, options: Mapping[str, str]) -> Answer:
        """What a rollout would take (`wire.Planned`)."""
        return self._ask("GET", f"{_of(name)}/plan?{urlencode(options)}")

    def differences(self, name: str, options: Sequence[tuple[str, str]]) -> Answer:
        """What of the latest rollout is not as these options ask for (`wire.Differences`)."""
        return self._ask("GET", f"{_of(name)}/differences?{urlencode(options)}")

    def start(self, name: str, body: Mapping[str, object]) -> Answer:
        """Start a rollout (`wire.Commanded`)."""
        return self._ask("POST", f"{_of(name)}/rollouts", body)

    def command(self, name: str, verb: str, body: Mapping[str, object]) -> Answer:
        """Any command on an endpoint, such as `pause` (`wire.Commanded`)."""
        return self._ask("POST", f"{_of(name)}/{verb}", body)

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
        unreachable: list[Unreachable] = []
        for client in self._clients:
            try:
                return _answered(client, method, path, body)
            except NotConnected as error:  # nothing can have happened there, so another may be asked
                unreachable.append(error)
        if len(unreachable) == 1:
            raise unreachable[0]
        raise Unreachable("; ".join(error.message for error in unreachable), unreachable[0].fix)


def _client(server: str, token: str | None, seconds: float) -> httpx.Client:
    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        fix = "write a URL such as http://127.0.0.1:8081"
        raise CommandFailed(f"--server {server} is not an address", fix, ExitCode.USAGE)
    return httpx.Client(
        base_url=server.rstrip("/"),
        headers={"authorization": f"Bearer {token}"} if token else {},
        timeout=httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS)),
        trust_env=parts.hostname not in ("127.0.0.1", "localhost", "::1"),
    )


def _answered(client: httpx.Client, method: str, path: str, body: Mapping[str, object] | None) -> Answer:
    server = str(client.base_url).rstrip("/")
    try:
        response = client.request(method, path, json=body)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        fix = "is it running? `driftgate serve` starts one, --server names another"
        raise NotConnected(f"no gateway answers at {server} ({_cause(error)})", fix) from error
    except httpx.HTTPError as error:
        fix = "what was asked may or may not have happened: `driftgate status` shows it"
        raise Unreachable(f"{server} did not answer ({_cause(error)})", fix) from error
    if response.is_success:
        return Answer(response.content)
    raise _refused(server, response)


def _refused(server: str, response: httpx.Response) -> Refused:
    status = response.status_code
    try:
        problem = Answer(response.content).as_(wire.Problem)
    except CommandFailed:
        fix = "--server must name the admin listener, by default http://127.0.0.1:8081"
        return Refused(f"{server} answered {status}, and not as a driftgate gateway would", fix, status)
    said = problem.detail or problem.title or f"the gateway answered {status}"
    # most refusals name the command that comes next; a general hint after one would only be in its way
    return Refused(said.rstrip("."), "" if "`driftgate " in said else _FIXES.get(status, ""), status)


def _of(endpoint: str) -> str:
    return f"/admin/v1/endpoints/{quote(endpoint, safe='')}"


def _cause(error: httpx.HTTPError) -> str:
    text = str(error) or type(error).__name__
    return text[:1].lower() + text[1:]
