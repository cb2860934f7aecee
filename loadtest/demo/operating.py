"""A task list that an operator does on the running demo, by command line, with the time that each takes.

`python -m loadtest.demo.operating` starts the demo and does what somebody who is paged would do: find out why a rollout
is held, see which slice regressed, export the evidence, prove it offline, roll back. Each task names its command and is
checked; the table is Markdown. It exits 1 where a task could not be done.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final

from loadtest.demo.running import demo, until

SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Done:
    """A task, the command that did it, the seconds that it took, and what was found."""

    task: str
    command: str
    seconds: float
    found: str

    @property
    def row(self) -> str:
        """A line of the table."""
        return f"| {self.task} | `{self.command}` | {self.seconds:.1f} | {self.found} |"


class NotDone(Exception):
    """A task could not be done; the message says what was seen instead."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody at a terminal in `directory`."""

    server: str
    directory: Path

    def task(self, name: str, command: str, found: Callable[[str], str]) -> Done:
        """Type `command`; `found` reads its output, and raises `NotDone`."""
        words = [sys.executable, "-m", "gateway.cli", *command.split()[1:], "--server", self.server]
        if "replay" in words:
            words = words[:-2]  # it needs no gateway
        began = monotonic()
        done = subprocess.run(words, cwd=self.directory, capture_output=True, text=True, timeout=SECONDS, check=False)
        seconds = monotonic() - began
        if done.returncode:
            raise NotDone(f"{name}: {command} exited {done.returncode}: {done.stdout}{done.stderr}")
        return Done(name, command, seconds, found(done.stdout))


def tasks(operator: Operator, address: str) -> Iterator[Done]:
    """The list, in the order in which the demo makes it possible."""

    def exported(_: str) -> str:
        return f"{(operator.directory / 'decision.json').stat().st_size:,} bytes"

    until(address, "chat", "shadowing", "canary")
    yield operator.task("why is `chat` held?", "driftgate status chat --json", _held)
    until(address, "support", "rolled_back")
    yield operator.task("which slice of `support` regressed?", "driftgate status support --all --json", _slice)
    yield operator.task("export the evidence", "driftgate explain support --export decision.json", exported)
    yield operator.task("prove it offline", "driftgate replay decision.json", _proven)
    yield operator.task("roll `chat` back", "driftgate rollback chat --reason drill", _rolled_back)


def _held(output: str) -> str:
    rollout: dict[str, Any] = json.loads(output)  # Any: JSON
    if not rollout["reason"]:
        raise NotDone("there is no reason")
    first, *more = rollout["reason"].split("; ")
    return f"{rollout['holding'] or 'not held'}: {first}{' …' if more else ''}"


def _slice(output: str) -> str:
    rows: list[dict[str, Any]] = json.loads(output)["signals"]  # Any: JSON
    refusals = [
        row for row in rows if row["signal"] == "refusal" and row["slice"] != "*" and row["estimate"] is not None
    ]
    if not refusals:
        raise NotDone("no slice has votes")
    worst = max(refusals, key=lambda row: (row["burn"], row["estimate"]))
    drift, burn = 100 * worst["estimate"], 100 * worst["burn"]
    return f"{worst['slice']}: refusal {drift:+.1f} pp, n = {worst['n']}, burn {burn:.0f} %"


def _proven(output: str) -> str:
    return output.strip().splitlines()[0]


def _rolled_back(output: str) -> str:
    if "durable" not in output:
        raise NotDone(output)
    return "durable"


def main() -> int:
    """Do the tasks; 0 where all were done."""
    print("| task | command | seconds | found |\n|---|---|---|---|")
    with demo() as address, tempfile.TemporaryDirectory() as place:
        try:
            for done in tasks(Operator(address, Path(place)), address):
                print(done.row, flush=True)
        except NotDone as reason:
            print(reason, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
