"""A whole gateway with two model servers and steady traffic, for tests of what happens to a rollout when things break.

What is asserted comes from the outside: what the application got, and what the model servers logged.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any, Final, TypeVar

from loadtest.rig import invented
from loadtest.rig.application import Application, Tally
from loadtest.rig.processes import Gateway, Processes, ReplayServer, free_port, start_replay
from loadtest.rig.recordings import load
from loadtest.rig.replay_server import Entry

T = TypeVar("T")

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


@dataclass(slots=True)
class Scene:
    """The processes, and the application once traffic flows. Model servers' names are `stable` and `candidate`."""

    processes: Processes
    gateway: Gateway
    stable: ReplayServer
    candidate: ReplayServer
    application: Application
    failures: list[BaseException] = field(default_factory=list)

    @property
    def tally(self) -> Tally:
        """What the application got so far."""
        return self.application.tally

    @contextmanager
    def traffic(self) -> Iterator[None]:
        """The application asks at a steady rate while this context is open."""
        loop = asyncio.new_event_loop()

        def run() -> None:
            try:
                loop.run_until_complete(self.application.run())
            except BaseException as error:  # noqa: BLE001 - handed to the test below
                self.failures.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(self.application.stop.set)
            thread.join(30.0)
            loop.close()
        assert not thread.is_alive()
        assert not self.failures

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
        """Users' own requests that the candidate's server saw start after an instant (no mirrors, no probes)."""
        log = self.candidate.log()
        return [entry for entry in log if not entry.shadow and entry.prompt >= 0 and entry.at > since]


def until(true: Callable[[], T | None], what: str, seconds: float) -> T:
    """Poll until something comes; fails with what was awaited when it does not."""
    deadline = monotonic() + seconds
    while True:
        found = true()
        if found:
            return found
        assert monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        sleep(0.05)


def set_up(processes: Processes, *, redis: str = "embedded", canary_seconds: int = 3) -> Scene:
    """Start model servers and gateway, ready for traffic."""
    place = processes.place
    recorded = {name: invented.write(place, name) for name in ("lumen-1", "lumen-2")}
    stable = start_replay(processes, "stable", "lumen-1", recorded["lumen-1"])
    candidate = start_replay(processes, "candidate", "lumen-2", recorded["lumen-2"])
    gateway = Gateway(processes, place / "driftgate.yaml", free_port(), free_port())
    gateway.config.write_text(
        _CONFIG.format(
            data=gateway.data_port,
            admin=gateway.admin_port,
            state=place / "state",
            redis=redis,
            stable=stable.base_url,
            candidate=candidate.base_url,
            lease=LEASE_SECONDS,
            canary=canary_seconds,
        )
    )
    gateway.start()
    gateway.wait_ready()
    application = Application(
        gateway.data_port,
        "chat",
        load(recorded["lumen-1"], "lumen-1"),
        load(recorded["lumen-2"], "lumen-2"),
        seed=1,
        in_flight=IN_FLIGHT,
        rate=RATE,
    )
    return Scene(processes, gateway, stable, candidate, application)
