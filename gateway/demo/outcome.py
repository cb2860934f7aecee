"""What an ended rollout says for itself, and whether all ended as they must. Pure but for being printed by `main`."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from gateway.cli.options import LOCAL_ADMIN
from gateway.cli.wire import Endpoint, Requests, Rollout
from gateway.demo.scene import EXPECTED


class DemoFailed(Exception):
    """The demo could not run to its end; the message says what stood in the way."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One finished rollout, as `--headless` prints it."""

    endpoint: str
    rollout: str
    outcome: str
    reason: str
    stable: str
    candidate: str
    seconds: float
    requests: Requests

    @property
    def is_as_it_must_be(self) -> bool:
        """Whether the demo's endpoint ended as the demo wants it."""
        return EXPECTED.get(self.endpoint) == self.outcome


@dataclass(frozen=True, slots=True)
class Ended:
    """Rollouts that ended, by endpoint."""

    by_endpoint: Mapping[str, Outcome]

    @property
    def all(self) -> bool:
        """Whether every rollout of the demo ended."""
        return self.by_endpoint.keys() == EXPECTED.keys()

    @property
    def as_they_must(self) -> bool:
        """Whether every one ended as it must."""
        return self.all and all(outcome.is_as_it_must_be for outcome in self.by_endpoint.values())


def ended(endpoints: Mapping[str, Endpoint]) -> Ended:
    """The ended ones among the endpoints' latest rollouts."""
    found = {}
    for name, endpoint in endpoints.items():
        if endpoint.rollout is not None and endpoint.rollout.has_ended:
            found[name] = _outcome(name, endpoint.rollout)
    return Ended(found)


def as_line(outcome: Outcome) -> str:
    """One JSON object on one line."""
    return msgspec.json.encode(outcome).decode()


def next_steps(command: str, admin_url: str) -> str:
    """What to try while the demo stays, and after it; `command` is how driftgate was called."""
    server = "" if admin_url == LOCAL_ADMIN else f" --server {admin_url}"
    return (
        "Try in another terminal:\n"
        f"  {command} explain support{server}      why it was rolled back, with the numbers\n"
        f"  {command} status chat{server}          what was compared\n"
        f'  {command} rollback chat{server} --reason "a try"   even a promotion is taken back\n'
        f"Then put it before models of your own: {command} init (docs/quickstart.md goes on from there)"
    )


def _outcome(endpoint: str, rollout: Rollout) -> Outcome:
    return Outcome(
        endpoint=endpoint,
        rollout=rollout.id,
        outcome=rollout.phase,
        reason=rollout.reason,
        stable=rollout.stable,
        candidate=rollout.candidate,
        seconds=round((rollout.ended_at or 0.0) - (rollout.started_at or 0.0), 1),
        requests=rollout.requests,
    )
