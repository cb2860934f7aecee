"""Two gateways on one Redis, two model servers and steady traffic through both, while something is broken.

Each gateway is a supervisor of its own, on a loopback address of its own. What is asserted comes from the outside: what
the applications got, and what the model servers logged.
"""

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from statistics import quantiles
from time import monotonic, sleep
from typing import Any, Final

import httpx

from loadtest.rig.application import Application
from loadtest.rig.pair import Pair, start_pair, traffic, until
from loadtest.rig.processes import Gateway, Processes, ProcessFailed, ReplayServer
from loadtest.rig.replay_server import Entry

LEASE_SECONDS: Final = 3.0
GRACE_SECONDS: Final = 0.5
"""What a request that was assigned just before may take to reach a model server on a busy machine."""
POLL_SECONDS: Final = 1.0
"""What makes up for a lost publication (`gateway.data.worker`)."""
RATE: Final = 40.0
"""Questions a second to each gateway: load enough for a fault to hit some, little enough for a busy machine."""
IN_FLIGHT: Final = 16
READY_SECONDS: Final = 60.0
"""A start takes two seconds of CPU for each of ten processes, on a machine that others use as well."""
CALM_SECONDS: Final = 1.5

_CONFIG: Final = """\
listen: {{data: {host}:{data}, admin: {host}:{admin}}}
workers: {workers}
state_dir: {state}
redis: {redis}
limits: {{drain: 10s}}
models:
  lumen-1: {{base_url: {stable}}}
  lumen-2: {{base_url: {candidate}}}
endpoints:
  chat: {{stable: lumen-1, plan: standing, sticky_by: [header:x-user-id], shadow: {{sample: 50%, noise_floor: 0%}}}}
plans:
  standing: {{lease: {lease:.0f}s, stages: [{{weight: 50%, bake: 1h}}], budgets: {budgets}}}
  stepwise:
    lease: {lease:.0f}s
    stages: [{{weight: 0%, bake: 1h}}, {{weight: 25%, bake: 1h}}, {{weight: 50%, bake: 1h}}, {{weight: 100%, bake: 1h}}]
    budgets: {budgets}
  quick:
    lease: {lease:.0f}s
    stages:
      - {{weight: 0%, min_keys: 60, bake: 1s}}
      - {{weight: 25%, min_keys: 30, bake: 2s}}
      - {{weight: 50%, min_keys: 40, bake: 2s}}
      - {{weight: 100%, bake: 2s}}
    budgets: {budgets}
"""
_BUDGETS: Final = (
    "{refusal: {max_increase: 15pp}, length: {within: 50%}, errors: {max_increase: 15pp}, "
    "schema: off, agreement: off, ttft: off}"
)


@dataclass(slots=True, kw_only=True)
class Fault:
    """Something that was broken, and what it cost; instants are monotonic. `to_stable` None: it moved nobody.

    `lost` None: it was not counted.
    """

    name: str
    began: float
    ended: float = 0.0
    sent: int = 0
    errors: int = 0
    added_p99_ms: float = 0.0
    to_stable: float | None = None
    before: str = ""
    after: str = ""
    lost: int | None = None


@dataclass(slots=True)
class Site:
    """The processes, and the applications while traffic flows."""

    processes: Processes
    gateways: list[Gateway]
    pair: Pair
    faults: list[Fault]
    applications: list[Application] = field(default_factory=list)
    started: int = 0

    @property
    def stable(self) -> ReplayServer:
        """The server of the stable model."""
        return self.pair.stable

    @property
    def candidate(self) -> ReplayServer:
        """The server of the candidate."""
        return self.pair.candidate

    # ── traffic ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def traffic(self) -> Iterator[None]:
        """An application asks each gateway at a steady rate while this context is open."""
        self.applications = [
            self.pair.application(gateway, secrets.randbelow(1 << 30), in_flight=IN_FLIGHT, rate=RATE)
            for gateway in self.gateways
        ]
        with traffic(self.applications):
            yield

    @property
    def asked(self) -> int:
        """Requests so far."""
        return sum(application.tally.asked for application in self.applications)

    @property
    def failed(self) -> int:
        """Requests so far that got no answer, an error, or one that no model gave."""
        return sum(application.tally.failed + application.tally.wrong for application in self.applications)

    @property
    def complaints(self) -> list[str]:
        """The first of them."""
        return [text for application in self.applications for text in application.tally.complaints]

    def p99_ms(self, since: float, until_at: float) -> float:
        """The p99 of what answers took, of requests asked within a span; the worst second of a long one."""
        worst, at = 0.0, since
        while at < until_at:
            times = [
                taken.seconds * 1000
                for application in self.applications
                for taken in application.tally.taken
                if at <= taken.asked_at < min(at + 1.0, until_at)
            ]
            if len(times) > 10:
                worst = max(worst, quantiles(times, n=100, method="inclusive")[98])
            at += 1.0
        return worst

    # ── faults ────────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def fault(self, name: str) -> Iterator[Fault]:
        """Measure what is broken in this context, beside the calm seconds before it."""
        sleep(CALM_SECONDS)  # what "added" is compared with
        made = Fault(name=name, began=monotonic(), before=self.state())
        asked, failed = self.asked, self.failed
        calm = self.p99_ms(made.began - CALM_SECONDS, made.began)
        yield made
        made.ended = monotonic()
        sleep(GRACE_SECONDS)  # answers under way
        made.sent, made.errors = self.asked - asked, self.failed - failed
        made.added_p99_ms = max(0.0, self.p99_ms(made.began, made.ended) - calm)
        made.after = self.state()
        self.faults.append(made)

    def nobody_reaches_the_candidate(self, fault: Fault, since: float, seconds: float) -> None:
        """From one lease after `since` on, for some seconds; fills in how long it took to be on stable."""
        sleep(max(0.0, since + LEASE_SECONDS + GRACE_SECONDS + seconds - monotonic()))
        late = self.candidate_users(since + LEASE_SECONDS + GRACE_SECONDS)
        assert not late, f"{len(late)} requests reached the candidate after the lease"
        fault.to_stable = self.last_on_candidate(since)

    def last_on_candidate(self, since: float) -> float:
        """Seconds from an instant to the start of the last user request on the candidate."""
        return max([0.0, *(entry.at - since for entry in self.candidate_users(since))])

    def candidate_users(self, since: float = 0.0) -> list[Entry]:
        """Users' own requests that the candidate's server saw start after an instant."""
        return self.pair.candidate_users(since)

    def until_exposed(self, seconds: float = 30.0) -> None:
        """Users reach the candidate from now on."""
        now = monotonic()
        until(lambda: self.candidate_users(now), "users reach the candidate", seconds)

    def uncounted(self, rollout: str) -> int:
        """Answers of the candidate, all of them evidence, that no counter in Redis knows of five seconds later."""
        wanted = sum(application.tally.candidate for application in self.applications)
        deadline = monotonic() + 5.0
        while True:
            now = self.rollout()
            assert now["id"] == rollout
            missing = wanted - int(now["requests"]["candidate"])
            if missing <= 0 or monotonic() > deadline:
                return max(0, missing)
            sleep(0.1)

    # ── operating ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self, plan: str = "standing") -> str:
        """Start the candidate; the rollout's id."""
        self.started += 1
        body = {"candidate": "lumen-2", "plan": plan, "reason": f"fault {self.started}"}
        self.gateways[0].command("chat", "rollouts", body)
        return str(self.rollout()["id"])

    def rollout(self, gateway: int = 0) -> dict[str, Any]:  # Any: a JSON object
        """The latest rollout, as a gateway's admin API shows it."""
        return self.gateways[gateway].rollout("chat")

    def weight(self) -> int:
        """The rollout's weight, −1 while the admin plane does not answer; 100 % once it is promoted."""
        try:
            now = self.rollout()
        except httpx.HTTPError:
            return -1
        return 10_000 if now["phase"] == "promoted" else int(now["weight_bps"])

    def state(self) -> str:
        """Phase and weight in a word, as seen from any gateway that answers."""
        for gateway in range(len(self.gateways)):
            with suppress(httpx.HTTPError, ProcessFailed):
                now = self.rollout(gateway)
                held = f", {now['holding']}" if now.get("holding") == "paused" else ""
                return f"{now['phase']} {now['weight_bps'] / 100:g} %{held}" if now else "idle"
        return "unknown"

    def roll_back(self, gateway: int = 0, *, durable: bool = True) -> dict[str, Any]:  # Any: a JSON object
        """Roll back, by one of the gateways; the answer's durability."""
        answer = self.gateways[gateway].command("chat", "rollback", {"reason": "enough seen"})
        durability: dict[str, Any] = answer["durability"]
        if durable:
            assert durability["state"] == "durable", durability
            self._is_over(monotonic())
        return durability

    def _is_over(self, acknowledged: float) -> None:
        """Nobody, at any gateway, reaches the candidate once each has had time for a poll: far below a lease."""
        sleep(POLL_SECONDS + GRACE_SECONDS + 0.5)  # half a second of traffic in which it would be seen
        late = self.candidate_users(acknowledged + POLL_SECONDS + GRACE_SECONDS)
        assert not late, f"{len(late)} requests reached the candidate after an acknowledged rollback"

    def wait_for(self, phase: str, seconds: float = 60.0, gateway: int = 0) -> dict[str, Any]:  # Any: a JSON object
        """Wait until the rollout is in a phase, as one of the gateways sees it."""

        def there() -> dict[str, Any] | None:
            try:
                now = self.rollout(gateway)
            except httpx.HTTPError:
                return None
            return now if now.get("phase") == phase else None

        return until(there, f"the rollout is {phase}", seconds)

    def audit(self, rollout: str) -> list[dict[str, Any]]:  # Any: JSON objects
        """A rollout's audit entries, oldest first."""
        answer = self.gateways[0].http.get("/admin/v1/endpoints/chat/audit", params={"limit": 200})
        assert answer.is_success, f"{answer.text}\n{self.said()[-3000:]}"
        found: list[dict[str, Any]] = answer.json()["entries"]
        return [entry for entry in reversed(found) if entry["rollout"] == rollout]

    def process(self, gateway: int, role: str) -> int:
        """The process of a role."""
        return self.gateways[gateway].children(role)[0]

    def said(self, gateway: int = 0) -> str:
        """Everything that a gateway has logged."""
        place = self.processes.place / f"{self.gateways[gateway].name}.log"
        return place.read_text(errors="replace")


def set_up(
    processes: Processes, redis: str, faults: list[Fault], *, gateways: int = 2, workers: int = 1, start: bool = True
) -> Site:
    """Start model servers and gateways, ready for traffic. `redis` is the section's YAML; embedded for one gateway."""
    pair = start_pair(processes)
    values = {**pair.urls, "workers": workers, "redis": redis, "lease": LEASE_SECONDS, "budgets": _BUDGETS}
    made = [
        Gateway.configured(processes, _CONFIG, values, name=f"gateway-{number}", host=f"127.0.0.{2 + number}")
        for number in range(gateways)
    ]
    for gateway in made if start else ():
        gateway.start()
    for gateway in made if start else ():
        gateway.wait_ready(READY_SECONDS)
    return Site(processes, made, pair, faults)


def stop_process(pid: int) -> None:
    """Freeze a process that we started."""
    os.kill(pid, signal.SIGSTOP)


def wake_process(pid: int) -> None:
    """Let it go on."""
    os.kill(pid, signal.SIGCONT)
