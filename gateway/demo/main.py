"""`run`: the demo from start to end. It is the real gateway, started as a user would, between simulated neighbours.

Headless it prints one JSON object per finished rollout and ends; otherwise it paints both rollouts until they ended and
keeps the dashboard served until Ctrl-C. It never runs longer than its own deadline, and leaves nothing running.
"""

import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import httpx
import msgspec
from rich.console import Console
from rich.live import Live

from gateway.cli import wire
from gateway.demo import outcome, scene
from gateway.demo.children import Children
from gateway.demo.live import Picture
from gateway.demo.outcome import DemoFailed, Ended
from gateway.demo.personas import HEALTHY, OVERCAUTIOUS, STABLE
from gateway.demo.scene import Ports
from gateway.demo.traffic import Tally

DEADLINE_SECONDS: Final = 110.0
"""Headless must be over in 120 s; what is left is for stopping."""
READY_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.5
WORKERS: Final = 2
INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells have it."""


@dataclass(slots=True)
class Watch:
    """What the demo knows of its gateway and its traffic, read anew at each poll."""

    ports: Ports
    traffic_output: Path
    http: httpx.AsyncClient
    endpoints: Mapping[str, wire.Endpoint] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    _rates: list[tuple[float, int]] = field(default_factory=list)

    async def poll(self) -> None:
        """Ask the admin API, and read how the traffic fares."""
        answer = await self.http.get("/admin/v1/endpoints")
        answer.raise_for_status()
        listed = msgspec.json.decode(answer.content, type=wire.Endpoints)
        self.endpoints = {endpoint.name: endpoint for endpoint in listed.endpoints}
        lines = self.traffic_output.read_bytes().splitlines()
        if lines and lines[-1].endswith(b"}"):
            self.tally = msgspec.json.decode(lines[-1], type=Tally)
            self._rates = [*self._rates[-20:], (anyio.current_time(), self.tally.ok)]

    @property
    def rate(self) -> float:
        """Answers a second over the last ten seconds."""
        if not self._rates or self._rates[0][0] == self._rates[-1][0]:
            return 0.0
        (began, before), (ended, after) = self._rates[0], self._rates[-1]
        return (after - before) / (ended - began)


def run(*, headless: bool = False) -> int:
    """Run the demo; 0 if both rollouts ended as they must, 1 if not, 130 after Ctrl-C."""
    try:
        return anyio.run(_until_interrupted, headless)
    except DemoFailed as failure:
        sys.stderr.write(f"driftgate demo: {failure}\n")
        return 1


@dataclass(slots=True)
class Ending:
    """The exit code as far as it is known: that of an interruption until both rollouts ended."""

    code: int = INTERRUPTED
    failure: DemoFailed | None = None


async def _until_interrupted(headless: bool) -> int:
    ending = Ending()
    async with anyio.create_task_group() as group:

        async def wait_for_signal() -> None:
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
                async for _ in received:
                    group.cancel_scope.cancel()

        group.start_soon(wait_for_signal)
        try:
            await _demo(ending, headless=headless)
        except DemoFailed as failure:
            ending.failure = failure
        group.cancel_scope.cancel()
    if ending.failure is not None:
        raise ending.failure
    return ending.code


async def _demo(ending: Ending, *, headless: bool) -> None:
    console = Console(stderr=headless)
    with tempfile.TemporaryDirectory(prefix="driftgate-demo-") as made:
        place = Path(made)
        with Children(place) as children:
            ports = _start(children, place)
            console.print(f"gateway {ports.base_url} · dashboard {ports.admin_url}", highlight=False)
            async with httpx.AsyncClient(base_url=ports.admin_url, timeout=15.0, trust_env=False) as http:
                watch = Watch(ports, children.output("traffic"), http)
                await _ready(watch, children)
                _start_traffic(children, ports)
                await _start_rollouts(http)
                finished = await _watch(watch, children, console, headless=headless)
                ending.code = 0 if finished.as_they_must else 1
                if not headless:
                    console.print("Both rollouts have ended; the dashboard stays until Ctrl-C.", highlight=False)
                    command = sys.argv[0] if sys.argv[0].endswith("driftgate") else "driftgate"
                    console.print(outcome.next_steps(command, ports.admin_url), highlight=False, soft_wrap=True)
                    await _keep(children)


def _start(children: Children, place: Path) -> Ports:
    """The two model servers and the gateway."""
    with scene.listening() as stables, scene.listening() as candidates:
        ports = Ports(
            data=scene.free_port(8080),
            admin=scene.free_port(8081),
            stables=stables.getsockname()[1],
            candidates=candidates.getsockname()[1],
        )
        for name, listener, models, seed in (
            ("models-stable", stables, [STABLE.model], 1),
            ("models-candidate", candidates, [HEALTHY.model, OVERCAUTIOUS.model], 2),
        ):
            fd = listener.fileno()
            children.start(
                name, _module("gateway.demo.model_server", f"--fd={fd}", f"--seed={seed}", *models), pass_fds=[fd]
            )
    config = place / "driftgate.yaml"
    config.write_text(scene.configuration(ports, place / "state", WORKERS))
    children.start("gateway", _module("gateway.cli", "serve", "-c", str(config)))
    return ports


def _start_traffic(children: Children, ports: Ports) -> None:
    endpoints = [part.endpoint for part in scene.PARTS]
    children.start(
        "traffic", _module("gateway.demo.traffic", f"--base-url={ports.base_url}", f"--rate={scene.RATE}", *endpoints)
    )


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


async def _ready(watch: Watch, children: Children) -> None:
    """Wait until the data path serves and the admin API answers."""
    with anyio.move_on_after(READY_SECONDS):
        while True:
            children.check()
            try:
                data = await watch.http.get(f"http://127.0.0.1:{watch.ports.data}/readyz")
                admin = await watch.http.get("/admin/v1/endpoints")
            except httpx.TransportError:
                pass
            else:
                if data.is_success and admin.is_success:
                    return
            await anyio.sleep(0.1)
    raise DemoFailed(f"the gateway was not ready within {READY_SECONDS:.0f} s")


async def _start_rollouts(http: httpx.AsyncClient) -> None:
    for part in scene.PARTS:
        wanted = {"candidate": part.candidate, "plan": "demo", "reason": f"demo: it {part.why}"}
        answer = await http.post(f"/admin/v1/endpoints/{part.endpoint}/rollouts", json=wanted)
        if not answer.is_success:
            raise DemoFailed(f"the rollout on {part.endpoint} was refused: {answer.text}")


async def _watch(watch: Watch, children: Children, console: Console, *, headless: bool) -> Ended:
    """Until both ended, showing how they fare; raises `DemoFailed` at the deadline."""
    began = anyio.current_time()
    printed: set[str] = set()

    def show_headless(finished: Ended) -> None:
        for name in finished.by_endpoint.keys() - printed:
            printed.add(name)
            sys.stdout.write(outcome.as_line(finished.by_endpoint[name]) + "\n")
            sys.stdout.flush()

    if headless:
        return await _poll_until_ended(watch, children, began, show_headless)
    picture = Picture({}, watch.tally, 0.0, 0.0, watch.ports.admin_url)
    with Live(picture, console=console, refresh_per_second=4, transient=False) as live:

        def paint(_finished: Ended) -> None:
            elapsed = anyio.current_time() - began
            live.update(Picture(watch.endpoints, watch.tally, watch.rate, elapsed, watch.ports.admin_url))

        return await _poll_until_ended(watch, children, began, paint)


async def _poll_until_ended(watch: Watch, children: Children, began: float, show: Callable[[Ended], None]) -> Ended:
    while anyio.current_time() - began < DEADLINE_SECONDS:
        children.check()
        try:
            await watch.poll()
        except httpx.HTTPError as error:
            watch.tally.last_failure = f"the admin API did not answer: {error!r}"
        finished = outcome.ended(watch.endpoints)
        show(finished)
        if finished.all:
            return finished
        await anyio.sleep(POLL_SECONDS)
    raise DemoFailed(_why_late(watch))


def _why_late(watch: Watch) -> str:
    lines = [f"not every rollout ended within {DEADLINE_SECONDS:.0f} s, with {watch.rate:.0f} answers a second:"]
    for name, endpoint in watch.endpoints.items():
        if endpoint.rollout is not None:
            now = endpoint.rollout
            lines.append(f"  {name}: {now.phase}, stage {now.stage + 1}, holding {now.holding}: {now.reason}")
    if watch.tally.failed:
        lines.append(f"  {watch.tally.failed} requests failed, the last with {watch.tally.last_failure}")
    return "\n".join(lines)


async def _keep(children: Children) -> None:
    """Serve on until cancelled by Ctrl-C; raises `DemoFailed` if a process ends."""
    while True:
        children.check()
        await anyio.sleep(POLL_SECONDS)
