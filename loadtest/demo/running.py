"""The demo as a child process, and waiting for what its rollouts come to."""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import IO, Any, Final
from urllib.request import ProxyHandler, build_opener

SECONDS: Final = 120.0


@contextmanager
def demo() -> Iterator[str]:
    """The address of the running demo's admin plane; the demo ends with the block."""
    with tempfile.TemporaryFile() as said:
        command = [sys.executable, "-m", "gateway.cli", "demo"]
        process = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
        try:
            yield _address(process, said)
        except SystemExit:
            said.seek(0)
            print(said.read().decode(errors="replace")[-2000:], file=sys.stderr)
            raise
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def _address(process: subprocess.Popen[bytes], said: IO[bytes]) -> str:
    deadline = monotonic() + SECONDS
    while monotonic() < deadline and process.poll() is None:
        said.seek(0)
        words = said.read().decode(errors="replace").split()
        found = [words[at + 1] for at, word in enumerate(words[:-1]) if word == "dashboard"]
        if found and found[0].startswith("http"):
            return found[0]
        sleep(0.2)
    raise SystemExit("the demo did not start")


def asked(address: str, path: str) -> Any:  # Any: JSON
    """What the admin API answers."""
    with build_opener(ProxyHandler({})).open(address + path, timeout=10) as answer:
        return json.loads(answer.read())


def until(address: str, endpoint: str, *phases: str, weight_bps: int = 0) -> None:
    """Wait until the endpoint's rollout is in one of `phases`, at this weight or more."""
    deadline = monotonic() + SECONDS
    while monotonic() < deadline:
        try:
            rollout = asked(address, f"/admin/v1/endpoints/{endpoint}").get("rollout") or {}
        except OSError:
            rollout = {}
        if rollout.get("phase") in phases and rollout.get("weight_bps", 0) >= weight_bps:
            return
        sleep(0.2)
    raise SystemExit(f"{endpoint} did not come to {' or '.join(phases)}")
