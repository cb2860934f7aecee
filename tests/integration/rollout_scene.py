"""A whole gateway with two model servers and steady traffic, for tests of what happens to a rollout when things break.

What is asserted comes from the outside: what the application got, and what the model servers logged.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from loadtest.rig.application import Application, Tally
from loadtest.rig.pair import Pair, start_pair, traffic, until
from loadtest.rig.processes import Gateway, Processes, ReplayServer
from loadtest.rig.replay_server import Entry

LEASE_SECONDS: Final = 2.0
RATE: Final = 150.0
IN_FLIGHT: Final = 16
ENDED: Final = ("promoted", "rolled_back")

_CONFIG: Final = """\
listen: {{data: 127.0.0.1:{data}, admin: 127.0.0.1:{admin}}}
workers: 2
state_dir: {state}
redis: {{url: "{redis}"}}
models:
  lumen-1: {{base_url: {stable}}}
  lumen-2: {{base_url: {candidate}}}
endpoints:
  chat: {{stable: lumen-1, plan: quick, sticky_by: [header:x-user-id], shadow: {{sample: 100%, noise_floor: 0%}}}}
plans:
  quick:
    lease: {lease:.0f}s
    stages:
      - {{weight: 0%, min_keys: 100, bake: 1s}}
      - {{weight: 50%, min_keys: 100, bake: {canary}s}}
      - {{weight: 100%, bake: 1s}}
    budgets:
      refusal: {{max_increase: 10pp}}
      length: {{within: 40%}}
      errors: {{max_increase: 10pp}}
      schema: off
      agreement: off
      ttft: off
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """The processes, and the application once traffic flows."""

    processes: Processes
    gateway: Gateway
    pair: Pair
    application: Application

    @property
    def stable(self) -> ReplayServer:
        """The server of the stable model."""
        return self.pair.stable

    @property
    def candidate(self) -> ReplayServer:
        """The server of the candidate."""
        return self.pair.candidate

    @property
    def tally(self) -> Tally:
        """What the application got so far."""
        return self.application.tally

    def traffic(self) -> AbstractContextManager[None]:
        """The application asks at a steady rate while this context is open."""
        return traffic([self.application])

    def start_rollout(self) -> str:
        """Start the healthy candidate; the rollout's id."""
        self.gateway.command("chat", "rollouts", {"candidate": "lumen-2", "reason": "a test"})
        return str(self.rollout()["id"])

    def rollout(self) -> dict[str, Any]:
        """The latest rollout, as the admin API shows it."""
        return self.gateway.rollout("chat")

    def wait_for(self, phase: str, seconds: float = 30.0) -> dict[str, Any]:
        """Wait until the rollout is in a phase; fails at once when it ended otherwise."""

        def there() -> dict[str, Any] | None:
            now = self.rollout()
            assert now["phase"] not in ENDED or now["phase"] == phase, now["reason"]
            return now if now["phase"] == phase else None

        try:
            return until(there, f"the rollout is {phase}", seconds)
        except AssertionError as late:
            late.add_note(f"it is {self.rollout()['phase']}: {self.rollout()['reason']}")
            raise

    def candidate_users(self, since: float = 0.0) -> list[Entry]:
        """Users' own requests that the candidate's server saw start after an instant."""
        return self.pair.candidate_users(since)


def set_up(processes: Processes, *, redis: str = "embedded", canary_seconds: int = 3) -> Scene:
    """Start model servers and gateway, ready for traffic."""
    pair = start_pair(processes)
    values = {**pair.urls, "redis": redis, "lease": LEASE_SECONDS, "canary": canary_seconds}
    gateway = Gateway.configured(processes, _CONFIG, values)
    gateway.start()
    gateway.wait_ready()
    application = pair.application(gateway, seed=1, in_flight=IN_FLIGHT, rate=RATE)
    return Scene(processes, gateway, pair, application)
