"""Two model servers with made-up answers, `lumen-1` and `lumen-2`, and applications that ask for them by a gateway."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Final, TypeVar

from loadtest.rig import invented
from loadtest.rig.application import Application
from loadtest.rig.processes import Gateway, Processes, ReplayServer, start_replay
from loadtest.rig.recordings import Recording, load
from loadtest.rig.replay_server import Entry

T = TypeVar("T")

STABLE: Final = "lumen-1"
CANDIDATE: Final = "lumen-2"
ENDPOINT: Final = "chat"
STOP_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Pair:
    """The running servers, named `stable` and `candidate` among the processes, and what each of them says."""

    stable: ReplayServer
    candidate: ReplayServer
    said: tuple[Recording, Recording]

    @property
    def urls(self) -> dict[str, str]:
        """Their addresses, for the template of a configuration."""
        return {"stable": self.stable.base_url, "candidate": self.candidate.base_url}

    def application(self, gateway: Gateway, seed: int, *, in_flight: int, rate: float) -> Application:
        """Somebody who asks the gateway's endpoint `chat`, that often a second."""
        old, new = self.said
        return Application(gateway.data_port, ENDPOINT, old, new, seed, in_flight, rate, host=gateway.host)

    def candidate_users(self, since: float = 0.0) -> list[Entry]:
        """Users' own requests that the candidate's server saw start after an instant (no mirrors, no probes)."""
        return [entry for entry in self.candidate.log() if not entry.shadow and entry.prompt >= 0 and entry.at > since]


def start_pair(processes: Processes, declined: Sequence[str] = ()) -> Pair:
    """Start both servers. `declined`: prompts that only the candidate declines, and that no application asks."""
    recorded = {name: invented.write(processes.place, name) for name in (STABLE, CANDIDATE)}
    granted = invented.extended(
        recorded[STABLE], dict.fromkeys(declined, "Certainly, here it is: first this, then that.")
    )
    refused = invented.extended(recorded[CANDIDATE], dict.fromkeys(declined, "I'm sorry, but I can't help with that."))
    return Pair(
        start_replay(processes, "stable", STABLE, granted),
        start_replay(processes, "candidate", CANDIDATE, refused),
        (load(recorded[STABLE], STABLE), load(recorded[CANDIDATE], CANDIDATE)),
    )


@contextmanager
def traffic(applications: Sequence[Application]) -> Iterator[None]:
    """The applications ask while this context is open; what stops one of them is raised at its end."""
    loop, failures = asyncio.new_event_loop(), list[BaseException]()

    async def ask() -> None:
        await asyncio.gather(*(application.run() for application in applications))

    def run() -> None:
        try:
            loop.run_until_complete(ask())
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread that waits
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        for application in applications:
            loop.call_soon_threadsafe(application.stop.set)
        thread.join(STOP_SECONDS)
        loop.close()
    if failures:
        raise failures[0]


def until(true: Callable[[], T | None], what: str, seconds: float = 30.0) -> T:
    """Poll until something comes; fails with what was awaited when it does not."""
    deadline = monotonic() + seconds
    while True:
        found = true()
        if found:
            return found
        assert monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        sleep(0.05)
