"""A child never outlives its parent.

`bind_to_parent` asks the kernel for a signal when the parent dies: SIGKILL, the one that a frozen process cannot put
off until it is woken, by then beside its successor. What it loses is what a killed supervisor loses anyway. Run as a
program, this module does so and then becomes another program (the request survives `execve`):
`python -m gateway.lifeline PARENT_PID COMMAND …`.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PARENT_IS_GONE: Final = 70


def bind_to_parent(parent_pid: int, signal_number: signal.Signals = signal.SIGKILL) -> None:
    """Get `signal_number` when the parent dies; end at once if it is dead already. Linux; elsewhere it does nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(_PARENT_IS_GONE)


def through(command: Sequence[str]) -> list[str]:
    """The command that runs `command` bound to this process."""
    return [*python("gateway.lifeline"), str(os.getpid()), *command]


def python(module: str) -> list[str]:
    """The command that runs a module of ours. `-P`: a `redis.py` in the operator's directory is not imported."""
    return [sys.executable, "-P", "-m", module]


if __name__ == "__main__":
    bind_to_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the supervisor's own command, no shell
