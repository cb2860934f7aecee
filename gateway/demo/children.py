"""The demo's processes: started in order, watched, stopped in the opposite order, never outliving the demo.

Each gets its own session, so that Ctrl-C reaches the demo alone, and SIGTERM from the kernel when the demo dies. What a
child says goes into a file, whose end is shown if the child ends when it should not. They do not get the variable that
would put the gateway's state somewhere else than into the demo's own place.
"""

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from gateway import lifeline
from gateway.config.load import STATE_DIR_VARIABLE
from gateway.demo.outcome import DemoFailed

STOP_SECONDS: Final = 15.0
"""Longest wait for a child after SIGTERM; the gateway drains and flushes meanwhile."""
TAIL_LINES: Final = 15


@dataclass(frozen=True, slots=True)
class Child:
    """One running process."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def last_words(self) -> str:
        """The end of what it said."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:]) or "  (it said nothing)"


class Children:
    """A context: its processes end with it."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._running: list[Child] = []

    def __enter__(self) -> "Children":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in reversed(self._running):
            _stop(child.process)

    def start(self, name: str, command: Sequence[str], *, pass_fds: Sequence[int] = ()) -> Child:
        """Start a process; its output goes to `<name>.out`, its complaints to `<name>.log`."""
        log = self._place / f"{name}.log"
        with log.open("wb") as errors, self.output(name).open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own modules, no shell
                lifeline.through(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                pass_fds=pass_fds,
                start_new_session=True,
                env={name: value for name, value in os.environ.items() if name != STATE_DIR_VARIABLE},
            )
        child = Child(name, process, log)
        self._running.append(child)
        return child

    def output(self, name: str) -> Path:
        """The file with a child's standard output."""
        return self._place / f"{name}.out"

    def check(self) -> None:
        """Raise `DemoFailed` if one of them has ended."""
        for child in self._running:
            code = child.process.poll()
            if code is not None:
                raise DemoFailed(
                    f"{child.name} ended by itself with code {code}; its last words:\n{child.last_words()}"
                )


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
