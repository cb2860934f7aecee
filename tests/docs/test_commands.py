"""Every command of the README and of the quickstart, run as it stands there, one after the other, on one gateway."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

import pytest

from loadtest.rig.ports import free_port
from loadtest.rig.processes import Gateway, Processes, listening

pytestmark = pytest.mark.processes

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = ("README.md", "docs/quickstart.md")
ELSEWHERE: Final = {
    "make demo": "tests/demo/test_headless.py",
    "make test": "this is it",
    ". .venv/bin/activate": "commands here run by the interpreter of this environment",
}
"""Commands that have a test of their own."""
CONFIG: Final = """\
listen: {{data: "127.0.0.1:{data}", admin: "127.0.0.1:{admin}"}}
state_dir: {state}
workers: 1
models:
  acme-v12: {{base_url: "http://127.0.0.1:{models}/v1", model: lumen-1}}
  acme-v13: {{base_url: "http://127.0.0.1:{models}/v1", model: lumen-2}}
endpoints:
  chat: {{stable: acme-v12}}
"""


def commands(page: str) -> Iterator[list[str]]:
    """The words of each command in a page's shell blocks, without their comments."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                yield words


@dataclass(frozen=True)
class Place:
    """A gateway, and a directory that commands are typed in."""

    gateway: Gateway
    directory: Path

    def run(self, words: list[str]) -> None:
        """Run one command of driftgate as it stands, with the gateway's address; it must do what it says."""
        server = {"DRIFTGATE_SERVER": f"http://127.0.0.1:{self.gateway.admin_port}", "PATH": "/usr/bin:/bin"}
        command = [sys.executable, "-m", "gateway.cli", *words[1:]]
        environment = {**server, "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
        if "--watch" in words:
            self._watch(command, environment)
            return
        done = subprocess.run(
            command, cwd=self.directory, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)

    def _watch(self, command: list[str], environment: dict[str, str]) -> None:
        """What goes on until Ctrl-C has shown something of the endpoint by then."""
        with subprocess.Popen(command, cwd=self.directory, env=environment, stdout=subprocess.PIPE) as watching:
            assert watching.stdout is not None
            until, seen = monotonic() + 60, b""
            while b"chat" not in seen and monotonic() < until:
                seen += os.read(watching.stdout.fileno(), 65536)
            watching.terminate()
            assert b"chat" in seen


@pytest.fixture
def place(processes: Processes) -> Iterator[Place]:
    """A gateway with the models that the pages name."""
    with listening() as listener:
        names = ["--fd", str(listener.fileno()), "lumen-1", "lumen-2"]
        processes.start(
            "models", [sys.executable, "-m", "gateway.demo.model_server", *names], pass_fds=[listener.fileno()]
        )
        models = listener.getsockname()[1]
    ports = {"data": free_port(), "admin": free_port()}
    config = processes.place / "gateway.yaml"
    config.write_text(CONFIG.format(state=processes.place / "state", models=models, **ports))
    gateway = Gateway(processes, config, ports["data"], ports["admin"])
    gateway.start()
    gateway.wait_ready()
    (processes.place / "typed").mkdir()
    yield Place(gateway, processes.place / "typed")
    gateway.http.close()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_does_what_it_says(page: str, place: Place) -> None:
    """In the order in which a reader types them; `serve` is the gateway that runs here already, on other ports."""
    ran = 0
    for words in commands(page):
        if Path(words[0]).name == "driftgate":
            if words[1] != "serve":
                place.run(words)
            ran += 1
        else:
            assert " ".join(words) in ELSEWHERE, words
    assert ran > 5


def test_the_readmes_application_gets_an_answer(place: Place) -> None:
    """As it stands, but for the gateway's port."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    program = program.replace(":8080/", f":{place.gateway.data_port}/")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
