"""The application of the proof: asks every recorded prompt through the gateway, and compares each answer's bytes.

Every request has a user of its own. Every other one asks for a stream. A pass asks each prompt once, in an order drawn
from the seed; passes follow one another until it is told to stop. It asks at a steady rate, which two cores carry with
everything on one machine: flat out it would starve the shadow worker, and mirrors would be shed instead of compared.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Final

from loadtest.rig.asking import Answer, AskFailed, Client
from loadtest.rig.recordings import Recording

IN_FLIGHT: Final = 64
RATE: Final = 700.0
"""Questions a second."""
KEPT_COMPLAINTS: Final = 5


@dataclass(frozen=True, slots=True)
class Taken:
    """An answer: when it was asked for (monotonic), the seconds to its end, and what its headers say of its way."""

    asked_at: float
    seconds: float
    arm: str
    fallback: str


@dataclass(slots=True)
class Tally:
    """What came back. `wrong` counts answers that are not, byte for byte, what the arm in their header once said."""

    asked: int = 0
    stable: int = 0
    candidate: int = 0
    fallback: int = 0
    failed: int = 0
    wrong: int = 0
    promoted: int = 0
    """Answers of arm `stable` that the candidate gave: what a promotion makes of it."""
    complaints: list[str] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    candidate_users: set[str] = field(default_factory=set)
    """Users whose answer said that it came from the candidate."""

    def complain(self, text: str) -> None:
        """Keep the first few complaints."""
        if len(self.complaints) < KEPT_COMPLAINTS:
            self.complaints.append(text)

    def problems(self) -> list[str]:
        """How many requests failed or were answered wrongly, in a sentence; empty where none."""
        if not self.failed + self.wrong:
            return []
        return [f"{self.failed} failed, {self.wrong} wrong: {self.complaints}"]


@dataclass(slots=True)
class Application:
    """Asks `endpoint` on the gateway's data port, `rate` times a second, until `stop` is set."""

    port: int
    endpoint: str
    stable: Recording
    candidate: Recording
    seed: int
    in_flight: int = IN_FLIGHT
    rate: float = RATE
    tally: Tally = field(default_factory=Tally)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    host: str = "127.0.0.1"
    _began: float = 0.0

    async def run(self) -> None:
        """Ask until told to stop; every question that was asked gets its answer first."""
        client = Client(self.port, self.host)
        questions = self._questions()
        self._began = monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(self.in_flight):
                group.create_task(self._ask_on(client, questions))
        client.close()

    def _questions(self) -> Iterator[tuple[int, str]]:
        rng = Random(self.seed)
        number = 0
        while True:
            for prompt in rng.sample(self.stable.prompts, len(self.stable.prompts)):
                yield number, prompt
                number += 1

    async def _ask_on(self, client: Client, questions: Iterator[tuple[int, str]]) -> None:
        while not self.stop.is_set():
            number, prompt = next(questions)
            early = self._began + number / self.rate - monotonic()
            if early > 0:
                await asyncio.sleep(early)  # noqa: TID251 - a load driver on asyncio, not the data path
            user, stream = f"user-{self.seed}-{number}", number % 2 == 1
            body = {"model": self.endpoint, "messages": [{"role": "user", "content": prompt}], "stream": stream}
            self.tally.asked += 1
            asked_at = monotonic()
            try:
                answer = await client.ask("/v1/chat/completions", json.dumps(body).encode(), {"x-user-id": user})
            except AskFailed as failure:
                self.tally.failed += 1
                self.tally.complain(f"{user}: {failure}")
                continue
            arm = answer.headers.get("x-driftgate-arm", "")
            fallback = answer.headers.get("x-driftgate-fallback", "")
            self.tally.taken.append(Taken(asked_at, monotonic() - asked_at, arm, fallback))
            self._check(user, prompt, answer, stream=stream)

    def _check(self, user: str, prompt: str, answer: Answer, *, stream: bool) -> None:
        tally = self.tally
        if answer.status != 200:
            tally.failed += 1
            tally.complain(f"{user}: status {answer.status}, {answer.body[:200]!r}")
            return
        arm = answer.headers.get("x-driftgate-arm", "")
        recording = {"stable": self.stable, "candidate": self.candidate}.get(arm)
        tally.stable += arm == "stable"
        tally.candidate += arm == "candidate"
        if arm == "candidate":
            tally.candidate_users.add(user)
        tally.fallback += "x-driftgate-fallback" in answer.headers
        expected = _bytes(recording, prompt, stream=stream) if recording is not None else None
        if answer.body == expected:
            return
        if arm == "stable" and answer.body == _bytes(self.candidate, prompt, stream=stream):
            tally.promoted += 1
        else:
            tally.wrong += 1
            tally.complain(f"{user}: the answer of arm {arm!r} is not what was recorded: {answer.body[:120]!r}")


def _bytes(recording: Recording, prompt: str, *, stream: bool) -> bytes:
    rendered = recording.of(prompt)
    return rendered.stream if stream else rendered.unary
