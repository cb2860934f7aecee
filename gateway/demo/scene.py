"""The demo's endpoints, plan and configuration file, and what must come of them.

The plan's numbers come from what two shared cores carry: about 100 users a second and endpoint. At margin m a stage of
weight w shows errors of at most L points harmless after about 3.6/(m·L·w) users without an error: with L = 5 points 480
at 5 % and three-fold margin, 150 at 25 % and two-fold, 150 at 50 %. Refusals within 3 points take 270 to 450 pairs, and
agreement within 10 points 70 to 110 triples. So each stage is done in 4 to 6 seconds, which is also its bake.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.demo.personas import HEALTHY, OVERCAUTIOUS, STABLE

RATE: Final = 100.0
"""Questions a second, to each endpoint."""


@dataclass(frozen=True, slots=True)
class Part:
    """One rollout of the demo, and how it must end (the contract's words for outcomes)."""

    endpoint: str
    candidate: str
    outcome: str
    why: str


PARTS: Final = (
    Part("chat", HEALTHY.model, "promoted", "answers as well as stable does"),
    Part("support", OVERCAUTIOUS.model, "rolled_back", "declines harmless questions"),
)
EXPECTED: Final[Mapping[str, str]] = {part.endpoint: part.outcome for part in PARTS}

_CONFIG: Final = """\
# The demo's configuration, written by `driftgate demo`.
listen: {{data: 127.0.0.1:{data}, admin: 127.0.0.1:{admin}}}
workers: {workers}
state_dir: {state}
models:
  {stable}: {{base_url: http://127.0.0.1:{stables}/v1}}
  {healthy}: {{base_url: http://127.0.0.1:{candidates}/v1}}
  {overcautious}: {{base_url: http://127.0.0.1:{candidates}/v1}}
endpoints:
  chat:
    stable: {stable}
    plan: demo
    sticky_by: [header:x-user-id]
    slices: [task]
    shadow: {{sample: 100%, noise_floor: 25%}}
  support:
    stable: {stable}
    plan: demo
    sticky_by: [header:x-user-id]
    slices: [task]
    shadow: {{sample: 100%, noise_floor: 25%}}
    review: {{sample: 20%, keep: 1h, most: 200}} # to be tried: nobody wrote these questions
plans:
  demo:
    alpha: 0.05
    lease: 3s
    stages:
      - {{weight: 0%, min_keys: 150, bake: 5s}}
      - {{weight: 5%, min_keys: 20, bake: 5s, margin: 3x}}
      - {{weight: 25%, min_keys: 40, bake: 4s, margin: 2x}}
      - {{weight: 50%, min_keys: 100, bake: 4s}}
      - {{weight: 100%, bake: 5s}}
    budgets:
      refusal: {{max_increase: 3pp, max_decrease: 10pp, max_ratio: 2.5}}
      schema: {{max_increase: 5pp}}
      length: {{within: 15%}}
      agreement: {{max_excess_disagreement: 10pp}}
      errors: {{max_increase: 5pp, ceiling: 20%}}
      ttft: {{max_increase: 10pp, class: observe}}
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports. `stables` and `candidates` are the two simulated model servers."""

    data: int
    admin: int
    stables: int
    candidates: int

    @property
    def base_url(self) -> str:
        """Where the applications ask."""
        return f"http://127.0.0.1:{self.data}/v1"

    @property
    def admin_url(self) -> str:
        """Admin API and dashboard."""
        return f"http://127.0.0.1:{self.admin}"


def configuration(ports: Ports, state_dir: Path, workers: int) -> str:
    """The configuration file's text."""
    return _CONFIG.format(
        data=ports.data,
        admin=ports.admin,
        stables=ports.stables,
        candidates=ports.candidates,
        state=state_dir,
        workers=workers,
        stable=STABLE.model,
        healthy=HEALTHY.model,
        overcautious=OVERCAUTIOUS.model,
    )


def listening(port: int = 0) -> socket.socket:
    """A loopback listener for a child to inherit, so that its port is known and nobody else's before it runs."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    made.listen(512)
    made.set_inheritable(True)
    return made


def free_port(wanted: int) -> int:
    """`wanted` if nobody has it, else one that is free now. The gateway binds it itself, a moment later."""
    for port in (wanted, 0):
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
        except OSError:
            continue
    raise OSError("no free port on loopback")
